"""The sessions that one node has: all that an endpoint needs of a node."""

from dsoftbus.errors import PEER_NOT_ALLOWED, PeerError
from dsoftbus.identity import device_id


class Roster:
    """Holds sessions within the bounds of the profile of `local` (a `handshake.Local`).

    With `allowed`, public keys, it denies by default: nobody else may begin a session. With None
    whoever proves a key may have one, and whoever made this decides what for.
    """

    arrivals: list = None  # what `session.arrivals` counts

    def __init__(self, local, allowed=None):
        self.local = local
        self.profile = local.profile
        self.allowed = allowed
        self.sessions: list = []
        local.gatekeeper = self

    @property
    def public(self) -> bytes:
        return self.local.static.public

    @property
    def id(self) -> str:
        return device_id(self.public)

    @property
    def full(self) -> bool:
        """Whether there is no place for one more session.

        One that has ended and whose driver has yet to let go of its link counts no longer, or a
        node with few places would be closed to its peers meanwhile; but these too are bounded.
        """
        live = 0
        for session in self.sessions:
            live += not session.closed
        most = self.profile.sessions
        return live >= most or len(self.sessions) >= most + self.profile.half_open

    def add(self, session):
        self.sessions.append(session)
        return session

    def forget(self, session) -> None:
        """`session` has ended, and its link needs it no more."""
        if session in self.sessions:
            self.sessions.remove(session)

    def admit(self, session, now: int) -> None:
        """Called when a handshake has proved the peer of `session`. Raises PeerError.

        Whom this side sought by its key, it wants.
        """
        wanted = session.initiator or self.allowed is None
        if not wanted and session.peer_public not in self.allowed:
            raise PeerError(PEER_NOT_ALLOWED)
