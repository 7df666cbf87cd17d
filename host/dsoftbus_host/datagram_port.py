"""Datagram links on asyncio's loop: several sessions on one, over the core's `DatagramPump`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dsoftbus.const import EV_MESSAGE
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_INTERNAL
from dsoftbus.ticks import earliest
from dsoftbus_host import display
from dsoftbus_host.clock import now_ms
from dsoftbus_host.connection import Connection
from dsoftbus_host.contained import Contained

if TYPE_CHECKING:
    from dsoftbus.session.events import Event
    from dsoftbus.session.over_datagram import DatagramSession
    from dsoftbus_host.bus import Bus

BLOCKED_MS = 20  # between two looks at the timers while the link takes nothing
READS = 64  # datagrams in one turn of the loop; then others have theirs
log = display.log()


class DatagramPort:
    """One link of a bus, and the sessions on it. A subclass watches its link for reading."""

    LINE = False  # a serial line, which delivers by itself

    def __init__(self, bus: Bus, link: Any) -> None:
        self._bus = bus
        self._link = link
        self.endpoint = bus.node.endpoint(self._link.mtu, self.LINE)
        self._pump = DatagramPump(self.endpoint, self._link, self._on_event)
        self._connections: dict[DatagramSession, DatagramConnection] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._writing = False
        self._failed = False  # in this turn

    def adopt(self, session: DatagramSession) -> DatagramConnection:
        connection = DatagramConnection(self._bus, session, self)
        self._connections[session] = connection
        self._bus.adopt(connection)
        return connection

    def close(self) -> None:
        """Sessions that still live here have lost their link."""
        with Contained("the end of a link"):
            for connection in list(self._connections.values()):
                connection.session.link_lost()
        self.turn()
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        self._unwatch()
        self._link.close()

    # The pump

    def turn_soon(self) -> None:
        """After a command: several of them leave together, in packets as full as can be."""
        if self._soon is None:
            self._soon = self._loop.call_soon(self.turn)

    def turn(self) -> None:
        """What can move, moves; then the timer is set."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        try:
            self._move()
        except Exception:  # noqa: BLE001 - a fault of ours: it ends one session and no other
            self._fail()
        self._release_finished()
        with Contained("a datagram link"):
            if self._blocked != self._writing:
                self._watch_writing()
        self._arm()

    def _move(self) -> None:
        self._pump.turn(now_ms())

    def _on_readable(self) -> None:
        try:
            self._read(now_ms())
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        self.turn()

    def _read(self, now: int) -> None:
        for _ in range(READS):
            if not self._pump.read(now):
                break

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self._read(now_ms())  # what is waited for may be here, and this side was busy
            self._handle_timer(now_ms())
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        self.turn()

    def _handle_timer(self, now: int) -> None:
        self.endpoint.handle_timer(now)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = None
        try:
            deadline = self._deadline()
        except Exception:  # noqa: BLE001 - as in turn
            self._fail()
        if self._failed:  # what it has left undone is done soon
            self._failed = False
            deadline = earliest(deadline, now_ms() + BLOCKED_MS)
        if deadline is not None:
            delay = max(deadline - now_ms(), 0) / 1000
            self._timer = self._loop.call_later(delay, self._on_timer)

    def _deadline(self) -> int | None:
        deadline: int | None = self.endpoint.poll_timer()
        if deadline is not None and self._pump.blocked:
            # What is due may wait for the link, and would be due again at once.
            deadline = max(deadline, now_ms() + BLOCKED_MS)
        return deadline

    @property
    def _blocked(self) -> bool:
        """Whether the link waits until it can be written to."""
        blocked: bool = self._pump.blocked
        return blocked

    def _fileno(self) -> int:
        """The link's file descriptor, or -1 while it has none."""
        return int(self._link.fileno())

    def _watch_writing(self) -> None:
        self._unwatch_writing()
        if self._blocked:
            self._writing = True
            self._loop.add_writer(self._fileno(), self.turn)

    def _unwatch_writing(self) -> None:
        self._writing = False
        if self._fileno() >= 0:
            self._loop.remove_writer(self._fileno())

    def _unwatch(self) -> None:
        if self._fileno() >= 0:
            self._loop.remove_reader(self._fileno())
        self._unwatch_writing()

    def _fail(self) -> None:
        """Ends the session that was at work. One that cannot even end is dropped."""
        self._failed = True
        session = self.endpoint.at_work
        log.exception("session with %s", session.peer_id if session is not None else "nobody")
        if session is None:
            return
        was_closed = session.closed
        with Contained("the end of a session"):
            session.refuse(END_INTERNAL)
        if was_closed:
            with Contained("the end of a session"):
                self.endpoint.forget(session)

    # Events

    def _on_event(self, session: DatagramSession, event: Event) -> None:
        connection = self._connections.get(session) or self.adopt(session)
        connection.on_event(event)

    def _release_finished(self) -> None:
        for session, connection in list(self._connections.items()):
            if session.connection not in self.endpoint.sessions:
                del self._connections[session]
                connection.release()


class DatagramConnection(Connection):
    """A connection that shares its port with others."""

    session: DatagramSession

    def __init__(self, bus: Bus, session: DatagramSession, port: DatagramPort) -> None:
        super().__init__(bus, session)
        self._port = port
        self._message = asyncio.Event()

    def send_datagram(self, data: bytes | bytearray | memoryview) -> bool:
        """Sends `data` in one packet, once: it may get lost. False when it would block."""
        taken: bool = self.session.send_datagram(data)
        self.turn()
        return taken

    async def recv_datagram(self) -> bytes:
        """The next unreliable message; raises the session's cause at its end."""
        while True:
            message: bytes | None = self.session.recv_datagram()
            if message is not None:
                return message
            if self.cause:
                raise self.cause
            self._message.clear()
            await self._message.wait()

    def on_event(self, event: Event) -> None:
        if event.kind == EV_MESSAGE:
            self._message.set()
        else:
            super().on_event(event)
            self._message.set()  # whoever waits for a message learns of the end

    def turn(self) -> None:
        self._port.turn_soon()

    def turn_if_owed(self) -> None:
        mux = self.session.mux
        if mux is not None and mux.has_output:
            self._port.turn_soon()

    def drive(self) -> None:
        self._port.turn()

    def abort(self, code: int) -> None:
        self.session.refuse(code)
        self._port.turn_soon()

    def release(self) -> None:
        """The session has ended, and its last datagram is out."""
        self._message.set()
        self.on_released()
