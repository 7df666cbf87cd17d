"""A UDP socket as a datagram link (docs/porting.md).

Addresses are what `getaddrinfo` and `recvfrom` give: packed bytes on some ports, so nothing here
looks into one.
"""

import errno

from dsoftbus.const import DATAGRAM_MAX

_PEEK = 2  # of a recvfrom that leaves the datagram where it is


class UdpLink:
    """A datagram link on a bound socket, which it owns."""

    mtu = DATAGRAM_MAX

    def __init__(self, sock):
        sock.setblocking(False)
        self.waits_for = sock

    def recvfrom_into(self, buffer):
        """(n, path), or None. There is no recvfrom_into, so the datagram is copied once; without
        memory for that, its path is read first, where the port can do so."""
        try:
            data, path = self.waits_for.recvfrom(len(buffer))
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise
        except MemoryError:
            return self._read_apart(buffer)
        n = len(data)
        buffer[:n] = data
        return n, path

    def _read_apart(self, buffer):
        try:
            path = self.waits_for.recvfrom(1, _PEEK)[1]
        except TypeError:  # a port without flags
            raise MemoryError
        except OSError:
            return None  # nothing has come
        return self.waits_for.readinto(buffer), path

    def sendto(self, buffer, n: int, path) -> bool:
        try:
            self.waits_for.sendto(memoryview(buffer)[:n], path)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            raise
        return True

    def close(self) -> None:
        self.waits_for.close()
