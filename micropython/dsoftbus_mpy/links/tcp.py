"""TCP links on non-blocking sockets, as `dsoftbus.pump` asks for them."""

import errno

from dsoftbus_mpy.links.sockets import bind, resolve

try:
    import socket
except ImportError:
    socket = None  # `resolve` says so

# Named on boards, missing in the unix port; the numbers are the same everywhere.
_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_BACKLOG = 4


class TcpLink:
    """A stream link. An OSError of a read or a write is the end of it."""

    def __init__(self, sock, connecting: bool = False):
        sock.setblocking(False)
        _send_at_once(sock)
        self.waits_for = sock
        self.connecting = connecting  # nothing may be written yet

    def readinto(self, view):
        """Returns how many bytes were read; 0 at the end, None when there are none now."""
        return self.waits_for.readinto(view)

    def write(self, buffer, at: int, stop: int):
        """Returns how much of `buffer[at:stop]` was taken, None for nothing now; allocates
        nothing."""
        if self.connecting:  # the next time, the socket has been waited for
            self.connecting = False
            return None
        return self.waits_for.write(buffer, at, stop - at)

    def close(self) -> None:
        self.waits_for.close()


def connect(host: str, port: int) -> TcpLink:
    """Begins to connect; the link is there once its socket is writable.

    A connection that fails shows as an OSError of the first read or write. Looking `host` up
    blocks where it is not an address. Raises OSError.
    """
    address = resolve(host, port)
    link = TcpLink(socket.socket(), True)
    try:
        link.waits_for.connect(address)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            link.close()
            raise
    return link


class Listener:
    """Takes connections on `port`; with 0 on some free port, which `port` then tells."""

    def __init__(self, host: str, port: int):
        self.port, self.waits_for = bind(host, port, True)
        self.waits_for.listen(_BACKLOG)
        self.waits_for.setblocking(False)

    def accept(self):
        """(link, address) of a connection that waits, None when there is none; OSError."""
        try:
            sock, address = self.waits_for.accept()
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise
        return TcpLink(sock), address

    def close(self) -> None:
        self.waits_for.close()


def _send_at_once(sock) -> None:
    """A session writes whole records; waiting for more (RFC 896) only delays them."""
    try:
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
    except OSError:
        pass  # a port without the option sends later, not wrongly
