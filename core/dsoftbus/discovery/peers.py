"""The table of peers: who has been heard of, for how long that holds, and how to reach them.

What it holds is a hint. A peer is *known* when a handshake has proved it, or when it is trusted or
configured; announcements alone make *strangers*. Strangers share one token bucket and give way to
each other; a known peer has a bucket of its own, and nothing that strangers send moves it.
"""

from collections import deque

from dsoftbus.backoff import Backoff
from dsoftbus.const import ANNOUNCE_MAX, EV_OFFLINE, EV_ONLINE, LINK_LINE
from dsoftbus.discovery.announce import claimed_id, decode
from dsoftbus.errors import (
    ANNOUNCE_OVERSIZE,
    ANNOUNCE_RATE,
    ANNOUNCE_REPLAYED,
    CONNECT_BACKOFF,
    HANDSHAKE_RATE,
    IDENTITY_MISMATCH,
    PEER_TABLE_FULL,
    STALE_PEER,
    LocalError,
    PeerError,
)
from dsoftbus.identity import device_id
from dsoftbus.pace import TokenBucket
from dsoftbus.session.events import NodeEvent

# The field's hardening: at most 50 packets in 5 s, at most 3 handshakes in 30 s for each peer.
# Where the table holds more strangers than could stay in it at that pace, as many as it needs:
# three announcements in a lifetime of 60 s are one for every four peers in 5 s.
_PACKETS = 50
_PEERS_A_PACKET = 4
_PACKETS_MS = 5000
_KNOWN_PACKETS = 10  # of one known peer, in the same time: it announces every few seconds at most
_HANDSHAKES = 3
_HANDSHAKES_MS = 30000
_JUMP_MAX = 65536  # a forged packet cannot make a peer deaf to the real ones in one step


class Peer:
    """One node that has been heard of. `links` are (kind, port); `source` is (host, port)."""

    def __init__(self, device: str, public: bytes):
        self.id = device
        self.public = public
        self.name = ""
        self.services = ()
        self.flags = 0
        self.links = ()
        self.source: tuple = None  # where the last announcement came from
        self.line: tuple = None  # (LINK_LINE, port, channel) where it is heard on a serial line
        self.proved: tuple = None  # (kind, host, port) under which a handshake last succeeded
        self.fixed: tuple = None  # (kind, host, port) from the configuration
        self.sequence = -1
        self.heard = 0
        self.expires = 0  # what was announced holds until then
        self.repeated = False  # heard more than once
        self.online = False
        self.connected = 0  # live sessions
        self.packets: TokenBucket = None  # a known peer's own TokenBucket
        self.handshakes: TokenBucket = None  # made at the first attempt to connect
        self.backoff: Backoff = None
        self.reported = False  # what the last event said

    @property
    def known(self) -> bool:
        return self.packets is not None

    def routes(self) -> list:
        """(kind, host, port) to try, the surest first."""
        routes = [route for route in (self.proved, self.fixed, self.line) if route]
        if self.source:
            routes += [(kind, self.source[0], port) for kind, port in self.links]
        return routes


