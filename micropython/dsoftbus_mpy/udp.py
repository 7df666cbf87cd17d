"""UDP on MicroPython's asyncio: several sessions on one socket, over the core's `DatagramPump`.

Addresses are what `getaddrinfo` and `recvfrom` give: packed bytes on some ports, so nothing here
looks into one.
"""

import asyncio
import errno
import socket

from dsoftbus.const import DATAGRAM_MAX
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_NO_MEMORY
from dsoftbus_mpy import tcp
from dsoftbus_mpy.connection import Connection
from dsoftbus_mpy.waiting import change, readable, writable

_READS = 16  # datagrams in one turn; then other tasks have theirs


class UdpLink:
    """A datagram link on a bound socket, which it owns."""

    mtu = DATAGRAM_MAX

    def __init__(self, sock):
        sock.setblocking(False)
        self.socket = sock

    def recvfrom_into(self, buffer):
        """(n, path), or None; there is no recvfrom_into, so the datagram is copied once."""
        try:
            data, path = self.socket.recvfrom(len(buffer))
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise
        n = len(data)
        buffer[:n] = data
        return n, path

    def sendto(self, buffer, n: int, path) -> bool:
        try:
            self.socket.sendto(memoryview(buffer)[:n], path)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            raise
        return True

    def close(self) -> None:
        self.socket.close()


class UdpPort:
    """One socket of a bus, on `port`, and the sessions on it."""

    def __init__(self, bus, host: str, port: int):
        self.port, sock = tcp.bind(host, port, socket.SOCK_DGRAM)
        link = UdpLink(sock)
        self.endpoint = bus.node.endpoint(link.mtu)
        self._bus = bus
        self._pump = DatagramPump(self.endpoint, link, self._on_event)
        self._connections = []
        self._blocked = asyncio.Event()  # the writer's cue
        self._tasks = (bus.spawn(self._read_link()), bus.spawn(self._write_link()))

    def adopt(self, session):
        connection = DatagramConnection(self._bus, session, self)
        self._connections.append(connection)
        self._bus.adopt(connection)
        return connection

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._pump.link.close()

    # The pump

    def turn(self) -> None:
        """After every command: what can move, moves."""
        try:
            self._pump.turn(self._bus.now())
        except MemoryError as error:
            self._bus.on_error(error)  # what was left undone is done in a later turn
        for connection in list(self._connections):
            if connection.session.connection not in self.endpoint.sessions:
                self._connections.remove(connection)
                connection.release()
        self._bus.wake_by(self.endpoint.poll_timer())
        if self._pump.blocked:
            self._blocked.set()

    def handle_timer(self, now: int):
        """Does what is due; returns the next deadline in ms, or None."""
        deadline = self.endpoint.poll_timer()
        if deadline is not None and now >= deadline:
            self.endpoint.handle_timer(now)
            self.turn()
            deadline = self.endpoint.poll_timer()
        return deadline

    async def _read_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            await readable(sock)
            if self._read():
                await asyncio.sleep_ms(0)
            self.turn()

    def _read(self) -> bool:
        """Takes what has come; True when there may be more."""
        try:
            for _ in range(_READS):
                if not self._pump.read(self._bus.now()):
                    return False
        except MemoryError as error:
            self._bus.on_error(error)  # one datagram is lost
        return True

    async def _write_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            if self._pump.blocked:
                await writable(sock)
                self.turn()
            else:
                await change(self._blocked)

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
