"""Discovery on networks: announcements to everyone around, and answers. A port adds sockets."""

# Ours

from dsoftbus.discovery.announce import FLAG_QUERY, Announcement, pairing_flags
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer

if False:  # for types
    from collections.abc import Iterable, Sequence

    from dsoftbus.contracts import Address
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.housekeeping import Housekeeping


class BaseDiscovery:
    """Finds the nodes around `bus`, and lets itself be found by them.

    `port` is where the bus listens (0: it does not, and only looks), over the links of `kinds`;
    `sequence` is where its announcements begin to count: see `starts`. Changes are told through
    `housekeeping`. A port has `_say(packet)`, to everyone, and `_send(packet, address)`.
    """

    def __init__(
        self,
        bus: "BaseBus",
        housekeeping: "Housekeeping",
        port: int,
        sequence: int,
        services: "Sequence[str]",
        kinds: "Iterable[int]",
    ) -> None:
        self._bus = bus
        self._housekeeping = housekeeping
        self._peers = bus.node.discover()
        links = [(kind, port) for kind in kinds] if port else []
        self.said = said = Announcement(bus.id, bus.public, links, services, bus.node.local.name)
        said.sequence = sequence
        self._peers.own = said
        self._announcer = Announcer(said, bus.now(), ASK_BYTES)
        self._timer = bus.runtime.timer(self._speak)

    def stop(self) -> None:
        """Says goodbye."""
        self._timer.close()
        self._say(self._announcer.goodbye())

    def _say(self, packet: bytes) -> None:
        """Sends `packet` to everyone around."""
        raise NotImplementedError

    def _send(self, packet: bytes, address: "Address") -> None:
        """Sends `packet` to one address."""
        raise NotImplementedError

    def _hear(self, data: bytes, source: "Address", address: "Address") -> None:
        """`source` (host, port) for the table of peers, `address` for the answer."""
        heard = self._peers.receive_datagram(data, source, self._bus.now())
        answer = heard and heard[1] & FLAG_QUERY and self._announcer.answer(len(data))
        if answer:
            self._send(answer, address)
        self._housekeeping.wake()

    def _speak(self) -> None:
        now = self._bus.now()
        self.said.flags = pairing_flags(self._bus.node, now)
        packet = self._announcer.poll_transmit(now)
        if packet is not None:
            self._say(packet)
        self._timer.at(self._announcer.poll_timer())

    # Ours

    def announce_soon(self) -> None:
        """Announces soon, for the announcement has changed (the node takes pairings now, or no
        more)."""
        self._announcer.announce_soon(self._bus.now())
        self._timer.at(0)
