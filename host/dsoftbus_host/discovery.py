"""Discovery on the host: announcements by multicast and broadcast, on several interfaces.

Two sockets. `shared` is bound to the port that everybody knows, together with the other nodes of
this machine, and hears what is said to all. `own` has a port of this node alone: it sends, and
hears the answers to its probes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dsoftbus.const import ANNOUNCE_MAX, DISCOVERY_GROUP, DISCOVERY_PORT, LINK_STREAM
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_QUERY, Announcement
from dsoftbus.discovery.announcer import Announcer
from dsoftbus_host.clock import now_ms, sequence_start
from dsoftbus_host.interfaces import Interface, all_interfaces

if TYPE_CHECKING:
    from dsoftbus.discovery.on_line import OnLine
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.serial_port import SerialPort
    from dsoftbus_host.watch import Watch

_BURST = 64  # packets that one turn of the loop takes from a socket
_TTL = 1  # of multicast: discovery is for one network
log = logging.getLogger("dsoftbus")


class Discovery:
    """Finds the nodes around `bus`, and lets itself be found by them.

    `port` is where the bus listens (0: it does not, and only looks), over the links of `kinds`;
    `interfaces` are the addresses to speak on. What changes is told through `watch`.
    """

    def __init__(
        self,
        bus: Bus,
        watch: Watch,
        port: int = 0,
        services: Iterable[str] = (),
        interfaces: list[Interface] | None = None,
        discovery_port: int = DISCOVERY_PORT,
        kinds: Iterable[int] = (LINK_STREAM,),
    ) -> None:
        self._node = bus.node
        self._peers = bus.node.discover()
        self._watch = watch
        self._interfaces = all_interfaces() if interfaces is None else interfaces
        self._port = discovery_port
        links = tuple((kind, port) for kind in kinds) if port else ()
        said = Announcement(bus.id, bus.public, links, tuple(services), bus.node.local.name)
        said.sequence = sequence_start()
        self._announcer = Announcer(said, now_ms())
        self._lines: list[tuple[SerialPort, OnLine]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._silent: set[str] = set()  # interfaces that could not send, said once

    # Commands

    def start(self) -> None:
        """Raises OSError when the port cannot be shared."""
        self._loop = asyncio.get_running_loop()
        self._shared = _shared_socket(self._port, self._interfaces)
        self._own = _own_socket()
        for sock in (self._shared, self._own):
            self._loop.add_reader(sock.fileno(), self._on_readable, sock)
        self._on_timer()

    def add_line(self, port: SerialPort) -> None:
        """Looks around on a serial line of the bus, too."""
        self._lines.append((port, port.announce(self._announcer.said, self._on_line_heard)))
        self._on_timer()

    def probe(self, host: str, port: int | None = None) -> None:
        """Asks one address, for networks that carry neither multicast nor broadcast."""
        self._send(self._announcer.ask(), host, port or self._port)

    def static(self, public: bytes, kind: int, host: str, port: int) -> None:
        """A peer from the configuration: it is there to connect to without being heard of."""
        self._peers.know(public).fixed = (kind, host, port)

    def announce_soon(self) -> None:
        """What this node says has changed (it takes pairings now, or no more)."""
        self._announcer.announce_soon(now_ms())
        for _, line in self._lines:
            line.announce_soon(now_ms())
        self._on_timer()

    def stop(self) -> None:
        """Says goodbye and closes the sockets."""
        if self._timer is not None:
            self._timer.cancel()
        self._send_all(self._announcer.goodbye())
        for port, line in self._lines:
            line.say_goodbye()
            port.turn()
        for sock in (self._shared, self._own):
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def __enter__(self) -> Discovery:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Hearing

    def _on_readable(self, sock: socket.socket) -> None:
        for _ in range(_BURST):
            try:
                data, source = sock.recvfrom(ANNOUNCE_MAX + 1)
            except OSError:  # nothing more, or an answer that something could not be delivered
                break
            self._hear(data, source)
        self._watch.stir()

    def _hear(self, data: bytes, source: tuple[str, int]) -> None:
        heard = self._peers.receive_datagram(data, source, now_ms())
        if heard is not None and heard[1] & FLAG_QUERY:
            self._send(self._announcer.answer(), *source)

    def _on_line_heard(self) -> None:
        self._loop.call_soon(self._on_timer)  # an answer may wait until the line takes it

    # Speaking

    def _on_timer(self) -> None:
        now = now_ms()
        self._say_whether_pairing(now)
        packet = self._announcer.poll_transmit(now)
        if packet is not None:
            self._send_all(packet)
        self._announce_on_lines(now)
        self._node.handle_timer(now)
        self._watch.stir()
        if self._timer is not None:
            self._timer.cancel()
        wait_ms = self._deadline() - now
        self._timer = self._loop.call_later(max(wait_ms, 1) / 1000, self._on_timer)

    def _deadline(self) -> int:
        due = [self._announcer.poll_timer(), *(line.poll_timer() for _, line in self._lines)]
        lapse = self._node.poll_timer()
        return int(min(due if lapse is None else [*due, lapse]))

    def _announce_on_lines(self, now: int) -> None:
        for port, line in self._lines:
            if line.poll_timer() <= now:
                line.handle_timer(now)
                port.turn()

    def _say_whether_pairing(self, now: int) -> None:
        guard, said = self._node.guard, self._announcer.said
        pairing = guard is not None and guard.desk.is_open(now)
        said.flags = FLAG_PAIRING if pairing else 0

    def _send_all(self, packet: bytes) -> None:
        """To the group and by broadcast, on every interface; duplicates are dropped as replays."""
        for interface in self._interfaces:
            address = socket.inet_aton(interface.address)
            with contextlib.suppress(OSError):
                self._own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
                self._send(packet, DISCOVERY_GROUP, self._port, interface.address)
            self._send(packet, interface.broadcast, self._port, interface.address)

    def _send(self, packet: bytes, host: str, port: int, label: str = "") -> None:
        try:
            self._own.sendto(packet, (host, port))
        except OSError as error:  # an interface that is down, a filter: the others go on
            if (label or host) not in self._silent:
                self._silent.add(label or host)
                log.info("discovery on %s: %s", label or host, error)


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
    group = socket.inet_aton(DISCOVERY_GROUP)
    for interface in interfaces:
        with contextlib.suppress(OSError):  # one without multicast: broadcast and probes remain
            member = group + socket.inet_aton(interface.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    return sock


def _own_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
    return sock
