"""A handshake that shows a ticket; imported while it lasts."""

from dsoftbus.const import TICKET_ID_BYTES, VERSION
from dsoftbus.errors import RESUME_UNKNOWN, PeerError
from dsoftbus.resume.resumed_state import ResumedState
from dsoftbus.resume.ticket import derive

if False:  # for types
    from dsoftbus.contracts import Data
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.resume.kept import Kept
    from dsoftbus.resume.taken import Taken
    from dsoftbus.resume.ticket import Ticket
    from dsoftbus.session.node_config import NodeConfig


OFFER = 3  # version, suite, pattern
RESUMED_OFFER = OFFER + TICKET_ID_BYTES


class Shown:
    """The ticket of an initiator's handshake."""

    def __init__(self, kept: "Kept", ticket: "Ticket", following: bytes) -> None:
        self.ticket = ticket
        self._kept = kept
        self._following = following

    def spend(self) -> None:
        """The peer has answered to it."""
        self._kept.spend(self.ticket, self._following)

    def give_up(self) -> None:
        """The peer does not take it."""
        self._kept.give_up(self.ticket)


class Met:
    """The ticket that a responder's handshake was begun with; `secret` is what the peer showed."""

    def __init__(self, taken: "Taken", ticket: "Ticket", secret: bytes) -> None:
        self.ticket = ticket
        self._taken = taken
        self._secret = secret

    def judge(self) -> None:
        """INIT has authenticated; raises PeerError where the ticket is no good nevertheless."""
        self._taken.judge(self.ticket, self._secret)

    def spend(self) -> None:
        """FINISH has authenticated."""
        self._taken.spend(self.ticket, self._secret)


def show(kept: "Kept", ticket: "Ticket", handshake: "Handshake") -> None:
    """Begins the initiator's `handshake` with `ticket`."""
    local = handshake.local
    following, name, psk = derive(local.suite(ticket.suite).hash, ticket.secret)
    offer = bytes((VERSION, ticket.suite, ticket.mode)) + name
    ticket.user = handshake
    handshake.ticket = Shown(kept, ticket, following)
    _begin(handshake, offer, psk, ticket, True)


def meet(handshake: "Handshake", init: "Data") -> None:
    """Begins the responder's `handshake` with the ticket that `init` names.

    Raises PeerError(RESUME_UNKNOWN), which costs a look into a table.
    """
    local = handshake.local
    ticket, secret, psk = find(local, init)
    handshake.ticket = Met(local.gatekeeper.tickets.taken, ticket, secret)  # type: ignore[union-attr, arg-type] # `find` has seen it
    _begin(handshake, bytes(init[:RESUMED_OFFER]), psk, ticket, False)


def find(local: "NodeConfig", init: "Data") -> "tuple[Ticket, bytes, bytes]":
    """(ticket, secret, psk) that `init` names, or PeerError(RESUME_UNKNOWN)."""
    tickets = local.gatekeeper.tickets
    if tickets is not None and tickets.taken is not None and len(init) > RESUMED_OFFER:
        found = tickets.taken.find(bytes(init[OFFER:RESUMED_OFFER]))
        if found is not None and found[0].suite == init[1] and found[0].mode == init[2]:
            return found
    raise PeerError(RESUME_UNKNOWN)


def _begin(
    handshake: "Handshake", offer: bytes, psk: bytes, ticket: "Ticket", initiator: bool
) -> None:
    local = handshake.local
    handshake.offer = offer
    handshake.suite = local.suite(ticket.suite)
    prologue = b"dsoftbus" + offer[:OFFER] + handshake.link  # the id comes of the psk
    handshake.noise = ResumedState(
        handshake.suite, ticket.mode, initiator, prologue, psk, ticket.peer, local.random
    )
