"""A session that comes back by itself, with the streams that ask for it."""

import asyncio

from dsoftbus.const import KIND_BYTES
from dsoftbus.discovery.reconnect import Reconnect
from dsoftbus.errors import BAD_STATE, STREAM_LIMIT, BusError, LocalError
from dsoftbus_mpy.connection import Connection
from dsoftbus_mpy.waiting import change

_LOOK_MS = 250  # how long what ends the wait may go unnoticed
_EXPECTED = (BusError, OSError, MemoryError)  # failures of an attempt that are no fault


class Keeper:
    """Keeps a session of `bus` with one peer while it is entered as a context manager.

    `dial()` gives the session or raises: `Bus.connect` with its arguments. Whatever it raises is
    a failed attempt. `heard()` says when the peer last announced itself (ms, -1 for never).
    `on_up(connection)` and `on_down(cause)` tell of each session's beginning and end. What these,
    a stream's handler, or a `dial` with a fault raise is for the bus's `on_error`, and ends
    nothing else.
    """

    def __init__(self, bus, dial, on_up=None, on_down=None, heard=None):
        self.connection = None  # while there is one
        self.failure = None  # of the last attempt that failed
        self._bus = bus
        self._dial = dial
        self._on_up = on_up
        self._on_down = on_down
        self._heard = heard
        self._policy = Reconnect(bus.node.local.random)
        self._streams = []  # a task for each that is kept
        self._changed = asyncio.Event()
        self._ended = None  # what ended this keeper, as a closed bus does

    async def __aenter__(self):
        self._task = self._bus.drive(self._run)
        return self

    async def __aexit__(self, kind, error, trace):
        """Ends the session, and what would bring it back."""
        self._task.cancel()
        for task in list(self._streams):
            task.cancel()
        if self.connection is not None:
            await self.connection.close()

    async def connected(self):
        """The session, once there is one that lives. Raises LocalError(BAD_STATE) when the bus
        was closed, or this keeper has ended."""
        while self.connection is None or self.connection.cause is not None:
            if self._ended is not None:
                raise self._ended
            await change(self._changed)
        return self.connection

    def keep(self, name: str, handler, priority: int = 3, kind: int = KIND_BYTES) -> None:
        """Opens the stream `name` now and in every session to come: `handler(connection, stream)`
        runs each time, until it has returned or has failed while its session lived.

        Raises LocalError(STREAM_LIMIT): no session could hold one more.
        """
        if len(self._streams) >= self._bus.node.profile.streams:
            raise LocalError(STREAM_LIMIT, name)
        task = self._bus.spawn(self._serve(name, handler, priority, kind))
        try:
            self._streams.append(task)
        except MemoryError:
            task.cancel()
            raise

    def hurry(self) -> None:
        """The network is back: the next attempt is due now, whatever failed before."""
        self._policy.announced(self._bus.now())

    # The session

    async def _run(self) -> bool:
        """One session from its beginning to its end, or one attempt; True after the last.

        Where a fault of the program or a lack of memory cuts it short, it goes on where it was.
        """
        try:
            if self.connection is None:
                await self._wait()
                await self._attempt()
            if self.connection is not None:
                self._lost(await self.connection.ended())
        except asyncio.CancelledError:
            self._ended = LocalError(BAD_STATE)
            raise
        finally:
            if self._ended is not None:
                self._changed.set()
        return self._ended is not None

    async def _wait(self) -> None:
        """Until the next attempt is due; what the peer announces meanwhile may bring it on."""
        wait_ms = self._policy.due - self._bus.now()
        while wait_ms > 0:
            await asyncio.sleep_ms(min(wait_ms, _LOOK_MS))
            if self._heard:
                self._policy.announced(self._heard())
            wait_ms = self._policy.due - self._bus.now()

    async def _attempt(self) -> None:
        try:
            connection = await self._dial()
            if not isinstance(connection, Connection):
                raise TypeError("dial")
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            if isinstance(error, LocalError) and error.code == BAD_STATE:
                self._ended = error
            self.failure = error
            self._policy.failed(self._bus.now())
            if not isinstance(error, _EXPECTED):
                self._bus.tell(error)
            return
        self.connection = connection
        self._policy.connected(self._bus.now())
        self._changed.set()
        if self._on_up:
            self._on_up(connection)

    def _lost(self, cause) -> None:
        self.connection = None
        self._policy.lost(self._bus.now())
        if self._on_down:
            self._on_down(cause)

    # Its streams

    async def _serve(self, name: str, handler, priority: int, kind: int) -> None:
        """One kept stream, in one session after the other."""
        over = False
        try:
            while not over:
                try:
                    over = await self._serve_once(name, handler, priority, kind)
                except MemoryError as error:
                    self._bus.tell(error)
                    await asyncio.sleep_ms(_LOOK_MS)
        except LocalError as error:
            if error is not self._ended:
                raise
        finally:
            self._streams.remove(asyncio.current_task())

    async def _serve_once(self, name: str, handler, priority: int, kind: int) -> bool:
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
