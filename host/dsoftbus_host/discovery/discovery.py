"""Discovery on this host: announcements by multicast and broadcast, on several interfaces, and on
the serial lines that the bus has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from dsoftbus.const import DISCOVERY_PORT, LINK_STREAM
from dsoftbus_aio.discovery import BaseDiscovery
from dsoftbus_aio.line_discovery import LineDiscovery
from dsoftbus_host.address import check_host
from dsoftbus_host.clock import sequence_start
from dsoftbus_host.discovery.asker import Asker
from dsoftbus_host.discovery.interfaces import Interface, all_interfaces
from dsoftbus_host.discovery.multicast import Multicast

if TYPE_CHECKING:
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.housekeeping import Housekeeping
    from dsoftbus_aio.line_port import LinePort


class Announcing(Protocol):
    """Announcements on a link of another kind."""

    def announce_soon(self) -> None: ...
    def stop(self) -> None: ...


class Discovery(BaseDiscovery):
    """Discovery as on every platform; with port 0 it only asks who is there, and is no node to
    others on a network (`Asker`). `interfaces` are the addresses to speak on: a list, or a
    function that gives one before each announcement, since they come and go; None for all.
    `sources` are the addresses of this host under which the bus is reached, None for all: from
    others nothing is said to anyone. `sequence` is by default where the clock is."""

    def __init__(
        self,
        bus: BaseBus,
        housekeeping: Housekeeping,
        port: int = 0,
        services: Iterable[str] = (),
        interfaces: list[Interface] | Callable[[], list[Interface]] | None = None,
        discovery_port: int = DISCOVERY_PORT,
        kinds: Iterable[int] = (LINK_STREAM,),
        sequence: int | None = None,
        sources: set[str] | None = None,
    ) -> None:
        first = sequence_start() if sequence is None else sequence
        super().__init__(bus, housekeeping, port, first, tuple(services), tuple(kinds))
        self._around: Callable[[], list[Interface]] | None = None
        if interfaces is None or callable(interfaces):
            self._around = interfaces or all_interfaces
            interfaces = self._around()
        self._interfaces = interfaces
        self._port = discovery_port
        self._sources = sources
        self._peers.own_hosts = {each.address for each in interfaces}
        if not port:
            self._announcer = Asker(bus.node.local.random, bus.now())
            self._peers.own = None
        self._others: list[Announcing] = []  # links with announcements of their own

    # Commands

    def start(self) -> None:
        """Raises OSError when the port cannot be shared."""
        self.multicast = Multicast(
            self._interfaces,
            self._port,
            self._on_packet,
            sources=self._sources,
            around=self._around,
        )
        self._timer.at(0)

    def also(self, links: list[tuple[int, int]]) -> None:
        """Further links, (kind, port), at ports of their own."""
        self.said.links = [*self.said.links, *links]

    def add_line(self, port: LinePort) -> None:
        """Looks around on a serial line of the bus, too."""
        housekeeping = self._housekeeping
        self.add(LineDiscovery(self._bus, port, 0, (), housekeeping, self.said))

    def add(self, other: Announcing) -> None:
        """A link on which this node announces itself in another way: it hears of changes, too."""
        self._others.append(other)

    def probe(self, host: str, port: int | None = None) -> None:
        """Asks one address, for networks that carry neither multicast nor broadcast.

        Raises LocalError(BAD_ARGUMENT) for what is no address.
        """
        check_host(host)
        self._send(self._announcer.ask(), (host, port or self._port))

    def static(self, public: bytes, kind: int, host: str, port: int) -> None:
        """A peer from the configuration: it is there to connect to without being heard of."""
        self._peers.know(public).fixed = (kind, host, port)

    def announce_soon(self) -> None:
        """Announces soon, for the announcement has changed (the node takes pairings now, or no
        more)."""
        super().announce_soon()
        for other in self._others:
            other.announce_soon()

    def stop(self) -> None:
        """Says goodbye and closes the sockets."""
        super().stop()
        for other in self._others:
            other.stop()
        self.multicast.close()

    def __enter__(self) -> Discovery:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Its sockets

    def _on_packet(self, data: bytes, source: tuple[str, int]) -> None:
        self._hear(data, source, source)

    def _say(self, packet: bytes) -> None:
        if packet:
            self.multicast.say(packet)
        self._peers.own_hosts = {each.address for each in self.multicast.interfaces}

    def _send(self, packet: bytes, address: tuple[str, int]) -> None:
        self.multicast.send(packet, *address)
