"""A group's broker for a bus on MicroPython: the sessions through it, and the card of this node.

The connection comes and goes beside the sessions: they live on while it is away, as long as their
own keepalive lets them.
"""

from dsoftbus.base.backoff import Backoff
from dsoftbus.base.ticks import earliest
from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.broker.cards import CARD_LIFETIME_S, CLOCK_MS, RENEWALS, Cards
from dsoftbus.broker.drops import EXPIRED, OVER_BUDGET
from dsoftbus.broker.group import EPOCH_S
from dsoftbus.broker.letters import Letters
from dsoftbus.const import LINK_BROKER, SUITE_CHACHA_SHA256, U30_MAX
from dsoftbus.discovery.announce import Announcement, decode, pairing_flags
from dsoftbus.errors import BROKER_GONE, BROKER_REFUSED, LocalError, PeerError
from dsoftbus.identity import base32, device_id
from dsoftbus.mqtt.client import ENDED, MESSAGE, NOTHING, OPENED, REFUSED
from dsoftbus.mqtt.packets import Will
from dsoftbus_aio.datagram_port import DatagramPort
from dsoftbus_mpy.links.broker_link import LETTER, BrokerLink, GroupClock, text
from dsoftbus_mpy.links.broker_url import parted
from dsoftbus_mpy.links.tcp import connect

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


_SENDERS = const(4)  # that have a budget of their own: a board has few sessions
_NAME_BYTES = const(10)
_SETTLED_MS = const(10000)  # a broker that ends sooner than this has been no success
_AGAIN_MS = const(1000)  # what the broker did not take is said again
_LOOK_MS = const(60000)  # how late a new day may be noticed
_BAD_CARDS = const(20)  # a second: opening one costs as much as a packet
_BAD_MS = const(1000)
_CORRECT_MS = const(10000)  # between two times that correct somebody


