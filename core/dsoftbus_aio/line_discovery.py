"""Discovery over a serial line: who is at the other end, or behind a bridge."""

from dsoftbus.discovery.announce import Announcement, pairing_flags
from dsoftbus.discovery.serial_discovery import OnLine
from dsoftbus.line.line import NEIGHBOUR

if False:  # for types
    from collections.abc import Sequence

    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.housekeeping import Housekeeping


class LineDiscovery:
    """Lets `bus` be found over `port`, a LinePort of it.

    It finds others, too, where the node keeps a table of peers (`bus.node.discover()`, before).
    `sequence` is where its announcements begin to count: see `starts`; a node that announces
    itself on other links as well has one count for all: `said` of its discovery there.
    """

    def __init__(
        self,
        bus: "BaseBus",
        port: "Any",
        sequence: int = 0,
        services: "Sequence[str]" = (),
        housekeeping: "Housekeeping | None" = None,
        said: Announcement | None = None,
    ) -> None:
        self._bus = bus
        self._port = port
        self._housekeeping = housekeeping
        if said is None:
            said = Announcement(bus.id, bus.public, (), services, bus.node.local.name)
            said.sequence = sequence
        self.said = said
        self._timer = bus.runtime.timer(self._speak)
        self._line = port.wrap_link(self._make)
        self._timer.at(0)

    def _make(self, link: "Any") -> OnLine:
        peers = self._bus.node.peers
        return OnLine(link, self.said, self._bus.now(), peers, self._port.path, self._on_heard)

    async def connect(
        self,
        peer_public: bytes,
        channel: int = NEIGHBOUR,
        timeout_ms: int = 20000,
        psk: bytes | None = None,
    ) -> "Connection":
        """A session with the node on `channel` whose public key is `peer_public`, or BusError;
        in the table of peers `Peer.line` has the channel."""
        return await self._port.connect(peer_public, timeout_ms, psk, channel)

    def stop(self) -> None:
        """Says goodbye."""
        self._timer.close()
        self._line.say_goodbye()
        self._port.turn()

    def _on_heard(self) -> None:
        """An answer may wait until the line takes it."""
        self._timer.at(0)

    def _speak(self) -> None:
        now = self._bus.now()
        self.said.flags = pairing_flags(self._bus.node, now)
        self._line.handle_timer(now)
        self._port.turn()
        if self._housekeeping is not None:
            self._housekeeping.wake()
        self._bus.time_node()
        self._timer.at(self._line.poll_timer())

    # Ours

    def announce_soon(self) -> None:
        """Announces soon, for the announcement has changed (the node takes pairings now, or no
        more)."""
        self._line.announce_soon(self._bus.now())
        self._timer.at(0)
