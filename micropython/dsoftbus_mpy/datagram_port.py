"""Datagram links on MicroPython's asyncio: several sessions on one, over the core's
`DatagramPump`."""

import asyncio

from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_INTERNAL, END_NO_MEMORY
from dsoftbus.ticks import earliest
from dsoftbus_mpy.connection import Connection
from dsoftbus_mpy.waiting import cancel

_READS = 16  # datagrams in one turn; then other tasks have theirs
_BLOCKED_MS = 20  # between two looks at the timers while the link takes nothing
_AGAIN_MS = 50  # after a lack of memory: what was left undone is tried again


class DatagramPort:
    """One link of a bus, and the sessions on it. A subclass waits for its link."""

    LINE = False  # a serial line, which delivers by itself

    def __init__(self, bus, link):
        self.endpoint = bus.node.endpoint(link.mtu, self.LINE)
        self._bus = bus
        self._pump = DatagramPump(self.endpoint, link, self._on_event)
        self._connections = []
        self._blocked = asyncio.Event()  # the writer's cue
        self._reader = self._writer = None  # tasks
        self._again_at = None  # a lack of memory has left something undone

    def adopt(self, session):
        connection = None
        try:
            connection = DatagramConnection(self._bus, session, self)
            self._connections.append(connection)
            self._bus.adopt(connection)
        except MemoryError:
            if connection in self._connections:
                self._connections.remove(connection)
            session.refuse(END_NO_MEMORY)
            self._turn_again()
            raise
        return connection

    def start(self) -> None:
        """Drives the port from now on; where there is no memory for that, closes it."""
        try:
            self._reader = self._bus.drive(self._read_link)
            self._writer = self._bus.drive(self._write_link)
        except MemoryError:
            self.close()
            raise

    def close(self) -> None:
        cancel(self._reader)
        cancel(self._writer)
        self._pump.link.close()

    @property
    def ended(self) -> bool:
        """Whether one of its tasks has ended: nobody reads or writes any more."""
        return self._reader.done() or self._writer.done()

    # The pump

    def turn(self) -> None:
        """After every command: what can move, moves."""
        self._again_at = None
        try:
            self._move()
            for connection in list(self._connections):
                if connection.session.connection not in self.endpoint.sessions:
                    self._connections.remove(connection)
                    connection.release()
            self._bus.wake_by(self.poll_timer())
        except Exception as error:  # noqa: BLE001 - most likely a lack of memory
            self.contain(error)

    def contain(self, error) -> None:
        """A fault of ours ends the session that was at work, and no other; one that cannot even
        end is dropped."""
        session = self.endpoint.at_work
        self._turn_again()
        self._bus.tell(error)
        if session is None or isinstance(error, MemoryError):
            return
        try:
            if session.closed:
                self.endpoint.forget(session)
            session.refuse(END_INTERNAL)
        except Exception as another:  # noqa: BLE001 - as above
            self._bus.tell(another)

    def _turn_again(self) -> None:
        self._again_at = self._bus.now() + _AGAIN_MS
        self._bus.wake_by(self._again_at)

    def _move(self) -> None:
        self._pump.turn(self._bus.now())
        if self._pump.blocked:
            self._blocked.set()

    def poll_timer(self):
        """The next deadline in ms, or None."""
        deadline = self.endpoint.poll_timer()
        if deadline is not None and self._pump.blocked:
            # What is due may wait for the link, and would be due again at once.
            deadline = max(deadline, self._bus.now() + _BLOCKED_MS)
        return earliest(deadline, self._again_at)

    def handle_timer(self, now: int):
        """Does what is due; returns the next deadline in ms, or None."""
        deadline = self.poll_timer()
        if deadline is not None and now >= deadline:
            self._read()  # what is waited for may be here, and this side was busy
            self._on_timer(now)
            self.turn()
            deadline = self.poll_timer()
        return deadline

    def _on_timer(self, now: int) -> None:
        self.endpoint.handle_timer(now)

    def _read(self) -> bool:
        """Takes what has come; True when there may be more."""
        try:
            for _ in range(_READS):
                if not self._pump.read(self._bus.now()):
                    return False
        except Exception as error:  # noqa: BLE001 - most likely a lack of memory
            self.contain(error)  # one datagram is lost
        return True

    async def _read_link(self) -> bool:
        """A step: waits until the link may have something, and takes it. True at its end."""
        raise NotImplementedError

    async def _write_link(self) -> bool:
        """A step: waits until the link takes something again. True at its end."""
        raise NotImplementedError

    def _on_event(self, session, event) -> None:
        for connection in self._connections:
            if connection.session is session:
                connection.on_event(event)
                return
        self.adopt(session).on_event(event)


class DatagramConnection(Connection):
    """A connection that shares its port with others.

    Unreliable messages: `session.send_datagram` and `session.recv_datagram`, then `turn()`.
    """

    def __init__(self, bus, session, port):
        super().__init__(bus, session)
        self._port = port

    def turn(self) -> None:
        if not self.released:
            self._port.turn()

    def handle_timer(self, now: int):
        """The port has the timer."""

    def abort(self, code: int) -> None:
        self.session.refuse(code)
        self.turn()

    def release(self) -> None:
        """The session has ended, and its last datagram is out."""
        self.released = True
        self._changed.set()
        self._bus.on_released(self)
