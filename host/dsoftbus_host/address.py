"""The address of a peer on the command line: `[tcp://|udp://|auto://|quic://]KEY@HOST:PORT`,
`ws://KEY@HOST:PORT[/PATH]` or `wss://...`, `serial://KEY@PATH` for the node at the other end of a
cable, `mqtt://KEY@GROUP` for one that is reached through the broker of a group."""

from __future__ import annotations

import re
from typing import NamedTuple

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.line.line import NEIGHBOUR

# auto: tcp, and udp where that leads nowhere: the two share a port, the others have their own
LINKS = ("tcp", "udp", "quic", "ws", "wss", "auto")
WEB = ("ws", "wss")
PATH = "/dsoftbus"  # of a node, where its address has none
# Further kinds of routes, beside those of `const` (docs/wire-format.md); the last is never on the
# wire: a certificate is for a name, and an announcement has none.
LINK_QUIC, LINK_WS, LINK_WSS = 5, 6, 7
SERIAL = "serial"
BROKER = "mqtt"
PORT_MAX = 65535
_PORT_DIGITS = 5


class Address(NamedTuple):
    """The place where a peer listens, and the public key (32 bytes) that it has to prove.

    Over a serial line `host` is the path of the port here, and `port` the channel; through a
    broker `host` is the name of the group, and `port` 0. Over a WebSocket `host` is followed by
    its path there, if that is not PATH.
    """

    public: bytes
    host: str
    port: int
    link: str = "tcp"

    def __str__(self) -> str:
        if self.link in (SERIAL, BROKER):
            return f"{self.link}://{self.public.hex()}@{self.host}"
        scheme = "" if self.link == "tcp" else f"{self.link}://"
        return f"{scheme}{self.public.hex()}@{host_port(self.host, self.port)}"


def parse(text: str) -> Address:
    """The address in `text`, or LocalError(BAD_ARGUMENT) that says what is wrong with it."""
    scheme, found, rest = text.rpartition("://")
    link = scheme if found else "tcp"
    if link not in (*LINKS, SERIAL, BROKER):
        known = ", ".join((*LINKS, SERIAL, BROKER))
        raise LocalError(BAD_ARGUMENT, f"{scheme}: a link is one of {known}")
    if link == SERIAL:
        return _on_cable(rest)
    if link == BROKER:
        return _in_group(rest)
    path = ""
    if link in WEB:
        rest, slash, path = rest.partition("/")
        path = _checked_path(slash + path)
    key, separator, place = rest.rpartition("@")
    host, colon, port = place.rpartition(":")
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    if not (separator and host and colon) or "[" in host or "]" in host:
        raise LocalError(BAD_ARGUMENT, f"{text}: a peer is KEY@HOST:PORT")
    number = port_of(port)
    if not number:
        raise LocalError(BAD_ARGUMENT, f"no port: {port or text}")
    return Address(public_key(key), host + path, number, link)


def host_port(host: str, port: int) -> str:
    """`HOST:PORT`, an IPv6 address in brackets; and `/PATH`, where `host` has one."""
    host, slash, path = host.partition("/")
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return place + slash + path


def host_and_path(host: str) -> tuple[str, str]:
    """(host, path) of a node at a WebSocket. Raises LocalError(BAD_ARGUMENT)."""
    name, slash, path = host.partition("/")
    return name, _checked_path(slash + path) or PATH


def _checked_path(path: str) -> str:
    """Returns "" for the path that nodes have anyway."""
    if not re.fullmatch(r"[!-~]{0,255}", path) or "#" in path:
        raise LocalError(BAD_ARGUMENT, f"{path}: no path of a URL")
    return "" if path in (PATH, "/") else path


def port_of(text: str) -> int | None:
    """The port, 1 to 65535, that `text` names, or None. Digits of other scripts name none, nor do
    those that only look like some, as `²`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _PORT_DIGITS):
        return None
    port = int(text)
    return port if 0 < port <= PORT_MAX else None


def check_host(host: str) -> None:
    """Raises LocalError(BAD_ARGUMENT) for what no resolver takes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise LocalError(BAD_ARGUMENT, f"{host}: no name of a host") from None
    if "\0" in host:
        raise LocalError(BAD_ARGUMENT, f"{host}: no name of a host")


def _on_cable(text: str) -> Address:
    key, _, path = text.partition("@")
    if not path:
        raise LocalError(BAD_ARGUMENT, f"{text}: a peer on a cable is {SERIAL}://KEY@PATH")
    return Address(public_key(key), path, NEIGHBOUR, SERIAL)


def _in_group(text: str) -> Address:
    key, _, group = text.partition("@")
    if not group:
        raise LocalError(BAD_ARGUMENT, f"{text}: a peer of a group is {BROKER}://KEY@GROUP")
    return Address(public_key(key), group, 0, BROKER)


def public_key(text: str) -> bytes:
    """The 32 bytes of a public key in hexadecimal."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise LocalError(BAD_ARGUMENT, f"{text or 'nothing'}: a public key is 64 hex digits")
    return key
