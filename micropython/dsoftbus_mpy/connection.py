"""A session as programs on MicroPython's asyncio have it. `tcp_port` and `datagram_port` have the
drivers: thin wrappers of the core's pumps."""

import asyncio
from collections import deque

from dsoftbus.const import EV_OPENED, KIND_BYTES
from dsoftbus.errors import (
    END_INTERNAL,
    END_NO_MEMORY,
    NO_SUCH_SERVICE,
    STREAM_REFUSED,
    LocalError,
    PeerError,
)
from dsoftbus_mpy.stream import BusStream
from dsoftbus_mpy.waiting import change


class Connection:
    """An established session, for programs; before that, its bus's own.

    Iterate over it for the streams that the peer opens. A subclass drives it: `turn()` after
    every command, `handle_timer(now)`, `abort(code)`.
    """

    def __init__(self, bus, session):
        self.session = session
        self.released = False  # the link is gone
        self.serving = 0  # handlers of its streams that run now
        self._bus = bus
        self._incoming = deque((), session.local.profile.streams)  # accept() empties it
        self._changed = asyncio.Event()  # established, a stream came, or the link went

    # For programs

    @property
    def peer_id(self) -> str:
        return self.session.peer_id

    @property
    def peer_name(self) -> str:
        return self.session.peer_name

    @property
    def peer_public(self) -> bytes:
        return self.session.peer_public

    @property
    def cause(self):
        """Why the session ended, as a BusError, or None while it lives."""
        return self.session.failure

    async def open(self, name: str, priority: int = 3, kind: int = KIND_BYTES) -> BusStream:
        """A stream to the peer's service `name`; priority 0 (highest) to 7.

        Writing may start at once; a refusal shows as PeerError at the next read or write.
        """
        if self.session.closed:
            raise self.cause
        stream = self.session.open(name, priority, kind)
        try:
            wrapped = BusStream(self, stream)
        except MemoryError:
            stream.reset()
            raise
        finally:
            self.turn()
        return wrapped

    async def accept(self) -> BusStream:
        """The next stream that the peer opens; raises the session's cause at its end."""
        while True:
            while self._incoming:
                stream = self._incoming.popleft()
                if stream.accept():
                    return stream
            if self.session.closed:
                raise self.cause
            await change(self._changed)

    def __aiter__(self):
        return self

    async def __anext__(self) -> BusStream:
        try:
            return await self.accept()
        except (LocalError, PeerError):
            raise StopAsyncIteration

    async def ended(self):
        """Waits for the end of the session; returns its cause."""
        while self.cause is None:
            await change(self._changed)
        return self.cause

    async def close(self) -> None:
        """Sends what was written, tells the peer, and returns when the link is gone."""
        self.session.close(self._bus.now())
        self.turn()
        while not self.released:
            await change(self._changed)

    def __aenter__(self):
        """Who cannot enter for a lack of memory has no session any more."""
        try:
            return self._entered()
        except MemoryError:
            self.abort(END_NO_MEMORY)
            raise

    async def _entered(self):
        return self

    def __aexit__(self, kind, error, trace):
        try:
            return self.close()
        except MemoryError:
            self.abort(END_NO_MEMORY)
            raise

    async def established(self) -> None:
        """Returns when the handshake has ended well; raises the cause when it has not."""
        while self.session.half_open:
            await change(self._changed)
        if self.session.closed:
            raise self.cause

    # The driver

    def turn(self) -> None:
        """After every command: what can move, moves."""
        raise NotImplementedError

    def abort(self, code: int) -> None:
        """Ends the session at once: something is wrong on this side."""
        raise NotImplementedError

    def turn_if_owed(self) -> None:
        """After a read: only where it gave the peer new credit."""
        mux = self.session.mux
        if mux is not None and mux.has_output:
            self.turn()

    # Events

    def on_event(self, event) -> None:
        """A fault here ends the session; the events that follow are told all the same."""
        stream = event.stream
        try:
            if stream is None:
                self._changed.set()
                if not self.session.closed:
                    self._bus.on_established(self)
            elif event.kind == EV_OPENED:
                self._on_opened(stream)
            elif stream.context is not None:
                stream.context.notify(event.kind)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours
            self._bus.tell(error)
            self.session.refuse(END_INTERNAL)

    def _on_opened(self, core_stream) -> None:
        bus = self._bus
        try:
            if not bus.serves:
                self._offer(BusStream(self, core_stream))
                return
            handler = bus.handler(core_stream.name)
            if handler is None:
                core_stream.reset(NO_SUCH_SERVICE)
            # As many again may be busy still with what their ended stream brought; a peer that
            # opens and resets gets no further tasks out of it.
            elif self.serving >= 2 * self.session.local.profile.streams:
                core_stream.reset(STREAM_REFUSED)
            else:
                bus.serve(handler, self, BusStream(self, core_stream))
        except MemoryError:
            core_stream.reset(STREAM_REFUSED)

    def _offer(self, stream) -> None:
        """For accept(). Those that the peer has reset since make room."""
        for _ in range(len(self._incoming)):
            other = self._incoming.popleft()
            if not other.ended:
                self._incoming.append(other)
        self._incoming.append(stream)
        self._changed.set()
