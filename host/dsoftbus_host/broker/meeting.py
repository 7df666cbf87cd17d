"""A node's part in a group beyond its letters: it says who it is, and hears who else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.broker.cards import CARD_LIFETIME_S, CLOCK_MS, RENEWALS
from dsoftbus.broker.drops import EXPIRED, NO_ROOM
from dsoftbus.broker.group import EPOCH_S
from dsoftbus.const import LINK_BROKER, U30_MAX
from dsoftbus.discovery.announce import Announcement, claimed, decode, pairing_flags
from dsoftbus.errors import BusError
from dsoftbus.mqtt.packets import Will
from dsoftbus_host.broker.port import BrokerPort, unix_s
from dsoftbus_host.clock import now_ms

if TYPE_CHECKING:
    from dsoftbus.discovery.peers import Peer
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.housekeeping import Housekeeping

# A node that connects gets all cards at once: so many are read at a time, the others wait.
_CARDS = 50
_CARDS_MS = 1000
_WAITING = 1024
_AGAIN_MS = 250
_CORRECT_MS = 10000  # between two that correct somebody
_DAYS_BEFORE = 7  # whose cards a node takes away
_RENEW_MS = CARD_LIFETIME_S * 1000 // RENEWALS


class Meeting:
    """The cards of one group. `said` is what the node says of itself on other links: both count
    their announcements together. With `speaks` it has a card of its own."""

    def __init__(
        self,
        bus: BaseBus,
        port: BrokerPort,
        housekeeping: Housekeeping,
        said: Announcement,
        speaks: bool,
    ) -> None:
        self.cards = port.cards()
        self._bus = bus
        self._port = port
        self._housekeeping = housekeeping
        self._said = said
        self._speaks = speaks
        self._peers = bus.node.discover()
        self._timer = bus.runtime.timer(self._on_timer)
        self._budget = TokenBucket(_CARDS, _CARDS_MS)
        self._waiting: dict[str, bytes] = {}  # cards by topic
        self._renew_at = self._clock_at = 0
        self._said_at = 0  # the time, to the group
        self._day = 0  # the epoch of this node's last card
        port.link.meeting = self

    def topics(self) -> list[str]:
        """The filters that are subscribed to."""
        return self.cards.topics(unix_s())

    def will(self) -> Will | None:
        """The goodbye that the broker says for this node where it loses it."""
        if not self._speaks:
            return None
        topic, payload = self.cards.card(self._bus.id, self._packet(0), 0, unix_s())
        return Will(topic.encode(), payload, True)

    def on_open(self) -> None:
        """The broker is there."""
        self._renew_at = self._clock_at = now_ms()
        self._day = 0
        self._on_timer()

    def announce_soon(self) -> None:
        """Announces soon, for the announcement has changed."""
        self._renew_at = now_ms()
        self._timer.at(0)

    def stop(self) -> None:
        """Says goodbye, and has the broker forget the card."""
        self._timer.close()
        if self._speaks and self._port.link.connection.is_open:
            topic, payload = self.cards.card(self._bus.id, self._packet(0), 0, unix_s())
            self._publish(topic, payload, False)
            self._publish(topic, b"", True)
            self._port.link.flush()

    # Its own card

    def _on_timer(self) -> None:
        now = now_ms()
        if self._port.link.connection.is_open:
            self._port.link.look()
            if self._speaks:
                self._speak(now)
        self._read_waiting()
        midnight = now + (EPOCH_S - unix_s() % EPOCH_S) * 1000
        due = min(self._renew_at, self._clock_at, midnight) if self._speaks else midnight
        self._timer.at(now + _AGAIN_MS if self._waiting else max(due, now + _AGAIN_MS))

    def _speak(self, now: int) -> None:
        day = unix_s() // EPOCH_S
        if day != self._day:
            self._renew_at = now
            self._forget_before(day)
        if now >= self._renew_at:
            packet = self._packet(CARD_LIFETIME_S)
            topic, payload = self.cards.card(self._bus.id, packet, CARD_LIFETIME_S, unix_s())
            if self._publish(topic, payload, True):
                self._renew_at = now + _RENEW_MS
                self._day = day
        if now >= self._clock_at:
            clock = self.cards.seal_clock(unix_s())
            if self._publish(self.cards.group.clock_topic, clock, True):
                self._said_at = now
                self._clock_at = now + CLOCK_MS
        self._port.link.flush()

    def _forget_before(self, day: int) -> None:
        """Has the broker forget this node's cards of the days before."""
        for before in range(day - _DAYS_BEFORE, day):
            epoch = self.cards.group.epoch(before)
            self._publish(epoch.card_topic(epoch.slot(self._bus.id)), b"", True)

    def _packet(self, lifetime_s: int) -> bytes:
        """The announcement that a card has. Ports are of no use through a broker."""
        said = self._said
        said.sequence = (said.sequence + 1) & U30_MAX
        bus = self._bus
        card = Announcement(bus.id, bus.public, (), said.services, bus.node.local.name)
        card.sequence = said.sequence
        card.lifetime_s = lifetime_s
        card.flags = pairing_flags(bus.node, now_ms())
        return card.encode()

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        client = self._port.link.connection.client
        return client.publish(topic.encode(), payload, -1, retain)

    # Cards of others

    def receive(self, topic: str, payload: bytes) -> None:
        """Takes what came from the broker and is no letter."""
        if not payload or topic == self.cards.group.clock_topic:
            return  # a card that is no more; this host has a clock of its own
        if topic not in self._waiting and len(self._waiting) >= _WAITING:
            self.cards.drops.add(NO_ROOM)
            return
        self._waiting[topic] = payload
        self._read_waiting()
        if self._waiting:
            self._timer.at(now_ms() + _AGAIN_MS)

    def _read_waiting(self) -> None:
        read = False
        while self._waiting and self._budget.take(now_ms()):
            topic = next(iter(self._waiting))
            self._read(topic, self._waiting.pop(topic))
            read = True
        if read:
            self._housekeeping.wake()
            self._bus.time_node()

    def _read(self, topic: str, payload: bytes) -> None:
        now_s = unix_s()
        expired = self.cards.drops.count[EXPIRED]
        opened = self.cards.open(topic, payload, now_s)
        if opened is None:
            if self.cards.drops.count[EXPIRED] != expired:
                self._correct()
            return
        packet, left_s = opened
        device, _ = claimed(packet)
        if device == self._bus.id or not self.cards.is_of(topic, device, now_s):
            return
        try:
            said = decode(packet)
        except BusError:
            said = None
        if said is not None:
            self._note(said, packet, left_s)

    def _correct(self) -> None:
        """A card is old, perhaps because its node has the time from a clock that was said long
        ago: says the time again, though not often."""
        self._clock_at = min(self._clock_at, self._said_at + _CORRECT_MS)
        self._timer.at(0)

    def _note(self, said: Announcement, packet: bytes, left_s: int) -> None:
        """A card is a hint, as an announcement is; one that is older than the last that was heard
        says no more than that the peer is, or was, to be reached so."""
        now = now_ms()
        route = (LINK_BROKER, self._port.path, 0)
        peer = self._peers.get(said.id)
        if peer is not None and peer.public == said.public and said.sequence <= peer.sequence:
            if said.lifetime_s:
                peer.broker = route
            elif peer.broker == route:
                self._gone(peer, route, now)
            return
        heard = self._peers.receive_datagram(packet, route, now)
        peer = self._peers.get(said.id)
        if heard is None or peer is None:
            return
        if not said.lifetime_s:
            self._gone(peer, route, now)
        else:
            peer.expires = min(peer.expires, now + left_s * 1000)

    def _gone(self, peer: Peer, route: tuple[int, str, int], now: int) -> None:
        peer.broker = None
        if peer.host == route and not peer.connected:
            peer.expires = min(peer.expires, now)
