"""Datagram links on MicroPython's asyncio: several sessions on one, over the core's
`DatagramPump`."""

import asyncio

from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_NO_MEMORY
from dsoftbus_mpy.connection import Connection

_READS = 16  # datagrams in one turn; then other tasks have theirs
_BLOCKED_MS = 20  # between two looks at the timers while the link takes nothing


class DatagramPort:
    """One link of a bus, and the sessions on it. A subclass waits for its link: `_tasks`."""

    def __init__(self, bus, link):
        self.endpoint = bus.node.endpoint(link.mtu)
        self._bus = bus
        self._pump = DatagramPump(self.endpoint, link, self._on_event)
        self._connections = []
        self._blocked = asyncio.Event()  # the writer's cue
        self._tasks: tuple = ()

    def adopt(self, session):
        connection = DatagramConnection(self._bus, session, self)
        self._connections.append(connection)
        self._bus.adopt(connection)
        return connection

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._pump.link.close()

    @property
    def ended(self) -> bool:
        """Whether one of its tasks has ended: nobody reads or writes any more."""
        return any(task.done() for task in self._tasks)

    # The pump

    def turn(self) -> None:
        """After every command: what can move, moves."""
        try:
            self._move()
        except MemoryError as error:
            self._bus.on_error(error)  # what was left undone is done in a later turn
        for connection in list(self._connections):
            if connection.session.connection not in self.endpoint.sessions:
                self._connections.remove(connection)
                connection.release()
        self._bus.wake_by(self.poll_timer())

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
        return deadline

    def handle_timer(self, now: int):
        """Does what is due; returns the next deadline in ms, or None."""
        deadline = self.poll_timer()
        if deadline is not None and now >= deadline:
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
        except MemoryError as error:
            self._bus.on_error(error)  # one datagram is lost
        return True

    def _on_event(self, session, event) -> None:
        for connection in self._connections:
            if connection.session is session:
                connection.on_event(event)
                return
        try:
            self.adopt(session).on_event(event)
        except MemoryError:
            session.refuse(END_NO_MEMORY)


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
