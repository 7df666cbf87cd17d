"""The table of peers: who has been heard of, for how long that holds, and how to reach them.

Its entries are hints. A peer is *known* when a handshake has proved it, or when it is trusted or
configured; announcements alone make *strangers*. Strangers share a budget, by host, and give way
to each other. A known peer has one of its own for what comes from where it was heard or proved
last; what names it and comes from elsewhere pays as strangers do, and is nothing without its key.
"""

from collections import deque

from dsoftbus.base.backoff import Backoff
from dsoftbus.base.shares import Shares
from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.const import ANNOUNCE_MAX, EV_OFFLINE, EV_ONLINE, LINK_BROKER, LINK_LINE
from dsoftbus.discovery.announce import FLAG_QUERY, JUMP_MAX, PAD, claimed, decode
from dsoftbus.errors import (
    ANNOUNCE_OVERSIZE,
    ANNOUNCE_RATE,
    CONNECT_BACKOFF,
    HANDSHAKE_RATE,
    IDENTITY_MISMATCH,
    PEER_TABLE_FULL,
    STALE_PEER,
    LocalError,
    PeerError,
)
from dsoftbus.identity import device_id
from dsoftbus.mux.events import NodeEvent

if False:  # for types
    from collections.abc import Callable, Collection, Iterator, Sequence

    from dsoftbus.contracts import Address, Any, Data, Deadline, Profile, Route
    from dsoftbus.discovery.announce import Announcement


# The field's hardening: at most 50 packets in 5 s, at most 3 handshakes in 30 s for each peer.
# Where the table holds more strangers than could stay in it at that pace, as many as it needs:
# three announcements in a lifetime of 60 s are one for every four peers in 5 s.
_PACKETS = 50
_PEERS_A_PACKET = 4
_PACKETS_MS = 5000
_KNOWN_PACKETS = 10  # of one known peer, in the same time: it announces every few seconds at most
_HOST_PACKETS = 10  # the share of one host in what strangers may send: a bridge with a few boards
_HANDSHAKES = 3
_HANDSHAKES_MS = 30000
_WARNINGS = 4  # that wait for the program


# Public


class Peer:
    """One node that has been heard of. `links` are (kind, port); `source` is (host, port)."""

    # Ours
    broker: "Route | None" = None  # (LINK_BROKER, group, 0) where it has a card there

    # Public

    def __init__(self, device: str, public: bytes) -> None:
        self.id = device
        self.public = public
        self.name = ""
        self.services: tuple[str, ...] = ()
        self.flags = 0
        self.source: tuple[str, int] | None = None  # where the last announcement came from
        self.host: Any = None  # the same without its port, or the place on a line
        # (LINK_LINE, port, channel) where it is heard on a serial line
        self.line: Route | None = None
        self.online = False
        # Ours
        self.links: Sequence[tuple[int, int]] = ()
        # Sequences that did not follow, or not any more, by host
        self.others: dict[Any, int] | None = None
        self.turns = 0  # how often another host went on with a sequence of its own
        # (kind, host, port) under which a handshake last succeeded
        self.proved: Route | None = None
        self.fixed: Route | None = None  # (kind, host, port) from the configuration
        self.sequence = -1
        self.heard = 0
        self.expires = 0  # what was announced holds until then
        self.repeated = False  # heard more than once
        self.connected = 0  # live sessions
        self.packets: TokenBucket | None = None  # a known peer's own TokenBucket
        self.handshakes: TokenBucket | None = None  # made at the first attempt to connect
        self.backoff: Backoff | None = None
        self.reported = False  # what the last event said

    # Ours

    @property
    def known(self) -> bool:
        return self.packets is not None

    def routes(self) -> "list[Route]":
        """(kind, host, port) to try, the surest first."""
        routes = [route for route in (self.proved, self.fixed, self.line) if route]
        if self.source:
            routes += [(kind, self.source[0], port) for kind, port in self.links]
        if self.broker:
            routes.append(self.broker)
        return routes