class BrokerPort(DatagramPort):
    """The broker of `group`, and the sessions through it. `said` is this node's announcement;
    `housekeeping` hears that a card has come, and `say("no broker:", why)` that there is none;
    without it the bus is told. Raises LocalError for a URL that is none, Unsupported where TLS
    cannot be."""

    def __init__(self, bus, group, said, housekeeping=None, say=None):
        runtime = bus.runtime
        clock = GroupClock(runtime.now)
        super().__init__(bus, BrokerLink(Letters(group, bus.id, _SENDERS), clock, runtime.now))
        self.path = group.name
        self.said = said
        self.connected = False
        self._tls, self._host, self._port, self._user, self._password = parted(group.broker)
        self._context = None
        if self._tls:
            from dsoftbus_mpy.links.tls import context  # only who has such a broker pays for it

            self._context = context()
        local = bus.node.local
        self._random = local.random
        self._cards = Cards(group, local.suites[SUITE_CHACHA_SHA256].cipher, local.random)
        self._housekeeping = housekeeping
        self._say = say
        self._clock = clock
        self._backoff = Backoff(local.random)
        self._bad = TokenBucket(_BAD_CARDS, _BAD_MS)
        self._bad_until = 0
        self._why = ""  # that was told last
        self._opened = 0
        self._look_at = 0
        self._day = -1  # whose topics are subscribed to
        self._filters: list = []
        self._card_topic = ""
        self._card_at = 0  # when the card is said again
        self._clock_at = 0
        self._said_at = 0  # the time, to the group
        self._more = False  # something that has come was not looked at

    def path_to(self, device: str):
        """The path of a session that begins now. Raises LocalError where there is no broker."""
        unix_s = self._clock.now_s()
        if not self.connected or not unix_s:
            raise LocalError(BROKER_GONE, self._why or "not yet connected")
        return self._link.letters.path_to(device, unix_s)

    async def connect(self, public: bytes, timeout_ms: int = 20000, psk=None, _channel: int = 0):
        """A session with the node of the group whose public key is `public`, or BusError."""
        path = self.path_to(device_id(public))
        deadline = self._now() + timeout_ms
        route = (LINK_BROKER, self.path, 0)
        connection = self.begin(path, public, SUITE_CHACHA_SHA256, psk, route, deadline)
        return await connection.established()

    def announce_soon(self) -> None:
        """Says the card again soon, for what it says has changed."""
        self._card_at = self._look_at = self._now()
        self._arm()

    def stop(self) -> None:
        """Says goodbye: the broker forgets the card."""
        unix_s = self._clock.now_s()
        if self.connected and unix_s:
            self._publish_card(unix_s, 0)
            self._link.client.publish(self._card_topic.encode(), b"", 0, True)
            self._link.flush()

    # Ours: what DatagramPort asks for

    def watch(self) -> None:
        self._arm()

    def close(self) -> None:
        super().close()
        self.connected = False

    @property
    def blocked(self) -> bool:
        return self._watch is not None and (self._pump.blocked or self._link.has_output)

    def _want_write(self, on: bool) -> None:
        if self._watch is not None:
            self._watch.want_write(on)

    def _on_writable(self) -> None:
        self._link.writable()
        self.turn()

    def _move(self) -> None:
        self._link.flush()
        super()._move()

    def _read(self) -> None:
        self._more = False
        try:
            for _ in range(self.READS):
                if not self._step():
                    break
            else:
                self._more = True
            self._pump.tell()
        except Exception as error:  # noqa: BLE001 - as in DatagramPort
            self._fail(error)  # one message is lost

    def _step(self) -> bool:
        """Takes one event; False when there is none."""
        event = self._link.next_event()
        if event == LETTER:
            self._pump.read(self._now())
        elif event == MESSAGE:
            self._on_message()
        elif event == OPENED:
            self.connected = True
            self._opened = self._now()
            self._greet()
        elif event == REFUSED:
            self._tell(BROKER_REFUSED, "the broker refuses the topics of the group")
        elif event == ENDED:
            self._ended()
        return event != NOTHING

    def _handle_timer(self, now: int) -> None:
        if self._watch is None:
            if now >= self._backoff.until and not self._bus.closed:
                self._open()
        else:
            self._link.client.handle_timer(now)
            self._step()
        if self.connected and now >= self._look_at:
            self._look(now)
        super()._handle_timer(now)

    def _deadline(self):
        deadline = self._look_at if self.connected else None
        if self._watch is None:
            deadline = self._backoff.until
        if self._more:
            deadline = 0
        own = earliest(deadline, self._link.client.poll_timer())
        return earliest(super()._deadline(), own)

    # The connection

    def _open(self) -> None:
        try:
            link = self._dial()
            name = base32(self._random(_NAME_BYTES)).encode()
            self._link.open(link, name, self._user, self._password, self._will())
            self._watch = self._bus.runtime.watch(
                self._link.waits_for, self._on_readable, self._on_writable
            )
        except OSError as error:
            self._away("no way to the broker: " + repr(error))
            return
        except MemoryError:
            self._link.close()
            self._backoff.failed(self._now())
            raise
        self._writing = True
        self._watch.want_write(True)

    def _dial(self):
        """A link that begins to connect. A name is looked up, which may block."""
        link = connect(self._host, self._port)
        if self._context is None:
            return link
        from dsoftbus_mpy.links.tls import TlsLink  # as above

        return TlsLink(link, self._context, self._host)

    def _ended(self) -> None:
        self.connected = False
        self._day = -1
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        self._writing = False
        if self._opened and self._now() - self._opened > _SETTLED_MS:
            self._backoff.reset()
        self._opened = 0
        self._away(self._link.client.why)

    def _away(self, why: str) -> None:
        self._backoff.failed(self._now())
        self._tell(BROKER_GONE, why)

    def _tell(self, code: int, why: str) -> None:
        if why != self._why:  # once, however often it is tried
            self._why = why
            if self._say is not None:
                self._say("no broker:", why)
            else:
                self._bus.tell(LocalError(code, why))

    # What this node says

    def _greet(self) -> None:
        """Subscribes to what this day has for this node, and says who it is."""
        unix_s = self._clock.now_s()
        filters = [] if self._clock.is_set else [self._cards.group.clock_topic]
        if unix_s:
            filters += self._link.letters.topics(unix_s)
            if self._bus.node.peers is not None:
                filters += self._cards.topics(unix_s)
        new = [each.encode() for each in filters if each not in self._filters or self._day < 0]
        old = [each.encode() for each in self._filters if each not in filters]
        client = self._link.client
        if new and not client.subscribe(new):
            self._look_at = self._now() + _AGAIN_MS
            return
        if old and self._day >= 0:
            client.unsubscribe(old)
        self._filters = filters
        self._day = unix_s // EPOCH_S
        self._card_at = self._look_at = self._now()
        if self._day:
            self._why = ""

    def _look(self, now: int) -> None:
        """Says what is due; a new day has other topics."""
        self._look_at = now + _LOOK_MS
        unix_s = self._clock.now_s()
        if unix_s // EPOCH_S != self._day:
            self._greet()
        if not unix_s:
            return
        if now >= self._card_at:
            taken = self._publish_card(unix_s, CARD_LIFETIME_S)
            wait_ms = CARD_LIFETIME_S * 1000 // RENEWALS if taken else _AGAIN_MS
            self._card_at = now + wait_ms
        if now >= self._clock_at and self._clock.is_set:
            self._say_time(now, unix_s)
        self._look_at = min(self._look_at, self._card_at)
        if self._clock.is_set:
            self._look_at = min(self._look_at, self._clock_at)
        self._link.flush()

    def _say_time(self, now: int, unix_s: int) -> None:
        payload = self._cards.seal_clock(unix_s)
        topic = self._cards.group.clock_topic.encode()
        if self._link.client.publish(topic, payload, -1, True):
            self._said_at = now
            self._clock_at = now + CLOCK_MS

    def _publish_card(self, unix_s: int, lifetime_s: int) -> bool:
        topic, payload = self._card(unix_s, lifetime_s)
        if topic != self._card_topic and self._card_topic:
            self._link.client.publish(self._card_topic.encode(), b"", 0, True)  # of yesterday
        self._card_topic = topic
        return self._link.client.publish(topic.encode(), payload, -1, True)

    def _card(self, unix_s: int, lifetime_s: int) -> tuple:
        """(topic, payload) of this node's card now."""
        said = self.said
        said.flags = pairing_flags(self._bus.node, self._now())
        said.sequence = (said.sequence + 1) & U30_MAX
        elsewhere, said.lifetime_s = said.lifetime_s, lifetime_s
        packet = said.encode()
        said.lifetime_s = elsewhere
        return self._cards.card(self._bus.id, packet, lifetime_s, unix_s)

    def _will(self):
        unix_s = self._clock.now_s()
        if not unix_s:
            return None  # not the time to say anything yet
        topic, payload = self._card(unix_s, 0)
        return Will(topic.encode(), payload, True)

    # What others say

    def _on_message(self) -> None:
        client = self._link.client
        topic = text(client.topic)
        payload = bytes(memoryview(client.buffer)[client.at : client.stop])
        if topic == self._cards.group.clock_topic:
            unix_s = self._cards.open_clock(payload) if payload else None
            if unix_s is not None and self._clock.learn(unix_s):
                self._card_at = self._look_at = self._now()  # the last one may have been too old
        elif payload and topic != self._card_topic:
            self._on_card(topic, payload)

    def _on_card(self, topic: str, payload: bytes) -> None:
        unix_s, now, peers = self._clock.now_s(), self._now(), self._bus.node.peers
        if not unix_s or peers is None:
            return
        if now < self._bad_until:
            self._cards.drops.add(OVER_BUDGET)
            return
        expired = self._cards.drops.count[EXPIRED]
        found = self._cards.open(topic, payload, unix_s)
        if self._cards.drops.count[EXPIRED] != expired:
            self._clock_at = min(self._clock_at, self._said_at + _CORRECT_MS)
            self._look_at = now  # its node may have the time from an old clock
        elif found is None and not self._bad.take(now):
            self._bad_until = now + _BAD_MS
        if found is None:
            return
        try:
            said = decode(found[0])
        except PeerError:
            return
        if said.id != self._bus.id and self._cards.is_of(topic, said.id, unix_s):
            self._note(peers, said, found[0], found[1])

    def _note(self, peers, said, packet: bytes, left_s: int) -> None:
        """A card is a hint, as an announcement is. One that is older than the last that was heard
        elsewhere says no more than that the peer is, or was, to be reached so."""
        now = self._now()
        route = (LINK_BROKER, self.path, 0)
        peer = peers.get(said.id)
        if peer is None or peer.public != said.public or said.sequence > peer.sequence:
            peers.receive_datagram(packet, route, now)
            peer = peers.get(said.id)
        elif said.lifetime_s:
            peer.broker = route
        if peer is not None and peer.broker == route:
            if not said.lifetime_s:
                peer.broker = None
                left_s = 0
            if peer.host == route:
                peer.expires = min(peer.expires, now + left_s * 1000)
        self._bus.time_node()
        if self._housekeeping is not None:
            self._housekeeping.wake()


def join(bus, token: str, said=None, sequence: int = 0, services=(), housekeeping=None, say=None):
    """The port of the group that `token` is of, which is open from now on; `said` is what the
    node says of itself on other links, if it does. Raises LocalError, PeerError."""
    from dsoftbus.broker.group_token import decode as group_of  # for a while, as `overlay` says

    group = group_of(token)
    bus.node.discover()
    if said is None:
        said = Announcement(bus.id, bus.public, (), services, bus.node.local.name)
        said.sequence = sequence
    return bus.open_port(BrokerPort(bus, group, said, housekeeping, say))
