"""Sockets and their addresses, for TCP and UDP.

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

EVERYWHERE = "0.0.0.0"  # links here are IPv4
_ENTRY_BYTES = 512  # see `runtime`
# The ports for listening on "any": RFC 6335 section 6.
_DYNAMIC_FIRST = 49152
_DYNAMIC_COUNT = 16384
_DYNAMIC_TRIES = 32


def bind(host: str, port: int, stream: bool) -> tuple:
    """(port, socket) on `port`, with 0 on some free port; not `stream`: for datagrams. `host` "":
    every IPv4 address."""
    host = host or EVERYWHERE
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


def resolve(host: str, port: int):
    """The address as sockets take it. Raises Unsupported for one of IPv6, and on a port without
    sockets; OSError for a name that nobody has."""
    if socket is None:
        raise Unsupported("sockets: this port has no module socket")
    if ":" in host:
        raise Unsupported("IPv6: links here are IPv4, and " + host + " is not")
    if not 0 < port < 65536:
        raise LocalError(BAD_ARGUMENT, "port %d" % port)
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]


def _random_port() -> int:
    """A port for the caller to try: there is no getsockname to ask what port 0 became."""
    draw = os.urandom(2)
    return _DYNAMIC_FIRST + (draw[0] << 8 | draw[1]) % _DYNAMIC_COUNT


def reserve() -> None:
    """Before a socket is registered with a poll: as `runtime` does, for who has no asyncio."""
    io.BytesIO(_ENTRY_BYTES).close()
