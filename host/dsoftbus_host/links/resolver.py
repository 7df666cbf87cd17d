"""Leads from a host, as people and announcements name it, to the addresses that sockets take.

An address is `(family, sockaddr)`, the latter as `recvfrom` gives it: an IPv6 one carries the
number of its zone, without which a link-local one leads nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

from dsoftbus.errors import BAD_ARGUMENT, LocalError

SocketAddress = tuple[int, Any]
_LINK_LOCAL = ipaddress.ip_network("fe80::/10")


async def addresses(host: str, port: int) -> list[SocketAddress]:
    """All that `host` has, in the order in which to try them. A literal address needs no
    resolver, and no thread.

    Raises OSError where the name does not resolve, LocalError(BAD_ARGUMENT) for a link-local
    address that does not say which of this machine's interfaces leads there, or names none.
    """
    if is_literal(host):
        return own_addresses(host, port)
    loop = asyncio.get_running_loop()
    with _named(host):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return _checked(host, found)


def own_addresses(host: str, port: int) -> list[SocketAddress]:
    """Resolves as `addresses` does, at once: for this machine's own, which it has in a file."""
    flags = socket.AI_NUMERICHOST if is_literal(host) else 0
    with _named(host):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return _checked(host, found)


@contextlib.contextmanager
def _named(host: str) -> Iterator[None]:
    """The resolver's failure says which host it was; an address fails by its zone alone."""
    try:
        yield
    except socket.gaierror as error:
        _, percent, zone = host.partition("%")
        if percent and is_literal(host):
            what = f"{host}: this machine has no interface {zone}"
            raise LocalError(BAD_ARGUMENT, what) from None
        raise socket.gaierror(error.errno, f"{host}: {error.strerror}") from None


def _checked(host: str, found: list[Any]) -> list[SocketAddress]:
    for family, *_, address in found:
        if family == socket.AF_INET6 and _lacks_zone(address):
            raise LocalError(
                BAD_ARGUMENT, f"{host}: link-local, so with its interface: {address[0]}%eth0"
            )
    return interleaved([(entry[0], entry[4]) for entry in found])


def interleaved(found: list[SocketAddress]) -> list[SocketAddress]:
    """The families take turns, that of the first address first (RFC 8305 section 4): one that is
    broken costs one attempt and not as many as it has addresses. Each address once."""
    once = list(dict.fromkeys(found))
    first = [each for each in once if each[0] == once[0][0]]
    others = [each for each in once if each[0] != once[0][0]]
    paired = min(len(first), len(others))
    turns = [each for pair in zip(first, others, strict=False) for each in pair]
    return turns + first[paired:] + others[paired:]


def written(address: Any) -> str:
    """A socket's address for people: `192.0.2.1:80`, `[fe80::1%eth0]:80`."""
    host, port, *more = address
    if ":" not in host:
        return f"{host}:{port}"
    zone = more[1] if len(more) > 1 else 0
    return f"[{host}%{zone_name(zone)}]:{port}" if zone else f"[{host}]:{port}"


def zone_name(number: int) -> str:
    """Returns this machine's name of the interface with this number."""
    try:
        return socket.if_indextoname(number)
    except OSError:  # the interface has gone
        return str(number)


def is_literal(host: str) -> bool:
    """Tells whether `host` is an address, which needs no resolver."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _lacks_zone(address: Any) -> bool:
    return not address[3] and ipaddress.IPv6Address(address[0]) in _LINK_LOCAL
