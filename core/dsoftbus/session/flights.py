"""What becomes of a flight that reaches a datagram session; imported while handshakes last."""

from dsoftbus.const import COOKIE_BYTES, PKT_COOKIE, REC_FINISH, REC_REFUSE, REC_REPLY
from dsoftbus.errors import BusError
from dsoftbus.link.drops import FORGED, NO_ROOM, UNEXPECTED
from dsoftbus.session.session import AWAIT_REPLY, FAULTS


def on_flight(session, kind: int, body: bytes, path, now: int) -> None:
    """A datagram of the handshake with this session's id."""
    awaited = REC_REPLY if session.initiator else REC_FINISH
    if kind == awaited and session.half_open:
        _authenticate(session, kind, body, path, now)
    elif session.state == AWAIT_REPLY and kind == PKT_COOKIE and len(body) == COOKIE_BYTES:
        _on_cookie(session, body, now)
    elif session.state == AWAIT_REPLY and kind == REC_REFUSE and len(body) == 1:
        session.peer_code = body[0]  # a hint: whoever sent it has proved nothing
    elif session._finish and kind == REC_FINISH and body == session._finish:
        session.reliable.probe()
    else:
        session._endpoint.drops.add(UNEXPECTED)


def _authenticate(session, kind: int, body: bytes, path, now: int) -> None:
    """What does not authenticate changes nothing; what does, is the peer's own doing."""
    handshake = session.handshake
    try:
        session._on_message(kind, body, now)
        session.path = path
        if not session.initiator:
            session._finish = body
    except FAULTS as error:
        if handshake.proved:
            session._fail(error)
        else:
            session._endpoint.drops.add(FORGED if isinstance(error, BusError) else NO_ROOM)


def _on_cookie(session, cookie: bytes, now: int) -> None:
    """The responder is under load. Only the first cookie since the last INIT hurries."""
    if cookie != session._cookie:
        length = len(session._flight) - len(session._cookie)
        session._flight = session._flight[:length] + cookie
        if not session._cookie:
            session._flight_at = now
        session._cookie = cookie
