"""One local node: what it is, and the sessions that it has."""

from dsoftbus.const import ANYONE, KEY_BYTES, SUITE_CHACHA_SHA256
from dsoftbus.errors import (
    BAD_ARGUMENT,
    HALF_OPEN_LIMIT,
    HANDSHAKE_BUDGET,
    SESSION_LIMIT,
    LocalError,
    PeerError,
)
from dsoftbus.session.local import Local
from dsoftbus.session.roster import Roster
from dsoftbus.ticks import earliest


class Node(Roster):
    """Makes sessions within the profile's bounds; a driver pumps them.

    `suites`, `static`, `random`, `psk`: see `Local`. Nobody may begin a session but the peers that
    `allowed` names (public keys, or ANYONE) and those that `guard` (a `trust.guard.Guard`) lets
    in; where both are given, both have to agree. A `psk` without either lets in whoever shows it.
    """

    def __init__(
        self, suites, static, random, profile, name="", psk=None, guard=None, allowed=None
    ):
        if allowed is None:
            allowed = () if guard is None and psk is None else ANYONE
        elif allowed != ANYONE:
            _check_keys(allowed)
        super().__init__(Local(suites, static, random, profile, name, psk), allowed)
        self.guard = guard
        self.peers = None  # a discovery.peers.Peers, made by discover()
        self._met = []  # (session, device) of those that `peers` knows of
        self.answered: list = []  # openings on stream links, for `session.arrivals`

    # Sessions

    def connect(
        self, peer_public: bytes, now: int, suite: int = SUITE_CHACHA_SHA256, psk=None, route=None
    ):
        """A session to the node whose key is `peer_public`, over a stream link.

        `psk`: the token of an invitation. `route` (kind, host, port): where that node was sought;
        if it is there, it will be sought there again.
        """
        if self.full:
            raise LocalError(SESSION_LIMIT)
        local = self.local if psk is None else self.local.with_psk(psk)
        session = _over_stream()(local, now, peer_public, suite)
        session.route = route
        return self.add(session)

    def accept(self, now: int, path=None):
        """A session for a stream link that a peer has opened from `path`, the address as the
        driver has it: who comes from there pays for its handshake. None: nobody has to.

        Raises PeerError (SESSION_LIMIT, HALF_OPEN_LIMIT): the driver closes the link. Where too
        many handshakes are under way another may give way (`evicted`, for the driver to pump): see
        `arrivals.make_room`.
        """
        if self.crowded:  # and none that lives gives way to one that has no place afterwards
            raise PeerError(SESSION_LIMIT)
        self._evict_half_open(path)
        session = _over_stream()(self.local, now)
        session.path = path
        return self.add(session)

    def endpoint(self, mtu: int, line: bool = False):
        """For a datagram link: all sessions on one socket, or on one serial line. `mtu`: its
        longest datagram."""
        from dsoftbus.session.endpoint import Endpoint  # only who has such a link pays for it
        from dsoftbus.session.network import LineNetwork, Network

        return Endpoint(self, mtu, (LineNetwork if line else Network)(self))

    def forget(self, session) -> None:
        """`session` has ended, and its link needs it no more."""
        super().forget(session)
        for met in self._met:
            if met[0] is session:
                self._met.remove(met)
                self.peers.left(met[1], session.keepalive.heard)
                break
        if self.guard is not None:
            self.guard.leave(session)

    def _evict_half_open(self, path) -> None:
        streams = [s for s in self.sessions if isinstance(s, _over_stream())]
        waiting = [s for s in streams if s.half_open and not s.initiator]
        self.evicted = None
        if len(waiting) >= self.profile.half_open:
            from dsoftbus.session.arrivals import make_room  # for a while, as `handshake` says

            leaving = make_room(waiting, path)
            if leaving is None:
                raise PeerError(HALF_OPEN_LIMIT)
            leaving.refuse(HANDSHAKE_BUDGET if leaving.held else HALF_OPEN_LIMIT)
            self.evicted = leaving

    # Discovery and trust

    def discover(self):
        """The table of peers, from now on."""
        if self.peers is None:
            from dsoftbus.discovery.peers import Peers

            self.peers = Peers(self.profile, self.id, self._vouched)
        return self.peers

    def unpair(self, device: str) -> bool:
        """See `Guard.unpair`; the peer is a stranger to discovery again, too."""
        if self.peers is not None:
            self.peers.forget(device)
        return self.guard.unpair(device)

    def admit(self, session, now: int) -> None:
        super().admit(session, now)
        if self.guard is not None:
            self.guard.admit(session, now)

    def join(self, session, now: int) -> None:
        if self.guard is not None:
            self.guard.join(session, now)
        if self.peers is not None:
            self._met.append((session, session.peer_id))  # now: the end may be a lack of memory
            self.peers.joined(session.peer_public, session.route)

    def handle_timer(self, now: int) -> None:
        """What is due apart from sessions."""
        if self.peers is not None:
            self.peers.handle_timer(now)
        if self.guard is not None:
            self.guard.handle_timer(now)

    def poll_timer(self):
        """The next deadline apart from sessions in ms, or None."""
        deadline = self.peers.poll_timer() if self.peers is not None else None
        if self.guard is not None:
            deadline = earliest(deadline, self.guard.poll_timer())
        return deadline

    def next_event(self):
        """The oldest event apart from sessions (a NodeEvent), or None."""
        event = self.guard.next_event() if self.guard is not None else None
        if event is None and self.peers is not None:
            event = self.peers.next_event()
        return event

    def _vouched(self, device: str):
        """The key of a trusted peer, or None."""
        entry = self.guard.store.get(device) if self.guard is not None else None
        return None if entry is None else entry.public


def _check_keys(allowed) -> None:
    """A key by itself, or its digits, would be looked into as a collection, too."""
    if isinstance(allowed, (bytes, bytearray, str)):
        raise LocalError(BAD_ARGUMENT, "allowed: a collection of keys, or ANYONE")
    for key in allowed:
        if len(key) != KEY_BYTES:
            raise LocalError(BAD_ARGUMENT, "a public key of 32 bytes")


def _over_stream():
    from dsoftbus.session.over_stream import StreamSession  # only who has such a link pays for it

    return StreamSession
