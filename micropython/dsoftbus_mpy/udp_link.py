"""A UDP socket as a datagram link (docs/porting.md).

Addresses are what `getaddrinfo` and `recvfrom` give: packed bytes on some ports, so nothing here
looks into one.
"""

import errno

from dsoftbus.const import DATAGRAM_MAX


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
