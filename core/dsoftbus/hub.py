"""A node of many sessions: what one of them costs does not grow with the number of the others."""

from dsoftbus.mux.chunks import Chunks
from dsoftbus.node import Node

if False:  # for types
    from dsoftbus.contracts import Address, Any
    from dsoftbus.session.endpoint import Endpoint
    from dsoftbus.session.session import Session
    from dsoftbus.session.stream_session import StreamSession


class Hub(Node):
    """Does what `Node` does, counts what that walks over, and walks only at a limit. Hosts are
    such; a board, which has few sessions, is smaller without.

    Drivers of its endpoints on networks wake sessions: see `HubEndpoint`.
    """

    ring = Chunks

    def __init__(self, *what: "Any", **more: "Any") -> None:
        super().__init__(*what, **more)
        # Those that hold a place, or did and are not forgotten yet; whether they came as strangers
        self._places: dict[Session, bool] = {}
        self._of_peer: dict[str, list[Session]] = {}  # that were established, by the peer's id
        self._strangers = 0  # of these
        self._waiting: list[StreamSession] = []  # handshakes of peers on stream links

    def endpoint(self, mtu: int, line: bool = False) -> "Endpoint":
        if line:
            return super().endpoint(mtu, line)
        from dsoftbus.session.hub_endpoint import HubEndpoint
        from dsoftbus.session.shared_network import SharedNetwork

        return HubEndpoint(self, mtu, SharedNetwork(self))

    def sessions_with(self, device: str) -> "list[Session]":
        """The sessions with this peer that were established, and are not forgotten yet."""
        return self._of_peer.get(device, [])

    # Places

    def placed(self) -> "list[Session]":
        return [session for session in self._places if not session.closed]

    @property
    def full(self) -> bool:
        return len(self._places) >= self.profile.sessions and super().full

    def has_place_for(self, session: "Session") -> bool:
        """Tells whether `session`, whose peer is proved, may have a place, and nobody has to give
        one up for it. False where that takes a closer look (`arrivals.take_place`)."""
        profile = self.profile
        return (
            len(self._places) < profile.sessions
            and len(self.sessions_with(session.peer_id)) < profile.peer_sessions
            and self._strangers < max(profile.sessions // 2, 1)
        )

    def add(self, session: "Session") -> "Any":
        if session.initiator:
            self._places[session] = False
        return super().add(session)

    def join(self, session: "Session", now: int) -> None:
        super().join(session, now)
        device = session.peer_id
        self._of_peer.setdefault(device, []).append(session)
        if not session.initiator:
            guard = self.guard
            stranger = guard is not None and guard.store.get(device) is None
            self._places[session] = stranger
            self._strangers += stranger

    def forget(self, session: "Session") -> None:
        self._strangers -= self._places.pop(session, False)
        if session.peer_public is not None:
            self._leave(session, session.peer_id)
        if session in self._waiting:
            self._waiting.remove(session)
        super().forget(session)

    def _leave(self, session: "Session", device: str) -> None:
        ours = self.sessions_with(device)
        if session in ours:
            ours.remove(session)
            if not ours:
                del self._of_peer[device]

    # Stream links

    def accept(self, now: int, path: "Address" = None) -> "StreamSession":
        session = super().accept(now, path)
        self._waiting.append(session)
        return session

    def _evict_half_open(self, path: "Address") -> None:
        self._waiting = [session for session in self._waiting if session.half_open]
        self.evicted = None
        if len(self._waiting) >= self.profile.half_open:
            super()._evict_half_open(path)
