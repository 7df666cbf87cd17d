"""A session begins: from its first message until it is established; imported while that lasts."""

from dsoftbus.const import (
    EV_ESTABLISHED,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REFUSE,
    REC_REPLY,
)
from dsoftbus.errors import (
    END_REFUSED,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    RESUME_REVOKED,
    RESUME_UNKNOWN,
    UNAUTHENTICATED,
    PeerError,
)
from dsoftbus.mux.events import Event
from dsoftbus.mux.keepalive import Keepalive
from dsoftbus.mux.mux import Mux

if False:  # for types
    from dsoftbus.contracts import Data, NoReturn
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.session.session import Session


def on_message(session: "Session", state: "int | None", kind: int, body: "Data", now: int) -> None:
    """A handshake message, which leads to `state`, or None: it does not belong in this one."""
    if state is None or (kind == REC_REFUSE and session.confirmed):
        _reject_kind(kind)
    handshake = session.handshake
    if kind == REC_INIT:
        answer = answer_init(session, body)
        if answer is None:
            return
        session.send_handshake(REC_REPLY, answer)
    elif kind == REC_REPLY:
        session.send_handshake(REC_FINISH, handshake.on_reply(body))
    elif kind == REC_FINISH:
        handshake.on_finish(body)
        session.confirmed = True
    else:
        _on_refuse(session, body[0] if body else 0)
        return
    if kind == REC_INIT:
        session.state = state
    else:
        _establish(session, state, now)


def _on_refuse(session: "Session", code: int) -> None:
    handshake = session.handshake
    if session.half_open and session.initiator and handshake.ticket is not None:
        if RESUME_UNKNOWN <= code <= RESUME_REVOKED:
            begin_anew(session)
            return
        handshake.ticket.give_up()  # the peer may be older, and know of none
    session.peer_code = code
    session.end(END_REFUSED)
    session.handshake = None


def answer_init(session: "Session", init: "Data") -> "bytes | None":
    """The REPLY to `init`; None where its ticket is no good and another INIT may follow."""
    try:
        return session.handshake.on_init(init)
    except PeerError as error:
        from dsoftbus.handshake.arrivals import ask_for_full

        ask_for_full(session, error)
        return None


def begin_anew(session: "Session") -> None:
    """The responder does not take the ticket of `session`: a full handshake follows."""
    session.handshake.give_up_ticket()
    session.send_handshake(REC_INIT, session.handshake.init())


def _leave_ticket(session: "Session", handshake: "Handshake") -> None:
    tickets = session.local.gatekeeper.tickets
    if tickets is not None:
        try:
            tickets.leave(session, handshake)
        except MemoryError:
            pass  # the next session begins with a full handshake


def _reject_kind(kind: int) -> "NoReturn":
    if kind == REC_PROTECTED:
        raise PeerError(UNAUTHENTICATED, "protected before the handshake")
    if REC_INIT <= kind <= REC_REFUSE:
        raise PeerError(INVALID_STATE_TRANSITION, "message type %d" % kind)
    raise PeerError(MALFORMED, "message type %d" % kind)


def _establish(session: "Session", state: int, now: int) -> None:
    """The peer has proved its key: asks whether it may stay, and only then makes it a session.

    A peer that is refused gets the keys under which it can read why. It has no mux, so that
    nothing it sends can have an effect, however much of it is here already.
    """
    handshake = session.handshake
    opened = Event(EV_ESTABLISHED)
    session.suite = handshake.suite
    if handshake.by_token:
        session.by_token = True
    if handshake.ticket is not None:
        session.resumed = True
    session.handshake_hash = handshake.handshake_hash
    session.peer_name = handshake.peer_hello.name
    session.peer_public = handshake.peer_public
    session.secure(handshake)
    gatekeeper = session.local.gatekeeper
    gatekeeper.admit(session, now)
    if not session.initiator:
        from dsoftbus.handshake.arrivals import take_place

        take_place(gatekeeper, session)
    session.keepalive = Keepalive(session.local.profile.keepalive_ms, now)
    if not session.initiator:
        session.keepalive.yields_ms = session.local.profile.keepalive_ms // 2
    session.mux = _mux(session)
    session.handshake = None
    session.state = state  # last: whatever failed above, there is no half of a session
    gatekeeper.join(session, now)
    _leave_ticket(session, handshake)
    session.opened = opened


def _mux(session: "Session") -> Mux:
    handshake = session.handshake
    profile = session.local.profile
    mux = Mux(session.initiator, profile, handshake.suite.copy, session.keepalive)
    node = session.local.gatekeeper
    if node.resize is not None:  # else the names that they have already need no place
        mux.resize = node.resize
        mux.spares.room = node.room
    if node.ring is not None:
        mux.ring = node.ring
    mux.start(handshake.peer_hello)
    mux.eager = session.EAGER
    return mux
