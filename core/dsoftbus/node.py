"""One local node: what it is, and the sessions that it has."""

from dsoftbus.base.ticks import earliest
from dsoftbus.const import ANYONE, KEY_BYTES, SUITE_CHACHA_SHA256
from dsoftbus.errors import (
    BAD_ARGUMENT,
    HALF_OPEN_LIMIT,
    HANDSHAKE_BUDGET,
    SESSION_LIMIT,
    LocalError,
    PeerError,
)
from dsoftbus.mux.windows import resize
from dsoftbus.session.node_config import NodeConfig
from dsoftbus.session.session_table import SessionTable

if False:  # for types
    from collections.abc import Collection

    from dsoftbus.contracts import Address, Allowed, Deadline, Keys, Profile, Random, Route
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.discovery.peers import Peers
    from dsoftbus.mux.events import NodeEvent
    from dsoftbus.session.endpoint import Endpoint
    from dsoftbus.session.session import Session
    from dsoftbus.session.stream_session import StreamSession
    from dsoftbus.trust.guard import Guard


class Node(SessionTable):
    """Makes sessions within the profile's bounds; a driver pumps them.

    `suites`, `static`, `random`, `psk`: see `NodeConfig`. Nobody may begin a session but the peers
    that `allowed` names (public keys, or ANYONE) and those that `guard` (a `trust.guard.Guard`)
    lets in; where both are given, both have to agree. A `psk` without either lets in every peer
    that shows it.
    """

    def __init__(
        self,
        suites: "dict[int, Suite]",
        static: "Keys",
        random: "Random",
        profile: "Profile",
        name: str = "",
        psk: bytes | None = None,
        guard: "Guard | None" = None,
        allowed: "Allowed | None" = None,
    ) -> None:
        if allowed is None:
            allowed = () if guard is None and psk is None else ANYONE
        elif allowed != ANYONE:
            _check_keys(allowed)
        super().__init__(NodeConfig(suites, static, random, profile, name, psk), allowed)
        self.guard = guard
        self.peers: Peers | None = None  # a discovery.peers.Peers, made by discover()
        # Ours
        self.resize = resize
        self._met: dict[Session, str] = {}  # to its device: those that `peers` knows of
        self.answered: list[bytes] = []  # openings on stream links, for `handshake.arrivals`

    def forget(self, session: "Session") -> None:
        """`session` has ended, and its link needs it no more."""
        super().forget(session)
        device = self._met.pop(session, None)
        if device is not None:
            self.peers.left(device, session.keepalive.heard)  # type: ignore[union-attr] # has met it
        if self.guard is not None:
            self.guard.leave(session)

    # Discovery and trust

    def discover(self) -> "Peers":
        """The table of peers, from now on."""
        if self.peers is None:
            from dsoftbus.discovery.peers import Peers

            self.peers = Peers(self.profile, self.id, self._vouched)
        return self.peers

    def unpair(self, device: str) -> bool:
        """See `Guard.unpair`; the peer is a stranger to discovery again, too."""
        if self.peers is not None:
            self.peers.forget(device)
        return self.guard.unpair(device)  # type: ignore[union-attr] # who calls this has one

    def handle_timer(self, now: int) -> None:
        """Runs the timers that belong to no session."""
        if self.peers is not None:
            self.peers.handle_timer(now)
        if self.guard is not None:
            self.guard.handle_timer(now)

    def poll_timer(self) -> "Deadline":
        """The next deadline apart from sessions in ms, or None."""
        deadline = self.peers.poll_timer() if self.peers is not None else None
        if self.guard is not None:
            deadline = earliest(deadline, self.guard.poll_timer())
        return deadline

    def next_event(self) -> "NodeEvent | None":
        """The oldest event apart from sessions (a NodeEvent), or None."""
        event = self.guard.next_event() if self.guard is not None else None
        if event is None and self.peers is not None:
            event = self.peers.next_event()
        return event

    # Ours: what its links and its sessions ask of it

    def connect(
        self,
        peer_public: bytes,
        now: int,
        suite: int = SUITE_CHACHA_SHA256,
        psk: bytes | None = None,
        route: "Route | None" = None,
    ) -> "StreamSession":
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

    def accept(self, now: int, path: "Address" = None) -> "StreamSession":
        """A session for a stream link that a peer has opened from `path`, the address as the
        driver has it: that address pays for the handshake. None: nobody has to.

        Raises PeerError (SESSION_LIMIT, HALF_OPEN_LIMIT): the driver closes the link. When too
        many handshakes are under way, another may give way (`evicted`, for the driver to pump):
        see `arrivals.make_room`.
        """
        if self.crowded:  # and none that lives gives way to one that has no place afterwards
            raise PeerError(SESSION_LIMIT)
        self._evict_half_open(path)
        session = _over_stream()(self.local, now)
        session.path = path
        return self.add(session)

    def endpoint(self, mtu: int, line: bool = False) -> "Endpoint":
        """The endpoint of a datagram link: all sessions on one socket, or on one serial line.
        `mtu`: its longest datagram."""
        from dsoftbus.session.endpoint import Endpoint  # only who has such a link pays for it
        from dsoftbus.session.shared_network import SharedLine, SharedNetwork

        return Endpoint(self, mtu, (SharedLine if line else SharedNetwork)(self))

    def admit(self, session: "Session", now: int) -> None:
        super().admit(session, now)
        if self.guard is not None:
            self.guard.admit(session, now)

    def join(self, session: "Session", now: int) -> None:
        if self.guard is not None:
            self.guard.join(session, now)
        if self.peers is not None:
            self._met[session] = session.peer_id  # now: the end may be a lack of memory
            self.peers.joined(session.peer_public, session.route)

    def _evict_half_open(self, path: "Address") -> None:
        kind = _over_stream()  # once: a flood brings a list of all sessions for each of its own
        found = self.sessions
        waiting = [s for s in found if isinstance(s, kind) and s.half_open and not s.initiator]
        self.evicted = None
        if len(waiting) >= self.profile.half_open:
            from dsoftbus.handshake.arrivals import make_room  # for a while, as `handshake` says

            leaving = make_room(waiting, path)
            if leaving is None:
                raise PeerError(HALF_OPEN_LIMIT)
            leaving.refuse(HANDSHAKE_BUDGET if leaving.held else HALF_OPEN_LIMIT)
            self.evicted = leaving

    def _vouched(self, device: str) -> bytes | None:
        """The key of a trusted peer, or None."""
        entry = self.guard.store.get(device) if self.guard is not None else None
        return None if entry is None else entry.public


def _check_keys(allowed: "Collection[bytes] | str") -> None:
    """A key by itself, or its digits, would be looked into as a collection, too."""
    if isinstance(allowed, (bytes, bytearray, str)):
        raise LocalError(BAD_ARGUMENT, "allowed: a collection of keys, or ANYONE")
    for key in allowed:
        if len(key) != KEY_BYTES:
            raise LocalError(BAD_ARGUMENT, "a public key of 32 bytes")


def _over_stream() -> "type[StreamSession]":
    from dsoftbus.session.stream_session import (
        StreamSession,  # only who has such a link pays for it
    )

    return StreamSession
