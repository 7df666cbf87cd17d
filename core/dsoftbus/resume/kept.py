"""Tickets that a node keeps as initiator: one for each peer, for the next session with it."""

from dsoftbus.errors import RESUME_SPENT, LocalError, PeerError
from dsoftbus.resume.access import mark

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.resume.ticket import Ticket


class Kept:
    """At most `most` of them. `store()` is called when what must outlive a restart has changed,
    and returns when it is kept. If it raises, all tickets are dropped: each peer then costs a full
    handshake, and what the medium still holds is of no use."""

    def __init__(self, node: "Any", most: int, clock: "Callable[[], int]") -> None:
        self._node = node
        self._most = most
        self._clock = clock
        self._by_peer: dict[bytes, Ticket] = {}
        self.store: Callable[[], object] | None = None
        self.failure: Exception | None = None  # what `store` raised last

    def __len__(self) -> int:
        return len(self._by_peer)

    def __iter__(self) -> "Any":
        return iter(list(self._by_peer.values()))

    def add(self, ticket: "Ticket") -> None:
        """Keeps `ticket`, which a session has left."""
        self.put(ticket)
        self._note()

    def put(self, ticket: "Ticket") -> None:
        """Places `ticket` where another of this peer was; in a full table where the one was whose
        time is over first."""
        before = self._by_peer.get(ticket.peer)
        if before is not None:
            before.replaced = True
        elif len(self._by_peer) >= self._most:
            first = min(self._by_peer.values(), key=_until)
            self._by_peer.pop(first.peer)
        self._by_peer[ticket.peer] = ticket

    def forget(self, peer: bytes) -> None:
        """Drops the ticket for this peer, if there is one."""
        ticket = self._by_peer.pop(peer, None)
        if ticket is not None:
            ticket.replaced = True
            self._note()

    def give_up(self, ticket: "Ticket") -> None:
        """The peer does not take it."""
        if self._by_peer.get(ticket.peer) is ticket:
            self.forget(ticket.peer)

    def good(self, suite: int, peer: bytes) -> "Ticket | None":
        """The ticket to begin a session with `peer` with, or None.

        One handshake at a time has it, so that a second session does not spend what the first
        one counts on.
        """
        ticket = self._by_peer.get(peer)
        if ticket is None or ticket.suite != suite or self._in_use(ticket):
            return None
        if self._clock() >= ticket.until or ticket.access != mark(self._node, peer):
            self.forget(peer)
            return None
        return ticket

    def _in_use(self, ticket: "Ticket") -> bool:
        if ticket.user is not None:
            for session in self._node.sessions:
                if session.handshake is ticket.user and not session.closed:
                    return True
            ticket.user = None
        return False

    def spend(self, ticket: "Ticket", following: bytes) -> None:
        """The peer has shown that it holds the ticket: from here on this side does not, and has
        the secret that follows in sleeper mode."""
        ticket.user = None  # it has keys of the session, which end with that
        if ticket.replaced:
            ticket.replaced = False
            ticket.left = 0
            return
        if self._by_peer.get(ticket.peer) is not ticket:
            raise PeerError(RESUME_SPENT)
        ticket.left -= 1
        if ticket.sleeper and ticket.left > 0:
            ticket.secret = following
        else:
            self._by_peer.pop(ticket.peer)
        if not self._note():  # else who takes the medium later could read what follows
            raise LocalError(RESUME_SPENT, "the ticket that follows could not be kept")

    def _note(self) -> bool:
        """Returns whether what is here now is kept."""
        try:
            if self.store is not None:
                self.store()
            return True
        except Exception as error:  # noqa: BLE001 - a backend's medium
            self._by_peer = {}
            self.failure = error
            return False


def _until(ticket: "Ticket") -> int:
    return ticket.until
