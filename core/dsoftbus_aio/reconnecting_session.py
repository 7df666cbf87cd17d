"""A session that comes back by itself, with the streams that ask for it."""

import asyncio

from dsoftbus.const import KIND_BYTES
from dsoftbus.discovery.reconnect import Reconnect
from dsoftbus.errors import (
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_INTERNAL,
    END_LINK_DOWN,
    END_NO_MEMORY,
    HANDLER_FAILED,
    STREAM_LIMIT,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus_aio.connection import Connection

if False:  # for types
    from collections.abc import Awaitable, Callable

    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.contracts import Handler


_LOOK_MS = 250  # how long what ends the wait may go unnoticed
_EXPECTED = (BusError, OSError, MemoryError)  # failures of an attempt that are no fault


class ReconnectingSession:
    """Keeps a session of `bus` with one peer while it is entered as a context manager.

    `dial()` gives the session or raises: `Bus.connect` with its arguments. Any exception of it is
    a failed attempt. `heard()` says when the peer last announced itself (ms, -1 for never).
    `on_up(connection)` and `on_down(cause)` tell of each session's beginning and end. Exceptions
    of these, of a stream's handler, or of a `dial` with a fault go to the bus's `on_error`, and
    end nothing else.

    `why` is a BusError that says why there is no session: what ended the last one, or why the last
    attempt failed (`failure` is what it raised). It is None while there is one, and before the
    first attempt is over.
    """

    def __init__(
        self,
        bus: "BaseBus",
        dial: "Callable[[], Awaitable[Connection]]",
        on_up: "Callable[[Connection], object] | None" = None,
        on_down: "Callable[[BusError], object] | None" = None,
        heard: "Callable[[], int] | None" = None,
    ) -> None:
        self.connection: Connection | None = None  # while there is one
        self.failure: Exception | None = None  # of the last attempt that failed
        self.why: BusError | None = None
        self._bus = bus
        self._dial = dial
        self._on_up = on_up
        self._on_down = on_down
        self._heard = heard
        self._policy = Reconnect(bus.node.local.random)
        self._streams: list[Any] = []  # a task for each that is kept
        self._changed = bus.runtime.signal()
        self._task: Any = None
        self._ended: LocalError | None = None  # what ended this object, as a closed bus does

    async def __aenter__(self) -> "Any":
        self.start()
        return self

    async def __aexit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        await self.close()

    def start(self) -> None:
        """Seeks the session from now on, if that has not begun."""
        if self._task is None:
            self._task = self._bus.spawn(self._run())

    async def close(self) -> None:
        """Ends the session, and what would bring it back."""
        self._end(LocalError(BAD_STATE, "its reconnecting session has ended"))
        for task in [self._task] + self._streams:
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if self.connection is not None:
            await self._part(self.connection)

    async def connected(self, timeout_ms: int | None = None) -> Connection:
        """The session, once there is one that lives. Raises LocalError(BAD_STATE) when the bus
        was closed, or this object has ended; with `timeout_ms` BusError when there was none in
        that time: its code is that of `why`."""
        if timeout_ms is None:
            return await self._session(None, None)
        timer = self._bus.runtime.timer(self._changed.set)
        try:
            return await self._session(timer, self._bus.now() + timeout_ms)
        finally:
            timer.close()

    def keep(
        self,
        name: str,
        handler: "Handler",
        priority: int = 3,
        kind: int = KIND_BYTES,
    ) -> None:
        """Opens the stream `name` now and in every session to come: `handler(connection, stream)`
        runs each time, until it has returned or has failed while its session lived.

        After a failure of the peer's handler (HANDLER_FAILED) the stream is opened again in
        the same session: after 1 s, then after twice as long, 60 s at most.

        Raises LocalError(STREAM_LIMIT): no session could hold one more.
        """
        if len(self._streams) >= self._bus.node.profile.streams:
            raise LocalError(STREAM_LIMIT, name)
        policy = Reconnect(self._bus.node.local.random)
        task = self._bus.spawn(self._serve(policy, name, handler, priority, kind))
        try:
            self._streams.append(task)
        except MemoryError:
            task.cancel()
            raise

    def hurry(self) -> None:
        """The network is back: the next attempt is due now, whatever failed before."""
        self._policy.announced(self._bus.now())
        self._changed.set()

    # The session

    async def _session(self, timer: "Any", deadline: int | None) -> Connection:
        while True:
            if self._ended is not None:
                raise self._ended
            if self.connection is not None and self.connection.cause is None:
                return self.connection
            if deadline is not None:
                if self._bus.now() >= deadline:
                    raise self._late()
                timer.at(deadline)
            await self._changed.change()

    def _late(self) -> BusError:
        """A new error for each who has waited in vain; it has the code of `why`."""
        why = self.why
        if why is None:
            return PeerError(END_HANDSHAKE_TIMEOUT, self._named("no answer yet"))
        if isinstance(why, PeerError):
            return PeerError(why.code, self._named(why.detail), why.peer_code)
        return LocalError(why.code, self._named(why.detail))

    async def _part(self, connection: Connection) -> None:
        await connection.close()

    def _named(self, detail: str) -> str:
        """A subclass says whose session it is."""
        return detail

    def _end(self, error: LocalError) -> None:
        if self._ended is None:
            self._ended = error
        self._changed.set()

    async def _run(self) -> None:
        """Runs to the end; after a lack of memory it goes on where it was."""
        try:
            while self._ended is None:
                try:
                    await self._step()
                except MemoryError as error:
                    self._bus.tell(error)
                    await self._bus.runtime.sleep(_LOOK_MS)
        finally:
            self._end(LocalError(BAD_STATE, "its reconnecting session has ended"))

    async def _step(self) -> None:
        """One session from its beginning to its end, or one attempt."""
        if self.connection is None:
            await self._wait()
        if self.connection is None:
            await self._attempt()
        if self.connection is not None:
            self._lost(await self.connection.ended())

    async def _wait(self) -> None:
        """Waits until the next attempt is due; what the peer announces meanwhile may bring it
        on."""
        timer = self._bus.runtime.timer(self._changed.set)
        try:
            while self._policy.due > self._bus.now() and self.connection is None:
                timer.at(self._next_look())
                await self._changed.change()
                self._listen()
        finally:
            timer.close()

    def _next_look(self) -> int:
        """Returns when to ask again what was heard: a program's own `heard` tells nobody."""
        due = self._policy.due
        return due if self._heard is None else min(due, self._bus.now() + _LOOK_MS)

    def _listen(self) -> None:
        if self._heard is not None:
            try:
                self._policy.announced(self._heard())
            except Exception as error:  # noqa: BLE001 - the program's own
                self._bus.tell(error)

    async def _attempt(self) -> None:
        try:
            connection = await self._dial()
            if not isinstance(connection, Connection):
                raise TypeError("dial() gave no Connection")
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            if self.connection is not None:
                return  # the peer came by itself
            if isinstance(error, LocalError) and error.code == BAD_STATE:
                self._ended = error
            self.failure = error
            self.why = _labelled(error)
            self._policy.failed(self._bus.now())
            if not isinstance(error, _EXPECTED):
                self._bus.tell(error)
            return
        self._adopt(connection)

    def _adopt(self, connection: Connection) -> None:
        self.connection = connection
        self.why = None
        self._policy.connected(self._bus.now())
        self._changed.set()
        self._call(self._on_up, connection)

    def _lost(self, cause: BusError) -> None:
        self.connection = None
        self.why = cause
        self._policy.lost(self._bus.now())
        self._changed.set()
        self._call(self._on_down, cause)

    def _call(self, callback: "Callable[[Any], object] | None", what: object) -> None:
        """Calls the program's own."""
        if callback is not None:
            try:
                callback(what)
            except Exception as error:  # noqa: BLE001 - for its on_error
                self._bus.tell(error)

    # Its streams

    async def _serve(self, policy: Reconnect, *what: "Any") -> None:
        """One kept stream, in one session after the other; `what` it is: see `keep`."""
        over = False
        try:
            while not over:
                try:
                    over = await self._serve_once(policy, *what)
                except MemoryError as error:
                    self._bus.tell(error)
                    await self._bus.runtime.sleep(_LOOK_MS)
        except LocalError as error:
            if error is not self._ended:
                raise
        finally:
            self._streams.remove(asyncio.current_task())

    async def _serve_once(
        self,
        policy: Reconnect,
        name: str,
        handler: "Handler",
        priority: int,
        kind: int,
    ) -> bool:
        """False when the stream is to be opened again: its session took it along, or the peer's
        handler has failed."""
        connection = await self.connected()
        policy.connected(self._bus.now())
        try:
            async with await connection.open(name, priority, kind) as stream:
                await handler(connection, stream)
        except BusError as error:
            if connection.cause is None:
                if error.code != HANDLER_FAILED:
                    raise
                policy.lost(self._bus.now())
                await self._until_due(policy, connection)
            return False
        return True

    async def _until_due(self, policy: Reconnect, connection: Connection) -> None:
        """The next session need not wait for what failed in this one."""
        timer = self._bus.runtime.timer(self._changed.set)
        try:
            timer.at(policy.due)
            while policy.due > self._bus.now() and connection.cause is None:
                await self._changed.change()
        finally:
            timer.close()


def _labelled(error: Exception) -> BusError:
    if isinstance(error, BusError):
        return error
    if isinstance(error, MemoryError):
        return LocalError(END_NO_MEMORY)
    code = END_LINK_DOWN if isinstance(error, OSError) else END_INTERNAL
    return LocalError(code, str(error) or repr(error))
