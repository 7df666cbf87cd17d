"""A session that comes back by itself, with the streams that ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dsoftbus.const import KIND_BYTES
from dsoftbus.discovery.reconnect import Reconnect
from dsoftbus.errors import BAD_STATE, STREAM_LIMIT, BusError, LocalError
from dsoftbus_host import display
from dsoftbus_host.clock import now_ms
from dsoftbus_host.connection import Connection

if TYPE_CHECKING:
    from dsoftbus_host.bus import Bus, Handler

LOOK_S = 0.25  # how long an announcement may go unnoticed while the session is down
log = display.log()


class Keeper:
    """Keeps a session of `bus` with one peer while it is entered as a context manager.

    `dial()` gives the session or raises: `Bus.connect` or `Nearby.connect` with its arguments.
    Whatever it raises is a failed attempt. `heard()` says when the peer last announced itself
    (ms, -1 for never). `on_up(connection)` and `on_down(cause)` tell of each session's beginning
    and end. What these, a stream's handler, or a `dial` with a fault raise is for the bus's
    `on_error`, and ends nothing else.
    """

    def __init__(
        self,
        bus: Bus,
        dial: Callable[[], Awaitable[Connection]],
        on_up: Callable[[Connection], None] | None = None,
        on_down: Callable[[BusError], None] | None = None,
        heard: Callable[[], int] | None = None,
    ) -> None:
        self.connection: Connection | None = None  # while there is one
        self.failure: Exception | None = None  # of the last attempt that failed
        self._bus = bus
        self._dial = dial
        self._on_up = on_up
        self._on_down = on_down
        self._heard = heard
        self._policy = Reconnect(bus.node.local.random)
        self._streams: set[asyncio.Task[None]] = set()  # one for each that is kept
        self._changed = asyncio.Event()
        self._ended: LocalError | None = None  # what ended this keeper, as a closed bus does

    async def __aenter__(self) -> Keeper:
        self._task = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the session, and what would bring it back."""
        tasks = [self._task, *self._streams]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.connection is not None:
            await self.connection.close()

    async def connected(self) -> Connection:
        """The session, once there is one that lives. Raises LocalError(BAD_STATE) when the bus
        was closed, or this keeper has ended."""
        while self.connection is None or self.connection.cause is not None:
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()
        return self.connection

    def keep(self, name: str, handler: Handler, priority: int = 3, kind: int = KIND_BYTES) -> None:
        """Opens the stream `name` now and in every session to come: `handler(connection, stream)`
        runs each time, until it has returned or has failed while its session lived.

        Raises LocalError(STREAM_LIMIT): no session could hold one more.
        """
        if len(self._streams) >= self._bus.node.profile.streams:
            raise LocalError(STREAM_LIMIT, name)
        task = asyncio.ensure_future(self._serve(name, handler, priority, kind))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    # The session

    async def _run(self) -> None:
        try:
            while self._ended is None:
                await self._wait()
                connection = await self._attempt()
                if connection is not None:
                    await self._hold(connection)
        finally:
            if self._ended is None:
                self._ended = LocalError(BAD_STATE, "the keeper has ended")
            self._changed.set()

    async def _wait(self) -> None:
        """Until the next attempt is due; what the peer announces meanwhile may bring it on."""
        while (wait_ms := self._policy.due - now_ms()) > 0:
            seconds = wait_ms / 1000
            await asyncio.sleep(seconds if self._heard is None else min(seconds, LOOK_S))
            if self._heard is not None:
                try:
                    self._policy.announced(self._heard())
                except Exception as error:  # noqa: BLE001 - as in _attempt
                    self._bus.tell(error)

    async def _attempt(self) -> Connection | None:
        """The session, or None: then the next attempt has its time."""
        try:
            connection = await self._dial()
            if isinstance(connection, Connection):
                return connection
            raise TypeError(f"dial() gave {type(connection).__name__}, no Connection")
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            if isinstance(error, LocalError) and error.code == BAD_STATE:
                self._ended = error
            self.failure = error
            self._policy.failed(now_ms())
            log.info("no session: %s", error)
            if not isinstance(error, (BusError, OSError)):
                self._bus.tell(error)
        return None

    async def _hold(self, connection: Connection) -> None:
        """From the beginning of a session to its end."""
        self.connection = connection
        self._policy.connected(now_ms())
        self._changed.set()
        self._call(self._on_up, connection)
        cause = await connection.ended()
        self.connection = None
        self._policy.lost(now_ms())
        self._call(self._on_down, cause)

    def _call(self, callback: Callable[[Any], None] | None, what: object) -> None:
        """Calls the program's own."""
        if callback is not None:
            try:
                callback(what)
            except Exception as error:  # noqa: BLE001 - for its on_error
                self._bus.tell(error)

    # Its streams

    async def _serve(self, name: str, handler: Handler, priority: int, kind: int) -> None:
        """One kept stream, in one session after the other."""
        try:
            while not await self._serve_once(name, handler, priority, kind):
                pass
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            if error is not self._ended:
                self._bus.tell(error)

    async def _serve_once(self, name: str, handler: Handler, priority: int, kind: int) -> bool:
        """False when the stream's session took it along."""
        connection = await self.connected()
        try:
            async with await connection.open(name, priority, kind) as stream:
                await handler(connection, stream)
        except BusError:
            if connection.cause is None:
                raise
            return False
        return True
