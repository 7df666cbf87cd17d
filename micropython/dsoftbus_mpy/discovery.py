"""Discovery on MicroPython: announcements by multicast and broadcast, on one interface.

Two sockets, as on the host: `shared` has the port that everybody knows, `own` sends and hears the
answers to its probes. A port without multicast is found by broadcast and probes.
"""

import asyncio
import socket

from dsoftbus.const import ANNOUNCE_MAX, DISCOVERY_GROUP, DISCOVERY_PORT, LINK_STREAM
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement, pairing_flags
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus_mpy.waiting import readable

# Named on some ports only. The numbers are those of Linux and of lwIP, where they differ.
_IPPROTO_IP = 0
_SO_BROADCAST = getattr(socket, "SO_BROADCAST", 0x20)
_IP_ADD_MEMBERSHIP = getattr(socket, "IP_ADD_MEMBERSHIP", 35)  # to leave is one more everywhere
_IP_MULTICAST_IF = 32
_LOOK_MS = 1000  # how late a lifetime may be noticed to have passed
ANY = "0.0.0.0"
EVERYONE = "255.255.255.255"


class Discovery:
    """Finds the nodes around `bus`, which listens on `port` over the links of `kinds`, and lets
    itself be found by them.

    `address` is the interface's own (`ANY`: the only one), `broadcast` reaches everyone beside it.
    `sequence` is where its announcements begin to count: see `starts`.
    """

    def __init__(
        self,
        bus,
        watch,
        port: int,
        sequence: int,
        services=(),
        address: str = ANY,
        broadcast: str = EVERYONE,
        discovery_port: int = DISCOVERY_PORT,
        kinds=(LINK_STREAM,),
    ):
        self._bus = bus
        self._watch = watch
        self._peers = bus.node.discover()
        self._port = discovery_port
        node = bus.node
        links = [(kind, port) for kind in kinds]
        said = Announcement(bus.id, bus.public, links, services, node.local.name)
        said.sequence = sequence
        self.said = said
        self._announcer = Announcer(said, bus.now(), ASK_BYTES)
        self._peers.own = said
        self._membership = _packed(DISCOVERY_GROUP) + _packed(address)
        self._shared = _shared_socket(discovery_port)
        _try_option(self._shared, _IP_ADD_MEMBERSHIP, self._membership)
        self._own = _own_socket(address)
        self._everyone = [_address(DISCOVERY_GROUP, discovery_port)]
        self._everyone.append(_address(broadcast, discovery_port))
        steps = (lambda: self._hear(self._shared), lambda: self._hear(self._own), self._speak)
        self._tasks = [bus.drive(step) for step in steps]

    def probe(self, host: str, port: int = 0) -> None:
        """Asks one address, for networks that carry neither multicast nor broadcast."""
        self._send(self._announcer.ask(), _address(host, port or self._port))

    def announce_soon(self) -> None:
        """What this node says has changed (it takes pairings now, or no more)."""
        self._announcer.announce_soon(self._bus.now())

    def rejoin(self) -> None:
        """The network is there anew, or at a new address: be in its group again, and be seen."""
        for option in (_IP_ADD_MEMBERSHIP + 1, _IP_ADD_MEMBERSHIP):  # leave it first
            _try_option(self._shared, option, self._membership)
        self.announce_soon()

    def stop(self) -> None:
        """Says goodbye and closes the sockets."""
        for task in self._tasks:
            task.cancel()
        self._send_all(self._announcer.goodbye())
        self._shared.close()
        self._own.close()

    async def _hear(self, sock) -> None:
        await readable(sock)
        try:
            data, source = sock.recvfrom(ANNOUNCE_MAX + 1)
        except OSError:
            return  # an answer that something could not be delivered
        heard = self._peers.receive_datagram(data, _host_and_port(source), self._bus.now())
        answer = heard and heard[1] & FLAG_QUERY and self._announcer.answer(len(data))
        if answer:
            self._send(answer, source)
        self._watch.stir()

    async def _speak(self) -> None:
        now = self._bus.now()
        self.said.flags = pairing_flags(self._bus.node, now)
        packet = self._announcer.poll_transmit(now)
        if packet is not None:
            self._send_all(packet)
        self._bus.node.handle_timer(now)
        self._watch.stir()
        wait_ms = self._announcer.poll_timer() - now
        await asyncio.sleep_ms(max(min(wait_ms, _LOOK_MS), 1))

    def _send_all(self, packet: bytes) -> None:
        for address in self._everyone:
            self._send(packet, address)

    def _send(self, packet: bytes, address) -> None:
        try:
            self._own.sendto(packet, address)
        except OSError:
            pass  # no network now, or none of this kind; the next announcement tries again


def _shared_socket(port: int):
    """Hears the group and broadcasts; other nodes of this machine may have the same."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(_address(ANY, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _own_socket(address: str):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, _SO_BROADCAST, 1)
    if address != ANY:
        _try_option(sock, _IP_MULTICAST_IF, _packed(address))
    return sock


def _try_option(sock, option: int, value: bytes) -> None:
    try:
        sock.setsockopt(_IPPROTO_IP, option, value)
    except OSError:
        pass  # without multicast there are broadcast and probes


def _packed(address: str) -> bytes:
    return bytes([int(part) for part in address.split(".")])


def _address(host: str, port: int):
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]


def _host_and_port(address) -> tuple:
    """What `recvfrom` gave, for people and for `connect`; the unix port packs it."""
    if isinstance(address, tuple):
        return address[0], address[1]
    _, packed, port = socket.sockaddr(address)[:3]
    return ".".join([str(byte) for byte in packed]), port
