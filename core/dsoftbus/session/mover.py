"""The choice among the paths of a session, by the side that has begun it (docs/moving.md).

The other side follows, by `path_validation`. Boards, which only follow, do without this module.
"""

from dsoftbus.base.ticks import earliest
from dsoftbus.errors import LocalError
from dsoftbus.session.elsewhere import Elsewhere, fits
from dsoftbus.session.path_validation import PROOF_BYTES, ask, move, on_other_link

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Address, Any, Deadline
    from dsoftbus.session.datagram_session import DatagramSession


PATHS_MAX = 2  # of one rank, beside that of the session: two networks, say
# The peer is asked for a packet after so much silence; in a session that has nothing to say after
# twice as long each time, up to the last.
ASK_MS = 1000
ASK_LAST_MS = 4000
# A path is silent when nothing has come for so many probe timeouts after that, within the bounds.
TIMEOUTS = 3
SILENT_MS = 500
SILENT_LAST_MS = 6000
# Between two questions to a path that has not answered, doubling: while the session's own path is
# silent, and while it is not, and a better one is wanted.
TRY_MS = 250
TRY_LAST_MS = 4000
RETURN_MS = 1000
RETURN_LAST_MS = 60000
SETTLED_MS = 60000  # a path that has carried the session for so long may fail once for nothing


class KnownPath:
    """One way to the peer: `port` drives its link, `address` is the peer's there. The lower
    its `rank`, the better it is."""

    def __init__(self, port: "Any", address: "Address", rank: int, now: int) -> None:
        self.port = port
        self.address = address
        self.rank = rank
        self.proof = b""  # of the question under way
        self.ask_at = now
        self.wait_ms = RETURN_MS
        self.return_ms = RETURN_MS  # before it is asked again, once it has failed
        self.rests_until = now  # it has failed: before that nothing brings the session back
        self.since = now  # when the session came here


