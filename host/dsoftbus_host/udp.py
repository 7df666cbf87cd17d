"""UDP on asyncio's loop: several sessions on one socket."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from dsoftbus.const import DATAGRAM_MAX
from dsoftbus_host.datagram_port import DatagramPort

if TYPE_CHECKING:
    from dsoftbus_host.bus import Bus

BUFFER_BYTES = 4 << 20  # asked of the OS, which may give less: a turn's delay must not lose much


class UdpLink:
    """A datagram socket as a link. Owns the socket."""

    mtu = DATAGRAM_MAX

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):  # some refuse what is more than they give
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self.socket = sock
        self._recvfrom_into = sock.recvfrom_into
        self._sendto = sock.sendto

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, Any] | None:
        try:
            return self._recvfrom_into(buffer)
        except BlockingIOError:
            return None

    def sendto(self, buffer: bytearray, n: int, path: Any) -> bool:
        try:
            self._sendto(memoryview(buffer)[:n], path)
        except BlockingIOError:
            return False
        return True

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()


class UdpPort(DatagramPort):
    """One socket of a bus, and the sessions on it."""

    _link: UdpLink

    def __init__(self, bus: Bus, sock: socket.socket) -> None:
        super().__init__(bus, UdpLink(sock))
        self._loop.add_reader(self._link.fileno(), self._on_readable)

    @property
    def port(self) -> int:
        return int(self._link.socket.getsockname()[1])

    def rebind(self, sock: socket.socket) -> None:
        """Goes on with another socket: the sessions move with it, and their peers follow."""
        self._unwatch()
        self._link.close()
        self._link = self._pump.link = UdpLink(sock)
        self._loop.add_reader(self._link.fileno(), self._on_readable)
