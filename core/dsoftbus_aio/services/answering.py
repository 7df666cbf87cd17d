"""Calls that programs answer (docs/services.md). Programs that answer none do not load this."""

import asyncio

from dsoftbus.errors import STREAM_LIMIT
from dsoftbus.service import status
from dsoftbus.service.call_messages import OWN
from dsoftbus.service.callee import RUNNING, Callee
from dsoftbus.service.status import CallError
from dsoftbus_aio.services.call_line import CallLine, denied
from dsoftbus_aio.services.own_calls import handler

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus.service.callee import Request
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


async def _nothing() -> None:
    pass


_nothing_yet = _nothing()
_COROUTINE = type(_nothing_yet)  # on MicroPython it is that of generators, too
_nothing_yet.close()


def _is_coroutine(answer: "Any") -> bool:
    return type(answer) is _COROUTINE


class Answering(CallLine):
    """The calls that one peer makes here."""

    console: "Any" = None  # the Console of its sources, once it has one

    def _tell(self) -> None:
        request = self.machine.next_event()
        while request is not None:
            run = request.context
            if run is None:
                self._start(request)
            elif request.state == RUNNING:
                run.changed.set()
            else:
                run.cancel()
            request = self.machine.next_event()

    def _start(self, request: "Request") -> None:
        """Runs the handler: at once, or as a task where it is a coroutine or answers in parts."""
        machine = self.machine
        if request.state != RUNNING:  # it was cancelled in the same breath
            machine.reply(request, None)
            return
        try:
            answer = _handler(self.connection.bus, request.name)(self.connection, request.value)
        except Exception as error:  # noqa: BLE001 - the program's own
            self.failed(request, error)
            return
        if _is_coroutine(answer) or hasattr(answer, "__aiter__"):
            request.context = _Run(self, request, answer)
            self._time()
        else:
            machine.reply(request, answer)

    def failed(self, request: "Request", error: Exception) -> None:
        """Its handler has raised: its own words for the caller, or no more than that it failed."""
        if isinstance(error, CallError) and error.code == status.ERROR:
            self.machine.reply(request, [error.number, error.detail], status.ERROR)
        else:
            self.connection.bus.tell(error)
            self.machine.reply(request, None, status.FAILED)


class _Run:
    """A handler at work that does not answer at once."""

    def __init__(self, line: Answering, request: "Request", answer: "Any") -> None:
        self.changed = line.connection.runtime.signal()  # new credit, or room for a reply
        self._line = line
        self._request = request
        self._begun = False
        self._task = line.connection.runtime.spawn(self._finish(answer))

    def cancel(self) -> None:
        """Ends the handler. A task that has not begun would say nothing: it looks for itself."""
        if self._begun:
            self._task.cancel()

    async def _finish(self, answer: "Any") -> None:
        """Waits for the answer, and says it."""
        self._begun = True
        line = self._line
        try:
            if self._request.state != RUNNING:
                if _is_coroutine(answer):
                    answer.close()
                answer = None
            if _is_coroutine(answer):
                answer = await answer
            if hasattr(answer, "__aiter__"):
                async for part in answer:
                    await self._part(part)
                answer = None
            line.machine.reply(self._request, answer)
        except asyncio.CancelledError:
            if line.connection.bus.closed:
                raise
            line.machine.reply(self._request, None, status.CANCELLED)
        except Exception as error:  # noqa: BLE001 - the program's own
            line.failed(self._request, error)
        line.turn()

    async def _part(self, value: "Any") -> None:
        line = self._line
        while not line.machine.part(self._request, value):
            await self.changed.change()
        line.turn()


def answer(connection: "Connection", stream: "MessageStream") -> None:
    """The peer has opened its stream of calls."""
    if connection.answering is not None and not connection.answering.ended:
        stream.reset(STREAM_LIMIT)
        return
    callee = Callee(connection.session.local.profile, _refusal(connection))
    connection.answering = Answering(connection, stream, callee)
    stream.accept()
    connection.turn()


def _refusal(connection: "Connection") -> "Callable[[str], int]":
    """Returns a Callee's question: the rules first, so that nobody learns what is here."""

    def refusal(name: str) -> int:
        if denied(connection, False, name):
            return status.DENIED
        return 0 if _handler(connection.bus, name) is not None else status.NO_METHOD

    return refusal


def _handler(bus: "BaseBus", name: str) -> "Any":
    """The program's own for this name, or the bus's, where that is installed; or None."""
    if not name.startswith(OWN):
        return bus.calls.get(name)
    return handler(bus, name)
