"""Calls that programs make (docs/services.md). Programs that make none do not load this."""

import asyncio

from dsoftbus.const import CALLS_STREAM, KIND_MESSAGES
from dsoftbus.errors import LocalError
from dsoftbus.service.caller import WAITING, Caller
from dsoftbus_aio.services.call_line import CallLine, denied
from dsoftbus_aio.services.own_calls import right

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.service.caller import Call
    from dsoftbus_aio.connection import Connection


_PRIORITY = 2  # above what programs say unless told otherwise, below the bus's own


class Calling(CallLine):
    """The calls that programs here make to one peer."""

    async def call(self, name: str, value: "Any", timeout_ms: int) -> "Any":
        """See `Connection.call`."""
        call = self._begin(name, value, timeout_ms)
        try:
            while call.state == WAITING:
                while call.parts:
                    self.take(call)
                if call.state == WAITING:
                    await call.context.change()
        except asyncio.CancelledError:
            self.give_up(call)
            raise
        if call.error is not None:
            raise call.error
        return call.value

    def parts(self, name: str, value: "Any", timeout_ms: int) -> "Parts":
        """See `Connection.parts`."""
        return Parts(self, self._begin(name, value, timeout_ms))

    def _begin(self, name: str, value: "Any", timeout_ms: int) -> "Call":
        """Begins a call; its `context` is a signal of its news."""
        connection = self.connection
        check(connection, name)
        runtime = connection.runtime
        call = self.machine.call(name, value, runtime.now(), timeout_ms)
        call.context = runtime.signal()
        self.turn()
        self._time()
        asked = right(name)
        if connection.bus.on_name is not None and asked:
            connection.bus.on_name(asked)
        return call

    def give_up(self, call: "Call") -> None:
        """Nobody waits for it any more."""
        self.machine.cancel(call)
        self.turn()

    def take(self, call: "Call") -> "Any":
        """The next part of its reply, which is there."""
        part = self.machine.take(call)
        self.turn()
        return part

    def _tell(self) -> None:
        call = self.machine.next_event()
        while call is not None:
            call.context.set()
            call = self.machine.next_event()


# Public


class Parts:
    """A reply in parts, for `async for`. It is cancelled when the loop is left before its end,
    and `close()` is called or the program ends; `value` is its last word then."""

    def __init__(self, line: Calling, call: "Call") -> None:
        self._line = line
        self._call = call

    def __aiter__(self) -> "Parts":
        return self

    async def __anext__(self) -> "Any":
        call = self._call
        while not call.parts:
            if call.state != WAITING:
                if call.error is not None:
                    raise call.error
                raise StopAsyncIteration
            await call.context.change()
        return self._line.take(call)

    @property
    def value(self) -> "Any":
        """The last word of the reply, or None."""
        return self._call.value

    def close(self) -> None:
        """No further part is wanted."""
        self._line.give_up(self._call)


# Ours


def open_line(connection: "Connection", name: str) -> Calling:
    """The line for calls from here, for one of this name."""
    check(connection, name)
    profile = connection.session.local.profile
    stream = connection.session.open(CALLS_STREAM, _PRIORITY, KIND_MESSAGES)
    line = connection.calling = Calling(connection, stream, Caller(profile))
    connection.turn()
    return line


def check(connection: "Connection", name: str) -> None:
    """Raises BusError where there is no such call: the rules, or the session's end."""
    code = denied(connection, True, name)
    if code:
        raise LocalError(code, right(name))
    if connection.session.closed:
        raise connection.cause
