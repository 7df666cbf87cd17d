"""A session as programs on asyncio have it, and its driver on a stream link: a thin wrapper of
the core's pump. `udp` has the driver of datagram links."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dsoftbus.const import EV_OPENED, KIND_BYTES
from dsoftbus.errors import (
    END_INTERNAL,
    NO_SUCH_SERVICE,
    STREAM_REFUSED,
    BusError,
)
from dsoftbus.pump import Pump
from dsoftbus.session.session import CLOSED
from dsoftbus_host import display
from dsoftbus_host.clock import now_ms
from dsoftbus_host.contained import Contained
from dsoftbus_host.stream import BusStream

if TYPE_CHECKING:
    from types import TracebackType

    from dsoftbus.session.events import Event
    from dsoftbus.session.session import Session
    from dsoftbus.session.streams import Stream
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.tcp import TcpLink

log = display.log()

MORE_READS_A_TURN = 3
FULL_READ_BYTES = 65536  # a shorter one has left nothing behind


class Connection:
    """An established session, for programs; before that, its bus's own.

    Iterate over it for the streams that the peer opens. A subclass drives it.
    """

    def __init__(self, bus: Bus, session: Session) -> None:
        self.session = session
        self.serving = 0  # handlers of its streams that run now
        self._bus = bus
        self.loop = asyncio.get_running_loop()
        self._incoming: list[BusStream] = []  # no more than the peer may have open
        self._changed = asyncio.Event()  # a stream came, or the session ended
        self.ready = asyncio.Event()  # established, or it never will be
        self.closed = asyncio.Event()  # and the link is gone

    # For programs

    @property
    def peer_id(self) -> str:
        return str(self.session.peer_id)

    @property
    def peer_name(self) -> str:
        return str(self.session.peer_name)

    @property
    def peer_public(self) -> bytes:
        return bytes(self.session.peer_public)

    @property
    def cause(self) -> BusError | None:
        """Why the session ended, or None while it lives."""
        failure: BusError | None = self.session.failure
        return failure

    async def open(self, name: str, priority: int = 3, kind: int = KIND_BYTES) -> BusStream:
        """A stream to the peer's service `name`; priority 0 (highest) to 7.

        Writing may start at once; a refusal shows as PeerError at the next read or write.
        """
        if self.cause is not None:
            raise self.cause
        stream = BusStream(self, self.session.open(name, priority, kind))
        self._bus.on_name(name)
        self.turn()
        return stream

    async def accept(self) -> BusStream:
        """The next stream that the peer opens; raises the session's cause at its end."""
        while True:
            while self._incoming:
                stream = self._incoming.pop(0)
                if stream.accept():
                    return stream
            if self.cause:
                raise self.cause
            self._changed.clear()
            await self._changed.wait()

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> BusStream:
        try:
            return await self.accept()
        except BusError:
            raise StopAsyncIteration from None

    async def ended(self) -> BusError:
        """Waits for the end of the session; returns its cause."""
        while (cause := self.cause) is None:
            self._changed.clear()
            await self._changed.wait()
        return cause

    async def ping(self) -> None:
        """Asks for a sign of life; `session.keepalive.rtt_ms` has the answer's time."""
        self.session.ping(now_ms())
        self.turn()

    async def close(self) -> None:
        """Sends what was written, tells the peer, and returns when the link is gone."""
        try:
            self.session.close(now_ms())
        except Exception:
            log.exception("session with %s", self.peer_id)
            self.abort(END_INTERNAL)
        self.drive()
        await self.closed.wait()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # What a driver supplies

    def start(self) -> None:
        """Drives the session from now on. The bus has the connection already, and hears of its
        end, should that come at once."""

    def turn(self) -> None:
        """After a command: what can move, moves."""
        raise NotImplementedError

    def turn_if_owed(self) -> None:
        """After a read: where it gave the peer new credit, that leaves with what others read."""
        raise NotImplementedError

    def drive(self) -> None:
        """As `turn`, and the timer is set anew."""
        raise NotImplementedError

    def abort(self, code: int) -> None:
        """Ends the session at once: something is wrong on this side."""
        raise NotImplementedError

    # Events

    def on_event(self, event: Event) -> None:
        """A fault here ends the session; the events that follow are told all the same."""
        stream = event.stream
        try:
            if stream is None:
                self._on_session_event()
            elif event.kind == EV_OPENED:
                self._on_opened(stream)
            elif stream.context is not None:
                stream.context.notify(event.kind)
        except Exception:
            log.exception("session with %s", self.peer_id)
            with Contained("the end of a session"):
                self.session.refuse(END_INTERNAL)

    def _on_session_event(self) -> None:
        self.ready.set()
        self._changed.set()
        if not self.session.closed:
            self._bus.on_established(self)

    def _on_opened(self, core_stream: Stream) -> None:
        if not self._bus.serves:
            self._offer(BusStream(self, core_stream))
            return
        handler = self._bus.handler(core_stream.name)
        if handler is None:
            core_stream.reset(NO_SUCH_SERVICE)
        # As many again may be busy still with what their ended stream brought; a peer that opens
        # and resets gets no further tasks out of it.
        elif self.serving >= 2 * self.session.local.profile.streams:
            core_stream.reset(STREAM_REFUSED)
        else:
            self._bus.serve(handler, self, BusStream(self, core_stream))

    def on_released(self) -> None:
        """The link is gone. Whoever waits for anything of this session learns of its end."""
        self.ready.set()
        self._changed.set()
        self.closed.set()
        self._bus.on_released(self)

    def _offer(self, stream: BusStream) -> None:
        """For accept(). Those that the peer has reset since make room."""
        if len(self._incoming) == self.session.local.profile.streams:
            self._incoming = [other for other in self._incoming if not other.ended]
        self._incoming.append(stream)
        self._changed.set()


