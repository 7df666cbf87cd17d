"""The sockets that a bus listens on.

IPv4 and IPv6 have sockets of their own, for TCP as for UDP (`IPV6_V6ONLY` is set, whatever the
system's default). One for both would call an IPv4 peer `::ffff:192.0.2.1`, as nothing else does,
and not every system has such sockets.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from dsoftbus_host.links import resolver
from dsoftbus_host.links.resolver import SocketAddress
from dsoftbus_host.links.tcp import BACKLOG

EVERYWHERE = ""  # every address of this machine, of both families
PORT_TRIES = 16  # for any port, until one is free for every link and family
_KINDS = {
    "udp": [socket.SOCK_DGRAM],
    "quic": [socket.SOCK_DGRAM],
    "auto": [socket.SOCK_STREAM, socket.SOCK_DGRAM],
}
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # a family that this machine lacks


def listening(host: str, port: int, link: str) -> list[socket.socket]:
    """A socket for each address of `host` and each link ("tcp", "udp", "auto": both; "quic",
    "ws", "wss"), on one port: all of them or none. An address that this machine lacks is left out
    where it has another one. Raises OSError."""
    tries = 1 if port else PORT_TRIES
    places = _places(host, port)
    while True:
        try:
            return _bound(places, port, link)
        except OSError as error:
            tries -= 1
            if error.errno != errno.EADDRINUSE or not tries:
                raise


def bound_datagram(family: int, address: Any) -> socket.socket:
    """A socket for datagrams at `address`; raises OSError."""
    return _socket(family, socket.SOCK_DGRAM, address)


def _places(host: str, port: int) -> list[SocketAddress]:
    if host == EVERYWHERE:
        every: list[SocketAddress] = [(socket.AF_INET, ("0.0.0.0", port))]
        if socket.has_ipv6:
            every.append((socket.AF_INET6, ("::", port, 0, 0)))
        return every
    return resolver.own_addresses(host, port)


def _bound(places: list[SocketAddress], port: int, link: str) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    with contextlib.ExitStack() as unless_all:
        for family, (host, _, *zone) in places:
            for kind in _KINDS.get(link, [socket.SOCK_STREAM]):
                try:
                    sock = _socket(family, kind, (host, port, *zone))
                except OSError as error:
                    if error.errno not in _ABSENT:
                        raise
                    absent = error
                    break
                sockets.append(unless_all.enter_context(sock))
                port = int(sock.getsockname()[1])
        if not sockets and absent is not None:
            raise absent
        unless_all.pop_all()
    return sockets


def _socket(family: int, kind: int, address: Any) -> socket.socket:
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM and os.name == "posix":  # else it would share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
