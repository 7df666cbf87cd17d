"""UDP on asyncio's loop: several sessions on one socket."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any

from dsoftbus.const import DATAGRAM_MAX, HOST
from dsoftbus_aio.datagram_port import DatagramConnection
from dsoftbus_aio.hub_port import HubPort
from dsoftbus_host.links.refusals import Refusals
from dsoftbus_host.links.resolver import written

if TYPE_CHECKING:
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection

MOST_READS = 64  # in a turn; then others have theirs
TRY_EVERY = 8  # turns that found one datagram each
BUFFER_BYTES = 4 << 20  # asked of the OS, which may give less: a turn's delay must not lose much


# The bit DF: nobody on the way cuts a datagram, and no route's MTU is believed (RFC 8899, section
# 3). Option and value by system; Python names few: linux/in.h, linux/in6.h, netinet/in.h (Darwin),
# ws2ipdef.h. (level, option, value)
_IP, _IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
_WHOLE = {
    "linux": {socket.AF_INET: [(_IP, 10, 3)], socket.AF_INET6: [(_IPV6, 23, 3), (_IP, 10, 3)]},
    "darwin": {socket.AF_INET: [(_IP, 28, 1)], socket.AF_INET6: [(_IPV6, 62, 1)]},
    "win32": {socket.AF_INET: [(_IP, 14, 1)], socket.AF_INET6: [(_IPV6, 14, 1)]},
}


def keep_whole(sock: socket.socket) -> bool:
    """Has the datagrams of `sock` leave whole or not at all; returns whether that is so."""
    options = _WHOLE.get(sys.platform, {}).get(sock.family, [])
    try:
        for option in options:
            sock.setsockopt(*option)
    except OSError:
        return False
    return bool(options)


class UdpLink:
    """A datagram socket as a link. Owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.mtu = HOST.datagram_bytes if keep_whole(sock) else DATAGRAM_MAX
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):  # some refuse what is more than they give
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self.socket = sock
        self.waits_for = sock.fileno()
        self.received = 0  # datagrams
        self._recvfrom_into = sock.recvfrom_into
        self._sendto = sock.sendto

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, Any] | None:
        try:
            found = self._recvfrom_into(buffer)
        except BlockingIOError:
            return None
        self.received += 1
        return found

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


class UdpPort(HubPort):
    """One socket of a bus, and the sessions on it.

    A turn reads until there is nothing more. If the last turns found one datagram each, as with
    round trips, it stops after one, and only now and then tries for a second: to find none costs
    a system call and an exception.
    """

    READS = MOST_READS

    def __init__(self, bus: BaseBus, sock: socket.socket) -> None:
        super().__init__(bus, UdpLink(sock))
        self._alone = 0  # turns in a row that found one datagram

    def _read(self) -> None:
        before = self._link.received
        super()._read()
        if self._link.received - before > 1:
            self._alone = 0
        else:
            self._alone = (self._alone + 1) % TRY_EVERY
        self.READS = 1 if self._alone else MOST_READS

    def says(self, address: Any) -> str:
        """The path to `address`, in words."""
        return "udp " + written(address)

    @property
    def port(self) -> int:
        return int(self._link.socket.getsockname()[1])

    def rebind(self, sock: socket.socket) -> None:
        """Goes on with another socket: the sessions move with it, and their peers follow."""
        if self._watch is not None:
            self._watch.close()
        self._link.close()
        self._link = self._pump.link = UdpLink(sock)
        self._writing = False
        self.watch()


class CallingPort(UdpPort):
    """A socket for sessions that begin here. A call that the network refuses ends at once."""

    def __init__(self, bus: BaseBus, sock: socket.socket) -> None:
        super().__init__(bus, sock)
        self._refusals = Refusals(sock)
        self.refused: dict[Connection, str] = {}  # why, until the caller has taken it
        self._calls: dict[DatagramSession, Connection] = {}  # whose handshakes are under way

    def adopt(self, session: DatagramSession) -> DatagramConnection:
        self._refusals.watch(True)
        connection: DatagramConnection = super().adopt(session)
        self._calls[session] = connection
        return connection

    def rebind(self, sock: socket.socket) -> None:
        super().rebind(sock)
        self._refusals = Refusals(sock)

    def turn(self, session: DatagramSession | None = None) -> None:
        super().turn(session)
        if self._calls:
            self._calls = {s: call for s, call in self._calls.items() if s.half_open}
            self._refusals.watch(bool(self._calls))

    def _read(self) -> None:
        super()._read()
        for address, reason in self._refusals.take():
            for session, connection in self._calls.items():
                if session.half_open and session.path == address:
                    self.refused[connection] = reason
                    session.link_lost()
                    self._hub.wake(session)