class StreamConnection(Connection):
    """A connection on a link of its own that carries a stream of bytes: see `start`."""

    def __init__(self, bus: Bus, session: Session, link: TcpLink) -> None:
        super().__init__(bus, session)
        self._pump = Pump(session, link, self.on_event)
        self._fd = link.fileno()
        self._writing = False
        self._gather = False
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        try:
            self.loop.add_reader(self._fd, self._on_readable)
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        self.drive()

    # The pump

    def turn(self) -> None:
        """After a command: what can move, moves.

        The first command after the peer was heard leaves at once, for the round trip's sake.
        Those that follow gather until the buffer is full or the loop comes round, so that bulk
        needs fewer system calls.
        """
        pump = self._pump
        try:
            pump.turn(now_ms(), self._gather)
        except Exception:  # noqa: BLE001 - a fault of ours: it ends this session and no other
            self._fail()
        if pump.waiting and not pump.blocked:
            self._flush_soon()
        self._gather = True
        if pump.blocked or self._writing or self.session.state == CLOSED:
            self._follow_up()

    def drive(self) -> None:
        self._flush()
        self._arm()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = self._gather = False
        self.turn()

    def turn_if_owed(self) -> None:
        mux = self.session.mux
        if mux is not None and mux.has_output:
            self._flush_soon()

    def _read_on(self, now: int) -> None:
        """What else is there, up to a bound: other connections have their turn too."""
        for _ in range(MORE_READS_A_TURN):
            if self._pump.read(now) < FULL_READ_BYTES:
                return

    def _on_readable(self) -> None:
        now = now_ms()
        pump = self._pump
        self._gather = False
        try:
            if pump.read(now) >= FULL_READ_BYTES:
                self._read_on(now)
            pump.turn(now)
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        if pump.blocked or self._writing or self.session.state == CLOSED:
            self._follow_up()
        elif self.session.half_open:
            self._arm()  # an opening may wait for its turn

    def _fail(self) -> None:
        log.exception("session with %s", self.peer_id)
        self.abort(END_INTERNAL)

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self.session.handle_timer(now_ms())
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        self.drive()

    def _follow_up(self) -> None:
        if self.session.closed:
            self._stop()
        if self._pump.blocked != self._writing and not self.closed.is_set():
            self._watch_writing(self._pump.blocked)

    def _watch_writing(self, on: bool) -> None:
        self._writing = on
        if on:
            self.loop.add_writer(self._fd, self._flush)
        else:
            self.loop.remove_writer(self._fd)

    def _arm(self) -> None:
        """Sets the timer. A deadline that has moved away since fires early and looks again."""
        self._disarm()
        if self.closed.is_set():
            return
        deadline = None
        try:
            deadline = self._pump.poll_timer()
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        if deadline is not None:
            delay = max(deadline - now_ms(), 0) / 1000
            self._timer = self.loop.call_later(delay, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The end

    def abort(self, code: int) -> None:
        with Contained("the end of a session"):
            self.session.refuse(code)
            self._pump.abandon()
        self._release()

    def _stop(self) -> None:
        """The session has ended. Its last bytes get a moment to leave, then the link goes."""
        if self._pump.finished:
            self._release()
        elif not self.closed.is_set():
            self._arm()

    def _release(self) -> None:
        if self.closed.is_set():
            return
        self._disarm()
        self.loop.remove_reader(self._fd)
        self.loop.remove_writer(self._fd)
        self._pump.link.close()
        self.on_released()
