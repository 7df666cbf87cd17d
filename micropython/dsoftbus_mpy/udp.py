"""UDP on MicroPython's asyncio: several sessions on one socket.

Addresses are what `getaddrinfo` and `recvfrom` give: packed bytes on some ports, so nothing here
looks into one.
"""

import asyncio
import errno
import socket

from dsoftbus.const import DATAGRAM_MAX
from dsoftbus_mpy import tcp
from dsoftbus_mpy.datagram_port import DatagramPort
from dsoftbus_mpy.waiting import change, readable, writable


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


class UdpPort(DatagramPort):
    """One socket of a bus, on `port`, and the sessions on it."""

    def __init__(self, bus, host: str, port: int):
        self.port, sock = tcp.bind(host, port, socket.SOCK_DGRAM)
        super().__init__(bus, UdpLink(sock))
        self._tasks = (bus.spawn(self._read_link()), bus.spawn(self._write_link()))

    async def _read_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            await readable(sock)
            if self._read():
                await asyncio.sleep_ms(0)
            self.turn()

    async def _write_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            if self._pump.blocked:
                await writable(sock)
                self.turn()
            else:
                await change(self._blocked)
