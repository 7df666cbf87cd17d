"""Discovery on MicroPython: announcements by multicast and broadcast, on one interface.

Two sockets, as on the host: `shared` has the port that everybody knows, `own` sends and hears the
answers to its probes. A port without multicast is found by broadcast and probes.
"""

import socket

from dsoftbus.const import ANNOUNCE_MAX, DISCOVERY_GROUP, DISCOVERY_PORT, LINK_STREAM
from dsoftbus_aio.discovery import BaseDiscovery

# Named on some ports only. The numbers are those of Linux and of lwIP, where they differ.
_IPPROTO_IP = 0
_SO_BROADCAST = getattr(socket, "SO_BROADCAST", 0x20)
_IP_ADD_MEMBERSHIP = getattr(socket, "IP_ADD_MEMBERSHIP", 35)  # to leave is one more everywhere
_IP_MULTICAST_IF = 32
ANY = "0.0.0.0"
EVERYONE = "255.255.255.255"


class Discovery(BaseDiscovery):
    """Discovery as on every platform; `address` is the interface's own (`ANY`: the only one),
    `broadcast` reaches everyone beside it."""

    def __init__(
        self,
        bus,
        housekeeping,
        port: int,
        sequence: int,
        services=(),
        address: str = ANY,
        broadcast: str = EVERYONE,
        discovery_port: int = DISCOVERY_PORT,
        kinds=(LINK_STREAM,),
    ):
        super().__init__(bus, housekeeping, port, sequence, services, kinds)
        self._port = discovery_port
        self._membership = _packed(DISCOVERY_GROUP) + _packed(address)
        self._sockets = [_shared_socket(discovery_port)]
        _try_option(self._sockets[0], _IP_ADD_MEMBERSHIP, self._membership)
        self._sockets.append(_own_socket(address))
        self._everyone = [_address(DISCOVERY_GROUP, discovery_port)]
        self._everyone.append(_address(broadcast, discovery_port))
        self._watches = []
        for sock in self._sockets:
            self._watches.append(bus.runtime.watch(sock, lambda sock=sock: self._read(sock)))
        self._timer.at(0)

    def probe(self, host: str, port: int = 0) -> None:
        """Asks one address, for networks that carry neither multicast nor broadcast."""
        self._send(self._announcer.ask(), _address(host, port or self._port))

    def rejoin(self) -> None:
        """The network is there again, or at a new address: joins its group, and is seen."""
        for option in (_IP_ADD_MEMBERSHIP + 1, _IP_ADD_MEMBERSHIP):  # leave it first
            _try_option(self._sockets[0], option, self._membership)
        self.announce_soon()

    def stop(self) -> None:
        """Says goodbye and closes the sockets."""
        for watch in self._watches:
            watch.close()
        super().stop()
        for sock in self._sockets:
            sock.close()

    def _read(self, sock) -> None:
        try:
            data, address = sock.recvfrom(ANNOUNCE_MAX + 1)
        except OSError:
            return  # an answer that something could not be delivered
        self._hear(data, _host_and_port(address), address)

    def _say(self, packet: bytes) -> None:
        for address in self._everyone:
            self._send(packet, address)

    def _send(self, packet: bytes, address) -> None:
        try:
            self._sockets[1].sendto(packet, address)
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
    """Returns the address of `recvfrom` for people and for `connect`; the unix port packs it."""
    if isinstance(address, tuple):
        return address[0], address[1]
    _, packed, port = socket.sockaddr(address)[:3]
    return ".".join([str(byte) for byte in packed]), port
