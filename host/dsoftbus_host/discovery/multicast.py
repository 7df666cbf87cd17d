"""The sockets of discovery: what is said to everyone around, and heard from them.

Two sockets. `shared` is bound to the port that everybody knows, together with the other nodes of
this machine, and hears what is said to all. `own` has a port of this node alone: it sends, and
hears the answers to its probes.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from dsoftbus.const import ANNOUNCE_MAX, DISCOVERY_GROUP, DISCOVERY_PORT
from dsoftbus_host import display
from dsoftbus_host.contained import Contained
from dsoftbus_host.discovery.interfaces import Interface
from dsoftbus_host.event_loop import running_loop

_BURST = 64  # packets that one turn of the loop takes from a socket
_TTL = 1  # of multicast: discovery is for one network
log = display.log()

Source = tuple[str, int]


class Multicast:
    """Speaks on `interfaces`, at the well-known `port`, by multicast and broadcast.

    `on_packet(data, source)` gets what is heard, `on_quiet()` follows when nothing waits any more.
    With `sources` nothing is sent that would not come from one of these addresses. `around()`
    tells, before each announcement, which interfaces there are by then.
    Raises OSError when the port cannot be shared.
    """

    def __init__(
        self,
        interfaces: list[Interface],
        port: int,
        on_packet: Callable[[bytes, Source], None],
        on_quiet: Callable[[], None] = lambda: None,
        sources: set[str] | None = None,
        around: Callable[[], list[Interface]] | None = None,
    ) -> None:
        self.port = port
        self.interfaces = interfaces
        self._around = around
        self._on_packet = on_packet
        self._on_quiet = on_quiet
        self._sources = sources
        self._silent: set[str] = set()  # interfaces that could not send, said once
        self._loop = running_loop()
        self._shared = _shared_socket(port, interfaces)
        self._own = _own_socket()
        for sock in (self._shared, self._own):
            self._loop.add_reader(sock.fileno(), self._on_readable, sock)

    @property
    def own_port(self) -> int:
        """The port of this node alone."""
        return int(self._own.getsockname()[1])

    def close(self) -> None:
        for sock in (self._shared, self._own):
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def say(self, packet: bytes) -> None:
        """Sends to the group and by broadcast, on every interface; duplicates are dropped as
        replays."""
        if self._around is not None:  # a cable is plugged in, a network gives another address
            self.interfaces = self._around()
            _join(self._shared, self.interfaces)
        for interface in self.interfaces:
            address = socket.inet_aton(interface.address)
            with contextlib.suppress(OSError):
                self._own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
                self.send(packet, DISCOVERY_GROUP, self.port, interface.address)
            self.send(packet, interface.broadcast, self.port, interface.address)

    def send(self, packet: bytes, host: str, port: int, label: str = "") -> None:
        try:
            if self._sources is None or label or _source_to(host) in self._sources:
                self._own.sendto(packet, (host, port))
        except OSError as error:  # an interface that is down, a filter: the others go on
            if (label or host) not in self._silent:
                self._silent.add(label or host)
                log.info("discovery on %s: %s", label or host, error)

    def _on_readable(self, sock: socket.socket) -> None:
        for _ in range(_BURST):
            try:
                data, source = sock.recvfrom(ANNOUNCE_MAX + 1)
            except OSError:  # nothing more, or an answer that something could not be delivered
                break
            with Contained("discovery"):
                self._on_packet(data, source)
        with Contained("discovery"):
            self._on_quiet()


def _shared_socket(port: int, interfaces: list[Interface]) -> socket.socket:
    """Hears the group and broadcasts; other nodes of this machine may have the same."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    _join(sock, interfaces)
    return sock


def _join(sock: socket.socket, interfaces: list[Interface]) -> None:
    group = socket.inet_aton(DISCOVERY_GROUP)
    for interface in interfaces:
        with contextlib.suppress(OSError):  # without multicast, or joined before
            member = group + socket.inet_aton(interface.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def _source_to(host: str) -> str:
    """The address of this machine that `host` would see. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, DISCOVERY_PORT))  # sends nothing
        return str(sock.getsockname()[0])


def _own_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
    return sock