class Mover:
    """The paths of `session`, which has begun on `port`. A driver calls `handle_timer` when
    `poll_timer` says so, and looks at that again after `wake(mover)`."""

    def __init__(self, session: "DatagramSession", port: "Any", rank: int, now: int) -> None:
        self.current = KnownPath(port, session.path, rank, now)
        self.paths = [self.current]
        self.silent = False  # nothing comes on the path of the session
        self.wake: Callable[[Mover], object] = _nothing
        self.session = session
        self._silent_at = 0
        self._not_before = now  # of the next timer
        self._asked_at = -1  # when the peer was asked for a packet that has not come; -1: not
        self._last_asked = now
        self._ask_ms = ASK_MS
        self._heard = now  # the last packet on the path of the session, before
        self._elsewhere_at = -1  # the last one on another

    # Commands

    def offer(self, port: "Any", address: "Address", rank: int, now: int) -> None:
        """The peer may be at `address` of `port`, too. A path that does not carry the packets of
        the session is none, and one too many of a rank takes the place of the oldest of it: what
        is forged of one link makes nobody forget another."""
        for path in self.paths:
            if path.port is port and path.address == address:
                path.rank = rank
                return
        if not fits(self.session, port.endpoint):
            return
        alike = [path for path in self._others() if path.rank == rank]
        if len(alike) >= PATHS_MAX:
            self.paths.remove(alike[0])
        self.paths.append(KnownPath(port, address, rank, now))
        self.wake(self)

    def lost(self, port: "Any", now: int) -> None:
        """The link of `port` is gone."""
        if self.current.port is port and not self.silent:
            self._fall_silent(now)
            self.wake(self)

    def returned(self, port: "Any", now: int) -> None:
        """The link of `port` is there again, or the peer was heard on it."""
        for path in self._others():
            if path.port is port:
                path.ask_at = min(path.ask_at, max(now, path.rests_until))
                path.wait_ms = RETURN_MS
        self.wake(self)

    # Timers

    def poll_timer(self) -> "Deadline":
        """Returns when `handle_timer` is due, in ms, or None."""
        if self.session.closed or len(self.paths) < 2:
            return None
        deadline = self._deadline()
        return None if deadline is None else max(deadline, self._not_before)

    def _deadline(self) -> "Deadline":
        deadline: Deadline = None
        for path in self.paths:
            if self._wants(path):
                deadline = earliest(deadline, path.ask_at)
        if self.silent:
            return deadline
        if self._asked_at >= 0:
            return earliest(deadline, self._asked_at + self._patience_ms)
        return earliest(deadline, self.heard + self._ask_ms)

    def handle_timer(self, now: int) -> None:
        if self.session.closed or len(self.paths) < 2:
            return
        if self.session.last_flight:  # the peer may be in the midst of the handshake
            self._not_before = now + TRY_MS
            return
        if self.silent and self.heard > self._silent_at:
            self.silent = False
            self._asked_at = -1
        if not self.silent:
            self._listen(now)
        for path in list(self.paths):
            if now >= path.ask_at and self._wants(path):
                self._ask(path, now)

    @property
    def heard(self) -> int:
        """When the last packet came on the path of the session, in ms."""
        last = self.session.keepalive.heard
        return last if last > self._elsewhere_at else self._heard

    @property
    def _patience_ms(self) -> int:
        patience_ms = TIMEOUTS * self.session.reliable.rtt.probe_timeout
        return min(max(patience_ms, SILENT_MS), SILENT_LAST_MS)

    def _others(self) -> "list[KnownPath]":
        return [path for path in self.paths if path is not self.current]

    def _wants(self, path: KnownPath) -> bool:
        return self.silent or path.rank < self.current.rank

    def _listen(self, now: int) -> None:
        """Asks the peer for a packet after a silence; without one the path is silent."""
        heard = self.heard
        if self._asked_at >= 0:
            if heard >= self._asked_at:
                self._asked_at = -1
            elif now >= self._asked_at + self._patience_ms:
                self._fall_silent(now)
        elif now >= heard + self._ask_ms:
            idle = heard <= self._last_asked + self._ask_ms // 2  # nothing but the last answer
            self._ask_ms = min(self._ask_ms * 2, ASK_LAST_MS) if idle else ASK_MS
            self._asked_at = self._last_asked = now
            self._probe()

    def _fall_silent(self, now: int) -> None:
        self.silent = True
        self._silent_at = now
        current = self.current
        current.ask_at = at = now
        for path in sorted(self._others(), key=_rank):  # a lost question is no reason for a worse
            path.ask_at = at
            path.wait_ms = TRY_MS
            at += TRY_MS
        current.wait_ms = TRY_MS
        if now - current.since >= SETTLED_MS:
            current.return_ms = RETURN_MS
        else:
            current.return_ms = min(2 * current.return_ms, RETURN_LAST_MS)

    def _probe(self) -> None:
        self.session.reliable.probe()
        self.current.port.turn_soon(self.session)

    def _ask(self, path: KnownPath, now: int) -> None:
        path.ask_at = now + path.wait_ms
        path.wait_ms = min(2 * path.wait_ms, TRY_LAST_MS if self.silent else RETURN_LAST_MS)
        if path is self.current:
            self._probe()
            return
        try:
            path.proof = path.proof or self.session.local.random(PROOF_BYTES)
        except LocalError:
            return  # no random bytes now: the session stays where it is
        ask(self.session, path.proof, self._seen(path))

    # What has come: see `path_validation`

    def on_packet(self, path: "Address", now: int) -> bool:
        """A packet has come from `path`. Tells whether the session does not follow it there, since
        this side chooses."""
        known = self._find(path)
        if known is not self.current:
            self._heard = self.heard
            self._elsewhere_at = now
        return known is not None or on_other_link(path)

    def answers(self, path: "Address") -> bool:
        """Tells whether a challenge from `path` is answered: on a path that this side has left,
        or does not take, an answer would call the peer back there."""
        known = self._find(path)
        return known is self.current or (known is None and not on_other_link(path))

    def on_response(self, proof: bytes, path: "Address", now: int) -> None:
        """The peer has answered a challenge from `path`."""
        known = self._find(path)
        if known is None or not known.proof or proof != known.proof or self.session.closed:
            return
        known.proof = b""
        if known is not self.current and self._wants(known):
            self._go(known, now)

    def followed(self, path: "Address") -> None:
        """The peer has another address on the link that the session has."""
        self.current.address = path

    def _go(self, path: KnownPath, now: int) -> None:
        validation = self.session.validation
        if validation is not None:
            validation.end(True)
        move(self.session, self._seen(path))
        self.current = path
        self.silent = False
        self._asked_at = self._elsewhere_at = -1
        self._heard = self._last_asked = path.since = now
        self._ask_ms = ASK_MS
        for other in self._others():
            other.proof = b""
            other.wait_ms = other.return_ms
            other.rests_until = other.ask_at = now + other.return_ms
        self._probe()  # the peer hears where the session is
        self.wake(self)

    def _find(self, path: "Address") -> KnownPath | None:
        port = path.port if on_other_link(path) else None
        address = path if port is None else path.address
        for known in self.paths:
            here = known.port.endpoint is self.session.endpoint
            if known.address == address and (here if port is None else known.port is port):
                return known
        return None

    def _seen(self, path: KnownPath) -> "Address":
        if path.port.endpoint is self.session.endpoint:
            return path.address
        return Elsewhere(path.port, path.address)


def _rank(path: KnownPath) -> int:
    return path.rank


def _nothing(_mover: Mover) -> None:
    """Stands for a driver that looks by itself."""
