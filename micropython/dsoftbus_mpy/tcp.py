"""TCP links on non-blocking sockets, as `dsoftbus.pump` asks for them.

`socket.connect`, `bind` and `accept` speak of addresses as `getaddrinfo` gives them: on some ports
those are packed bytes, so nothing here looks into one.
"""

import errno
import io
import os

from dsoftbus.errors import BAD_ARGUMENT, LocalError, Unsupported

try:
    import socket
except ImportError:
    socket = None  # a board that has a cable and no network

# Named on boards, missing in the unix port; the numbers are the same everywhere.
_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_BACKLOG = 4
_ENTRY_BYTES = 512  # of asyncio's queue and of the poll, should both tables grow: half of that
# The ports for listening on "any": RFC 6335 section 6.
_DYNAMIC_FIRST = 49152
_DYNAMIC_COUNT = 16384
_DYNAMIC_TRIES = 32


class TcpLink:
    """A stream link. An OSError of a read or a write is the end of it."""

    def __init__(self, sock):
        sock.setblocking(False)
        _send_at_once(sock)
        self.socket = sock

    def readinto(self, view):
        """How many bytes were read; 0 at the end, None when there are none now."""
        return self.socket.readinto(view)

    def write(self, buffer, at: int, stop: int):
        """How much of `buffer[at:stop]` was taken, None for nothing now; allocates nothing."""
        return self.socket.write(buffer, at, stop - at)

    def close(self) -> None:
        self.socket.close()


def connect(host: str, port: int) -> TcpLink:
    """Begins to connect; the link is there once its socket is writable.

    A connection that fails shows as an OSError of the first read or write. Looking `host` up
    blocks where it is not an address. Raises OSError.
    """
    address = resolve(host, port)
    link = TcpLink(socket.socket())
    try:
        link.socket.connect(address)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            link.close()
            raise
    return link


class Listener:
    """Takes connections on `port`; with 0 on some free port, which `port` then tells."""

    def __init__(self, host: str, port: int):
        self.port, self.socket = bind(host, port, True)
        self.socket.listen(_BACKLOG)
        self.socket.setblocking(False)

    def accept(self) -> tuple:
        """(link, address) of a connection that waits; OSError when there is none."""
        sock, address = self.socket.accept()
        return TcpLink(sock), address

    def close(self) -> None:
        self.socket.close()


def bind(host: str, port: int, stream: bool) -> tuple:
    """(port, socket) on `port`, with 0 on some free port; not `stream`: for datagrams."""
    tries = 1 if port else _DYNAMIC_TRIES
    while True:
        chosen = port or _random_port()
        try:
            return chosen, _bound(resolve(host, chosen), stream)
        except OSError as error:
            tries -= 1
            if error.errno != errno.EADDRINUSE or not tries:
                raise


def _bound(address, stream: bool):
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET, kind)
    try:
        if stream:  # for a datagram socket it would share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def reserve() -> None:
    """Before a socket is registered with a poll: sees to it that there is memory for that.

    `poll.register` that finds none leaves half an entry, through which the next poll reads at
    address 0. What is taken here is given back at once. Raises MemoryError.
    """
    io.BytesIO(_ENTRY_BYTES).close()


def resolve(host: str, port: int):
    """The address as sockets take it. Raises Unsupported where the port has none; OSError."""
    if socket is None:
        raise Unsupported("sockets: this port has no module socket")
    if not 0 < port < 65536:
        raise LocalError(BAD_ARGUMENT, "port %d" % port)
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]


def _random_port() -> int:
    """A port for the caller to try: there is no getsockname to ask what port 0 became."""
    draw = os.urandom(2)
    return _DYNAMIC_FIRST + (draw[0] << 8 | draw[1]) % _DYNAMIC_COUNT


def _send_at_once(sock) -> None:
    """A session writes whole records; waiting for more (RFC 896) only delays them."""
    try:
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
    except OSError:
        pass  # a port without the option sends later, not wrongly