class Peers:
    """At most `profile.peers` of them. `drops` counts what was refused, by error code.

    `vouched(device)` gives the key of a trusted peer that is not in the table, or None. `own` is
    what this node says of itself, `own_hosts` from where: so it notices another with its key.
    """

    # Ours
    own: "Announcement | None" = None
    on_heard: "Callable[[Peer], object] | None" = None  # on_heard(peer) hears of each announcement
    own_hosts: "Collection[Any]" = ()

    # Public

    def __init__(
        self,
        profile: "Profile",
        own_id: str,
        vouched: "Callable[[str], bytes | None] | None" = None,
    ) -> None:
        self._own_id = own_id
        self._vouched = vouched or _for_nobody
        self._limit = profile.peers
        self._services = profile.peer_services
        self._table: dict[str, Peer] = {}
        half = max(_PACKETS, profile.peers // _PEERS_A_PACKET) // 2
        shared = half, half, _HOST_PACKETS, _PACKETS_MS, profile.addresses
        self._strangers = Shares(*shared)
        # Known peers that are somewhere else than they were, and trusted ones that come back.
        self._returning = Shares(*shared)
        # Ours
        self.warnings: deque[NodeEvent] = deque((), _WARNINGS)
        self.warn_at = 0  # of a second node with one's own key, at the earliest
        self._turned: dict[str, Peer] = {}  # by id: those of whom the last event is true no more
        self._gone: deque[Peer] = deque((), profile.peers)  # evicted, and not yet reported
        self.drops: dict[int, int] = {}

    # Ours: commands

    def know(self, public: bytes) -> Peer:
        """Makes the peer with this key a known one: it is trusted, configured or proved.

        Raises LocalError(PEER_TABLE_FULL) when all places are taken by peers as good.
        """
        device = device_id(public)
        peer = self._table.get(device)
        if peer is None:
            peer = self._add(device, public, True)
            if peer is None:
                raise LocalError(PEER_TABLE_FULL)
        elif not peer.known:
            peer.packets = TokenBucket(_KNOWN_PACKETS, _PACKETS_MS)
        return peer

    def forget(self, device: str) -> None:
        """The peer is a stranger again, if it is there at all."""
        peer = self._table.get(device)
        if peer is not None:
            peer.packets = peer.proved = peer.fixed = None

    def attempt(self, device: str, now: int) -> Peer:
        """The peer, for one attempt to connect to it. Raises LocalError: STALE_PEER when nothing
        that is known of it holds any more, CONNECT_BACKOFF or HANDSHAKE_RATE to wait."""
        peer = self._table.get(device)
        if peer is None or not (peer.proved or peer.fixed or now < peer.expires):
            raise LocalError(STALE_PEER, device)
        if peer.backoff is None:
            peer.backoff = Backoff()
            peer.handshakes = TokenBucket(_HANDSHAKES, _HANDSHAKES_MS)
        if now < peer.backoff.until:
            raise LocalError(CONNECT_BACKOFF, "%d ms" % (peer.backoff.until - now))
        if not peer.handshakes.take(now):  # type: ignore[union-attr] # made with `backoff`
            raise LocalError(HANDSHAKE_RATE, device)
        return peer

    def failed(self, device: str, now: int) -> None:
        """The attempt came to nothing."""
        peer = self._table.get(device)
        if peer is not None and peer.backoff is not None:
            peer.backoff.failed(now)

    def joined(self, public: bytes, route: "Route | None" = None) -> None:
        """A handshake has proved this peer, at `route` (kind, host, port) if it can be used again.

        A table that is full of peers as good does not remember this one.
        """
        try:
            peer = self.know(public)
        except LocalError:
            return
        peer.connected += 1
        peer.proved = route or peer.proved
        if peer.backoff is not None:
            peer.backoff.reset()
        self._set_online(peer, True)

    def unplugged(self, port: str) -> None:
        """The serial port is gone, and with it the way to the peers heard there."""
        for peer in self._table.values():
            if peer.line and peer.line[1] == port:
                peer.line = None
            if peer.proved and peer.proved[:2] == (LINK_LINE, port):
                peer.proved = None

    def left(self, device: str, now: int) -> None:
        """A session with the peer has ended."""
        peer = self._table.get(device)
        if peer is not None and peer.connected:
            peer.connected -= 1
            self._set_online(peer, peer.connected > 0 or now < peer.expires)

    # Ours: inputs

    def receive_datagram(
        self, data: "Data", source: "Address", now: int
    ) -> "tuple[Peer | None, int] | None":
        """Takes one packet from `source`: (host, port), (LINK_LINE, port, channel), or
        (LINK_BROKER, group, 0), which has a budget of its own. Returns
        (peer, flags of the packet), or None for what was dropped or said nothing new. A sender
        that is not known and has no lifetime is no peer, but may ask. Never raises for what the
        sender did."""
        try:
            return self._take(data, source, now)
        except PeerError as error:
            self.drops[error.code] = self.drops.get(error.code, 0) + 1
            return None

    def handle_timer(self, now: int) -> None:
        """Peers that were not heard of within their lifetime go offline."""
        for peer in list(self._table.values()):
            if now >= peer.expires and not peer.connected:
                self._set_online(peer, False)
                if not peer.known and len(self._gone) < self._limit:
                    self._remove(peer)

    # Outputs

    def poll_timer(self) -> "Deadline":
        """Returns the end of the next lifetime, in ms, or None."""
        deadlines = [p.expires for p in self._table.values() if p.online and not p.connected]
        return min(deadlines) if deadlines else None

    def next_event(self) -> NodeEvent | None:
        """A change of who is there, or None."""
        if self.warnings:
            return self.warnings.popleft()
        if self._gone:
            return _event(self._gone.popleft(), False)
        if not self._turned:
            return None
        _, peer = self._turned.popitem()
        peer.reported = peer.online
        return _event(peer, peer.online)

    # Public: getters

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> "Iterator[Peer]":
        return iter(self._table.values())

    def get(self, device: str) -> "Peer | None":
        """The peer with this id, or None."""
        return self._table.get(device)

    # Ours: announcements

    def _take(self, data: "Data", source: "Address", now: int) -> "tuple[Peer | None, int] | None":
        if len(data) > ANNOUNCE_MAX:
            raise PeerError(ANNOUNCE_OVERSIZE, str(len(data)))
        device, public = claimed(data)
        peer = self._table.get(device)
        key = peer.public if peer is not None else self._vouched(device)
        if key and key != public:
            raise PeerError(IDENTITY_MISMATCH, device)  # and nobody has paid for it
        host = source if source[0] in (LINK_LINE, LINK_BROKER) else source[0]
        if source[0] != LINK_BROKER and not self._budget(peer, key, host, now):
            raise PeerError(ANNOUNCE_RATE)
        said = decode(data)
        if not key and device_id(said.public) != said.id:
            raise PeerError(IDENTITY_MISMATCH, said.id)
        if said.id == self._own_id:
            if self.own is not None and said.sequence > self.own.sequence:
                from dsoftbus.discovery.doubts import hear_own  # seldom

                hear_own(self, said, host, now)
            return None
        if peer is None:
            if said.lifetime_s == 0:
                return (None, said.flags) if said.flags & FLAG_QUERY else None
            peer = self._admit(said)
        elif now < peer.expires:
            last = peer.sequence
            if host != peer.host or not last < said.sequence <= last + JUMP_MAX:
                from dsoftbus.discovery.doubts import follow  # seldom

                follow(self, peer, said.sequence, host)
            peer.repeated = True
        else:
            peer.others = None
            peer.turns = 0
        peer.host = host
        self._note(peer, said, source, now)
        return peer, said.flags

    def _budget(self, peer: "Peer | None", key: bytes | None, host: "Any", now: int) -> bool:
        """Takes the cost of decoding a packet from a budget; False when that is spent. The packet
        names `peer` (not in the table: None), whose key is known to be `key`."""
        if peer is None:
            return (self._returning if key else self._strangers).take(host, now)
        if not peer.known:
            return self._strangers.take(host, now)
        if host == (peer.proved[1] if peer.proved else peer.host):
            return peer.packets.take(now)  # type: ignore[union-attr] # it is known
        return self._returning.take(host, now)

    def _note(self, peer: Peer, said: "Announcement", source: "Address", now: int) -> None:
        peer.sequence = said.sequence
        if said.lifetime_s == 0:
            self._set_online(peer, peer.connected > 0)  # until it expires, old packets stay old
            return
        peer.name = said.name
        real = [service for service in said.services if not service.startswith(PAD)]
        peer.services = tuple(real[: self._services])
        peer.flags = said.flags
        if source[0] == LINK_LINE:
            peer.line = source
        elif source[0] == LINK_BROKER:
            peer.broker = source
        else:
            peer.links = said.links
            peer.source = source
        peer.heard = now
        if self.on_heard is not None:
            self.on_heard(peer)
        peer.expires = now + said.lifetime_s * 1000
        if peer.backoff is not None:
            peer.backoff.reset()
        self._set_online(peer, True)

    def _admit(self, said: "Announcement") -> Peer:
        peer = self._add(said.id, said.public, self._vouched(said.id))
        if peer is None:
            raise PeerError(PEER_TABLE_FULL)
        return peer

    def _add(self, device: str, public: bytes, known: object) -> "Peer | None":
        """A new entry, or None when there is no place for it."""
        if not self._make_room(known):
            return None
        peer = self._table[device] = Peer(device, public)
        if known:
            peer.packets = TokenBucket(_KNOWN_PACKETS, _PACKETS_MS)
        return peer

    def _make_room(self, for_known: object) -> bool:
        """Makes a place where there is none; False when nobody gives way (`doubts.expendable`)."""
        if len(self._table) < self._limit:
            return True
        from dsoftbus.discovery.doubts import expendable  # only where the table is full

        victim = expendable(self._table, self._limit, for_known)
        if victim is None or len(self._gone) >= self._limit:
            return False
        self._remove(victim)
        return True

    def _remove(self, peer: Peer) -> None:
        """Takes a peer out; if a program believes it there, an event will say otherwise."""
        del self._table[peer.id]
        self._turned.pop(peer.id, None)
        if peer.reported:
            self._gone.append(peer)

    def _set_online(self, peer: Peer, online: bool) -> None:
        peer.online = online
        if online == peer.reported:
            self._turned.pop(peer.id, None)
            return
        try:
            self._turned[peer.id] = peer
        except MemoryError:
            pass  # the program hears of the next change


def _event(peer: Peer, online: bool) -> NodeEvent:
    return NodeEvent(EV_ONLINE if online else EV_OFFLINE, peer.id, peer.name)


def _for_nobody(device: str) -> None:
    return None
