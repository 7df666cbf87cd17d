"""One local node: what it is, and the sessions that it has."""

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.errors import HALF_OPEN_LIMIT, SESSION_LIMIT, LocalError, PeerError
from dsoftbus.identity import device_id
from dsoftbus.session.handshake import Local
from dsoftbus.session.over_stream import StreamSession


class Node:
    """Makes sessions within the profile's bounds; a driver pumps them.

    `suites`, `static`, `random`, `psk`: see `Local`.
    """

    def __init__(self, suites, static, random, profile, name="", psk=None):
        self.local = Local(suites, static, random, profile, name, psk)
        self.profile = profile
        self.sessions = []
        self.evicted = None  # by the last accept()

    @property
    def public(self) -> bytes:
        return self.local.static.public

    @property
    def id(self) -> str:
        return device_id(self.public)

    def connect(self, peer_public: bytes, now: int, suite: int = SUITE_CHACHA_SHA256):
        """A session to the node whose key is `peer_public`, over a stream link."""
        if self._full:
            raise LocalError(SESSION_LIMIT)
        return self._add(StreamSession(self.local, now, peer_public, suite))

    def accept(self, now: int):
        """A session for a stream link that a peer has opened.

        Raises PeerError(SESSION_LIMIT): the driver closes the link. Where too many handshakes
        are under way the oldest gives way (`evicted`, for the driver to pump): an honest peer
        needs its place for a moment, one that says nothing does not get to keep it.
        """
        self._evict_half_open()
        if self._full:
            raise PeerError(SESSION_LIMIT)
        return self._add(StreamSession(self.local, now))

    def forget(self, session) -> None:
        """The driver has closed the link of `session`."""
        if session in self.sessions:
            self.sessions.remove(session)

    @property
    def _full(self) -> bool:
        """Whether there is no place for one more session.

        One that has ended and whose driver has yet to let go of its link counts no longer, or a
        node with few places would be closed to its peers meanwhile; but these too are bounded.
        """
        live = 0
        for session in self.sessions:
            live += not session.closed
        most = self.profile.sessions
        return live >= most or len(self.sessions) >= most + self.profile.half_open

    def _add(self, session):
        self.sessions.append(session)
        return session

    def _evict_half_open(self) -> None:
        waiting = [s for s in self.sessions if s.half_open and not s.initiator]
        self.evicted = None
        if len(waiting) >= self.profile.half_open:
            self.evicted = waiting[0]
            self.evicted.refuse(HALF_OPEN_LIMIT)
