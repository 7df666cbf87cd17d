"""A session leaves a ticket for the next one; imported when it has begun."""

from dsoftbus.resume.access import mark
from dsoftbus.resume.ticket import Ticket, secret_of

if False:  # for types
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.resume.tickets import Tickets
    from dsoftbus.session.session import Session


def leave(tickets: "Tickets", session: "Session", handshake: "Handshake") -> None:
    """Leaves a ticket where both sides keep such; a sleeper's goes on by itself."""
    peer = session.peer_public
    used = handshake.ticket
    if used is None:  # the keys are proved anew: what a thief may hold is worth nothing now
        tickets.forget(peer)
    mode = tickets.mode(tickets.features(session.initiator) & handshake.peer_hello.features)
    if handshake.by_token or not mode or (used is not None and used.ticket.sleeper):
        return
    until, left = tickets.limits(mode)
    if used is not None:
        until, left = min(until, used.ticket.until), min(left, used.ticket.left)
    if left > 0:
        secret = _secret(tickets, session, handshake, mode)
        access = mark(tickets.node, peer)
        ticket = Ticket(peer, handshake.suite.code, mode, secret, access, until, left)
        if session.initiator:
            tickets.kept.add(ticket)
        else:
            tickets.taken.add(ticket)  # type: ignore[union-attr] # it has said TICKETS


def _secret(tickets: "Tickets", session: "Session", handshake: "Handshake", mode: int) -> bytes:
    own, other = tickets.node.public, session.peer_public
    first, second = (own, other) if session.initiator else (other, own)
    return secret_of(handshake.noise, mode, first, second)