class Peers:
    """At most `profile.peers` of them. `drops` counts what was refused, by error code.

    `vouched(device)` says whether an id that is not in the table is that of a trusted peer.
    """

    def __init__(self, profile, own_id: str, vouched=None):
        self._own_id = own_id
        self._vouched = vouched or _for_nobody
        self._limit = profile.peers
        self._services = profile.peer_services
        self._table = {}
        packets = max(_PACKETS, profile.peers // _PEERS_A_PACKET)
        self._strangers = TokenBucket(packets, _PACKETS_MS)
        self._returning = TokenBucket(packets, _PACKETS_MS)  # trusted, and not in the table
        self._turned = {}  # by id: those of whom the last event is true no more
        self._gone = deque((), profile.peers)  # evicted, and not yet reported
        self.drops = {}

    # Commands

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
        if not peer.handshakes.take(now):
            raise LocalError(HANDSHAKE_RATE, device)
        return peer

    def failed(self, device: str, now: int) -> None:
        """The attempt came to nothing."""
        peer = self._table.get(device)
        if peer is not None and peer.backoff is not None:
            peer.backoff.failed(now)

    def joined(self, public: bytes, route=None) -> None:
        """A handshake has proved this peer, at `route` (kind, host, port) if it can be used again.

        Where the table is full of peers as good, this one is not remembered.
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
        """The serial port is gone, and with it the way to whoever was heard there."""
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

    # Inputs

    def receive_datagram(self, data, source, now: int):
        """Takes one packet from `source`: (host, port), or (LINK_LINE, port, channel). Returns
        (peer, flags of the packet), or None for what was dropped or said nothing new. Never
        raises for what the sender did."""
        try:
            return self._take(data, source, now)
        except PeerError as error:
            self.drops[error.code] = self.drops.get(error.code, 0) + 1
            return None

    def handle_timer(self, now: int) -> None:
        """What has not been heard of within its lifetime is there no more."""
        for peer in list(self._table.values()):
            if now >= peer.expires and not peer.connected:
                self._set_online(peer, False)
                if not peer.known and len(self._gone) < self._limit:
                    self._remove(peer)

    # Outputs

    def poll_timer(self):
        """When the next lifetime passes, or None."""
        deadlines = [p.expires for p in self._table.values() if p.online and not p.connected]
        return min(deadlines) if deadlines else None

    def next_event(self):
        """A change of who is there, or None."""
        if self._gone:
            return _event(self._gone.popleft(), False)
        if not self._turned:
            return None
        _, peer = self._turned.popitem()
        peer.reported = peer.online
        return _event(peer, peer.online)

    # Getters

    def __len__(self):
        return len(self._table)

    def __iter__(self):
        return iter(self._table.values())

    def get(self, device: str):
        """The peer with this id, or None."""
        return self._table.get(device)

    # Announcements

    def _take(self, data, source, now: int):
        if len(data) > ANNOUNCE_MAX:
            raise PeerError(ANNOUNCE_OVERSIZE, str(len(data)))
        device = claimed_id(data)
        peer = self._table.get(device)
        if not self._bucket(device, peer).take(now):
            raise PeerError(ANNOUNCE_RATE)
        said = decode(data)
        if said.id == self._own_id:
            return None
        _check_identity(said, peer)
        if peer is None:
            if said.lifetime_s == 0:
                return None
            peer = self._admit(said)
        elif now < peer.expires:
            _check_sequence(said.sequence, peer.sequence)
            peer.repeated = True
        self._note(peer, said, source, now)
        return peer, said.flags

    def _bucket(self, device: str, peer) -> TokenBucket:
        """Who pays for a packet that claims to be from `device`."""
        if peer is not None:
            return peer.packets or self._strangers
        return self._returning if self._vouched(device) else self._strangers

    def _note(self, peer: Peer, said, source, now: int) -> None:
        peer.sequence = said.sequence
        if said.lifetime_s == 0:
            self._set_online(peer, peer.connected > 0)  # until it expires, old packets stay old
            return
        peer.name = said.name
        peer.services = said.services[: self._services]
        peer.flags = said.flags
        if source[0] == LINK_LINE:
            peer.line = source
        else:
            peer.links = said.links
            peer.source = source
        peer.heard = now
        peer.expires = now + said.lifetime_s * 1000
        if peer.backoff is not None:
            peer.backoff.reset()
        self._set_online(peer, True)

    def _admit(self, said) -> Peer:
        peer = self._add(said.id, said.public, self._vouched(said.id))
        if peer is None:
            raise PeerError(PEER_TABLE_FULL)
        return peer

    def _add(self, device: str, public: bytes, known: bool):
        """A new entry, or None when there is no place for it."""
        if not self._make_room(known):
            return None
        peer = self._table[device] = Peer(device, public)
        if known:
            peer.packets = TokenBucket(_KNOWN_PACKETS, _PACKETS_MS)
        return peer

    def _make_room(self, for_known: bool) -> bool:
        """Frees a place if there must be one: that of the stranger heard of least recently, else
        of a known peer which is neither there nor configured. A stranger takes no place of one
        that is there and was heard more than once. False when no place can be had.
        """
        if len(self._table) < self._limit:
            return True
        victim = None
        for peer in self._table.values():
            if _may_go(peer, for_known) and (victim is None or _rank(peer) < _rank(victim)):
                victim = peer
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


def _check_identity(said, peer) -> None:
    """The id must be its key's; for a peer in the table the keys tell, without a hash."""
    same = peer.public == said.public if peer is not None else device_id(said.public) == said.id
    if not same:
        raise PeerError(IDENTITY_MISMATCH, said.id)


def _check_sequence(new: int, last: int) -> None:
    """A packet without a sequence (version 1, -1) never follows one that has it."""
    if last >= 0 and not last < new <= last + _JUMP_MAX:
        raise PeerError(ANNOUNCE_REPLAYED, str(new))


def _may_go(peer: Peer, for_known: bool) -> bool:
    if peer.known:
        return not (peer.online or peer.fixed)
    return for_known or not (peer.repeated and peer.online)


def _rank(peer: Peer) -> tuple:
    return peer.known, peer.repeated and peer.online, peer.heard


def _event(peer: Peer, online: bool) -> NodeEvent:
    return NodeEvent(EV_ONLINE if online else EV_OFFLINE, peer.id, peer.name)


def _for_nobody(device: str) -> bool:
    return False
