"""Flights that reach a datagram session; imported while handshakes last."""

from dsoftbus.const import (
    COOKIE_BYTES,
    FLIGHT_HEADER,
    PKT_COOKIE,
    REC_FINISH,
    REC_REFUSE,
    REC_REPLY,
    STRANGERS_ANSWERS_MAX,
)
from dsoftbus.errors import RESUME_REVOKED, RESUME_UNKNOWN, UNSUPPORTED_SUITE, BusError
from dsoftbus.packet.drops import FORGED, NO_ROOM, UNEXPECTED
from dsoftbus.packet.packets import PACKET_OVERHEAD
from dsoftbus.session.session import AWAIT_REPLY, FAULTS

if False:  # for types
    from dsoftbus.contracts import Address, Any
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus.session.endpoint import Endpoint


AGAIN_MS = 400  # a peer that has not read its refusal repeats FINISH after FLIGHT_MS and later
_CLOSE_PACKET = PACKET_OVERHEAD + 2


def on_flight(
    session: "DatagramSession", kind: int, body: bytes, path: "Address", now: int
) -> None:
    """A datagram of the handshake with this session's id."""
    awaited = REC_REPLY if session.initiator else REC_FINISH
    if kind == awaited and session.half_open:
        _authenticate(session, kind, body, path, now)
    elif session.state == AWAIT_REPLY and kind == PKT_COOKIE and len(body) == COOKIE_BYTES:
        _on_cookie(session, body, now)
    elif session.state == AWAIT_REPLY and kind == REC_REFUSE and len(body) == 1:
        _on_refuse(session, body[0])
    elif session.finish_flight and kind == REC_FINISH and body == session.finish_flight:
        session.reliable.probe()
    else:
        session.endpoint.drops.add(UNEXPECTED)


def _on_refuse(session: "DatagramSession", code: int) -> None:
    """A hint: whoever sent it has proved nothing. A ticket is given up for it, which costs a full
    handshake."""
    session.peer_code = code
    if session.handshake.ticket is not None and (
        code == UNSUPPORTED_SUITE or RESUME_UNKNOWN <= code <= RESUME_REVOKED
    ):
        from dsoftbus.handshake.establish import begin_anew

        session.cookie = b""
        begin_anew(session)


def _authenticate(
    session: "DatagramSession", kind: int, body: bytes, path: "Address", now: int
) -> None:
    """Handles a message of the handshake. One that does not authenticate changes nothing; one that
    does is the peer's own doing."""
    handshake = session.handshake
    try:
        session.on_handshake(kind, body, now)
        if not session.initiator:
            session.finish_flight = body
    except FAULTS as error:
        if handshake.proved:
            _dismiss(session, error, now)
        else:
            session.endpoint.drops.add(FORGED if isinstance(error, BusError) else NO_ROOM)
        return
    if path != session.path and not session.initiator:
        # The reply went to the session's path, so its peer was there. An initiator stays where it
        # sought its peer.
        from dsoftbus.session.path_validation import consider

        consider(session, path, FLIGHT_HEADER + len(body), now)


def _dismiss(session: "DatagramSession", error: BusError | MemoryError, now: int) -> None:
    """The peer has proved its key, and is refused: nothing is kept of it but a CLOSE."""
    session.fail(error)
    times = session.farewells
    if times:
        session.farewells = 0
        try:
            close = bytearray(_CLOSE_PACKET)
            session.reliable.write_close(close, session.cause)
            words = [session.connection, close, session.path, times, now]
            _part(session.endpoint, words, now)
        except FAULTS:
            pass  # the peer will notice the silence


def _part(endpoint: "Endpoint", words: "list[Any]", now: int) -> None:
    """Says `words` (connection id, CLOSE, path, how often, when again) for the first time."""
    known = endpoint.last_words = endpoint.last_words or []
    if len(known) >= endpoint.local.profile.half_open:
        known.pop(0)
    known.append(words)
    say_again(endpoint, words[0], words[2], now)


def say_again(endpoint: "Endpoint", connection: int, path: "Address", now: int) -> None:
    """Something came from `path` for a session that was refused: perhaps its peer has not read
    why. Half a second apart, so that what it had sent before it could read does not count."""
    patience_ms = endpoint.local.profile.handshake_ms
    for words in list(endpoint.last_words):
        if words[0] == connection and words[2] == path and now >= words[4]:
            words[3] -= 1
            words[4] = now + AGAIN_MS
            if len(endpoint.answers) < STRANGERS_ANSWERS_MAX:
                endpoint.answers.append((words[1], path))
        if not words[3] or now > words[4] + patience_ms:
            endpoint.last_words.remove(words)  # type: ignore[union-attr] # it has some


def _on_cookie(session: "DatagramSession", cookie: bytes, now: int) -> None:
    """The responder is under load. Only the first cookie since the last INIT hurries."""
    if cookie != session.cookie:
        length = len(session.last_flight) - len(session.cookie)
        session.last_flight = session.last_flight[:length] + cookie
        if not session.cookie:
            session.flight_at = now
        session.cookie = cookie
