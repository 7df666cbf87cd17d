"""The sessions that one node has, and who may begin one: all that an endpoint needs of a node."""

from dsoftbus.const import ANYONE
from dsoftbus.errors import PEER_NOT_ALLOWED, PeerError
from dsoftbus.identity import device_id

if False:  # for types
    from collections.abc import Callable, Sequence

    from dsoftbus.contracts import Allowed, Any, Room
    from dsoftbus.mux.mux import Mux
    from dsoftbus.mux.stream import Stream
    from dsoftbus.resume.tickets import Tickets
    from dsoftbus.session.node_config import NodeConfig
    from dsoftbus.session.session import Session


# Public


class SessionTable:
    """Holds sessions within the bounds of the profile of `local` (a `node_config.NodeConfig`).

    `allowed` are the public keys of the peers that may begin sessions, or ANYONE. Nobody else may,
    and without it nobody. `room(size, more)` is a backend's whose memory may run out: whether
    `size` bytes may be taken for a session, so that `more` times as much and what a program needs
    are left. The session waits while it says no, and so does its peer.
    """

    # Ours: programs hand it on
    room: "Room | None" = None
    resize: "Callable[[Mux, Stream], None] | None" = None  # see `mux.windows`
    ring: "Any" = None  # `mux.chunks.Chunks`, where it is not `mux.ring.Ring`

    links: "Sequence[Any]" = ()  # what drives its endpoints, where sessions move between links
    tickets: "Tickets | None" = None  # a resume.tickets.Tickets, where sessions are resumed
    arrivals: "list[Any] | None" = None  # what `handshake.arrivals` counts
    evicted: object = None  # the session that gave its place to another last: its driver turns it

    def __init__(self, local: "NodeConfig", allowed: "Allowed | None" = ()) -> None:
        self.local = local
        self.profile = local.profile
        self.allowed = () if allowed is None else allowed
        self.sessions: list[Session] = []
        local.gatekeeper = self

    @property
    def public(self) -> bytes:
        return self.local.static.public

    @property
    def id(self) -> str:
        return device_id(self.public)

    def placed(self) -> "list[Session]":
        """The sessions that hold a place. Handshakes that peers have begun hold none: who proves
        its key is given one then, or not."""
        return [s for s in self.sessions if not s.closed and (s.initiator or not s.half_open)]

    @property
    def full(self) -> bool:
        """Tells whether all places are taken."""
        return len(self.placed()) >= self.profile.sessions

    @property
    def crowded(self) -> bool:
        """Tells whether one handshake more would be too many. Sessions that have ended, and whose
        driver has yet to let go of their link, count too."""
        return len(self.sessions) >= self.profile.sessions + self.profile.half_open

    def session(self, number: int) -> "Any":
        """The session with this connection id, on whichever datagram link it is; or None."""
        for port in self.links:
            session = port.endpoint.sessions.get(number)
            if session is not None:
                return session
        return None

    def add(self, session: "Session") -> "Any":
        self.sessions.append(session)
        return session

    def forget(self, session: "Session") -> None:
        """`session` has ended, and its link needs it no more."""
        if session in self.sessions:
            self.sessions.remove(session)

    def admit(self, session: "Session", now: int) -> None:
        """May the peer of `session`, whose key is proved, have a session? Raises PeerError.

        Nothing of the peer has had an effect before, and nothing has if it is refused. A peer that
        this side sought by its key is always welcome.
        """
        welcome = session.initiator or self.allowed == ANYONE
        if not welcome and session.peer_public not in self.allowed:
            raise PeerError(PEER_NOT_ALLOWED)

    def join(self, session: "Session", now: int) -> None:
        """`session` was admitted and is established; no frame of its peer has been read yet."""
