"""The tickets of one node: those that it keeps as initiator, those that it takes as responder."""

from dsoftbus.const import PATTERN_RESUMED, PATTERN_SLEEPER
from dsoftbus.resume.kept import Kept

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Data
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.resume.taken import Taken
    from dsoftbus.session.session import Session


# Bits of HELLO's features.
TICKETS = 1
SLEEPER = 2
# A full handshake proves the keys again after so many sessions, and after such a time.
DAY_MS = 86400000
USES = 64
SLEEPER_USES = 96  # a day of one that wakes every quarter of an hour


class Tickets:
    """Gives `node` (a Node or SessionTable) resumption, once it is `node.tickets`.

    `clock()` gives ms as the node's driver counts them. `wants_sleep`: this node's own sessions
    are to be resumed in sleeper mode; `agrees`: those of peers may be. `uses` and `life_ms` say
    when a full handshake is due. With `takes` False peers' tickets are not taken.
    """

    def __init__(
        self,
        node: "Any",
        clock: "Callable[[], int]",
        wants_sleep: bool = False,
        agrees: bool = False,
        takes: bool = True,
        uses: int = 0,
        life_ms: int = DAY_MS,
    ) -> None:
        self.node = node
        self.running_ms = clock
        self.wants_sleep = wants_sleep
        self.agrees = agrees
        self._uses = uses
        self._life_ms = life_ms
        self.kept = Kept(node, node.profile.trusted, clock)
        self.taken: Taken | None = self._taker() if takes else None

    def _taker(self) -> "Taken":
        from dsoftbus.resume.taken import Taken  # only who answers peers pays for it

        profile = self.node.profile
        return Taken(self.node, 2 * profile.sessions, profile.peer_sessions, self.running_ms)

    def features(self, initiator: bool) -> int:
        """The bits of HELLO that speak of tickets."""
        if initiator:
            return TICKETS | (SLEEPER if self.wants_sleep else 0)
        if self.taken is None:
            return 0
        return TICKETS | (SLEEPER if self.agrees else 0)

    def shorten(self, handshake: "Handshake", suite: int, peer: bytes) -> bool:
        """Begins an initiator's `handshake` with a ticket; False where there is none for it."""
        ticket = self.kept.good(suite, peer)
        if ticket is None:
            return False
        from dsoftbus.resume.showing import show  # for a while, as `handshake` says

        show(self.kept, ticket, handshake)
        return True

    def leave(self, session: "Session", handshake: "Handshake") -> None:
        """`session` has begun: it may leave a ticket."""
        from dsoftbus.resume.leaving import leave  # as above

        leave(self, session, handshake)

    def encode(self) -> bytes:
        """All tickets, for a backend that keeps them over a restart (`ticket_text`). The bytes
        are as secret as the node's key while they are good."""
        from dsoftbus.resume.ticket_text import encode  # once in a while

        return encode(self)

    def restore(self, data: "Data", slept_ms: int = 0) -> bool:
        """Takes back what `encode` gave; False, and nothing, where that is damaged or another
        node's. `slept_ms`: how much of the tickets' time has passed since."""
        from dsoftbus.resume.ticket_text import decode  # as above

        return decode(data, self, slept_ms)

    def sleeps(self, peer: bytes) -> bool:
        """Tells whether this peer, a responder's, is to come back in sleeper mode."""
        held = [] if self.taken is None else self.taken.of(peer)
        return any(ticket.sleeper for ticket in held)

    def forget(self, peer: bytes) -> None:
        """Drops all tickets of the peer with this public key."""
        self.kept.forget(peer)
        if self.taken is not None:
            self.taken.forget(peer)

    def limits(self, mode: int) -> "tuple[int, int]":
        """(until when, for how many sessions) a ticket that a full handshake leaves is good."""
        uses = self._uses or (SLEEPER_USES if mode == PATTERN_SLEEPER else USES)
        return self.running_ms() + self._life_ms, uses

    def mode(self, features: int) -> int:
        """The pattern of the ticket that both sides agree to by these bits; 0 for none."""
        if not features & TICKETS:
            return 0
        return PATTERN_SLEEPER if features & SLEEPER else PATTERN_RESUMED
