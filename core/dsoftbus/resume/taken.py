"""Tickets that a node takes as responder, found by the ids that peers show."""

from dsoftbus.errors import RESUME_EXPIRED, RESUME_REVOKED, RESUME_SPENT, PeerError
from dsoftbus.resume.access import is_known, mark
from dsoftbus.resume.ticket import derive

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.resume.ticket import Ticket


class Taken:
    """At most `most`, strangers' at most half of them; at most `share` of one peer."""

    def __init__(self, node: "Any", most: int, share: int, clock: "Callable[[], int]") -> None:
        self._node = node
        self._most = most
        self._share = share
        self._clock = clock
        self._by_id: dict[bytes, tuple[Ticket, bytes, bytes]] = {}
        self._by_peer: dict[bytes, list[Ticket]] = {}
        self._age = 0
        self._strangers = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> "Any":
        return iter([ticket for held in self._by_peer.values() for ticket in held])

    def of(self, peer: bytes) -> "list[Ticket]":
        """The tickets of this peer."""
        return self._by_peer.get(peer, [])

    def find(self, name: bytes) -> "tuple[Ticket, bytes, bytes] | None":
        """(ticket, secret, psk) of this id, or None; in sleeper mode of the next id, too."""
        return self._by_id.get(name)

    # What comes and goes

    def add(self, ticket: "Ticket") -> None:
        """Takes `ticket` from now on; where there is no place, an older one goes."""
        ticket.known = is_known(self._node, ticket.peer)
        self._make_room(ticket)
        self._age += 1
        ticket.age = self._age
        self._by_peer.setdefault(ticket.peer, []).append(ticket)
        self._count += 1
        self._strangers += not ticket.known
        self._name(ticket)

    def drop(self, ticket: "Ticket") -> None:
        """Takes it no more."""
        held = self._by_peer.get(ticket.peer, [])
        if ticket not in held:
            return
        held.remove(ticket)
        if not held:
            self._by_peer.pop(ticket.peer)
        self._count -= 1
        self._strangers -= not ticket.known
        self._unname(ticket)

    def forget(self, peer: bytes) -> None:
        """Drops all tickets of this peer."""
        for ticket in list(self._by_peer.get(peer, [])):
            ticket.replaced = True
            self.drop(ticket)

    def _make_room(self, ticket: "Ticket") -> None:
        held = self._by_peer.get(ticket.peer, [])
        if len(held) >= self._share:
            self.drop(held[0])
        elif not ticket.known and self._strangers >= max(self._most // 2, 1):
            self.drop(min([other for other in self if not other.known], key=_age))
        elif self._count >= self._most:
            self.drop(min(self, key=_age))

    def _name(self, ticket: "Ticket") -> None:
        hash = self._node.local.suite(ticket.suite).hash
        secret = ticket.secret
        for _ in range(2 if ticket.sleeper else 1):
            following, name, psk = derive(hash, secret)
            ticket.ids += (name,)
            self._by_id[name] = (ticket, secret, psk)
            secret = following

    def _unname(self, ticket: "Ticket") -> None:
        for name in ticket.ids:
            self._by_id.pop(name, None)
        ticket.ids = ()

    # What handshakes ask

    def judge(self, ticket: "Ticket", secret: bytes) -> None:
        """A peer has shown `secret`, that of `ticket` or the next one, by the tag of its INIT.

        Raises PeerError: RESUME_EXPIRED, RESUME_REVOKED.
        """
        code = 0
        if self._clock() >= ticket.until:
            code = RESUME_EXPIRED
        elif ticket.access != mark(self._node, ticket.peer):
            code = RESUME_REVOKED
        if code:
            self.drop(ticket)
            raise PeerError(code)
        if secret != ticket.secret:  # its holder has written over what was before
            self._follow(ticket, secret)

    def spend(self, ticket: "Ticket", secret: bytes) -> None:
        """FINISH has shown that the peer has spent `secret`. Raises PeerError(RESUME_SPENT) for
        one that another session has spent."""
        if ticket.replaced:
            ticket.replaced = False
            ticket.left = 0
            return
        if ticket.secret != secret or ticket not in self._by_peer.get(ticket.peer, []):
            raise PeerError(RESUME_SPENT)
        if ticket.sleeper and ticket.left > 1:
            self._follow(ticket, derive(self._node.local.suite(ticket.suite).hash, secret)[0])
        else:
            ticket.left -= 1
            self.drop(ticket)

    def _follow(self, ticket: "Ticket", secret: bytes) -> None:
        self._unname(ticket)
        ticket.secret = secret
        ticket.left -= 1
        self._name(ticket)


def _age(ticket: "Ticket") -> int:
    return ticket.age
