"""INITs that reach an endpoint; imported when one comes."""

from dsoftbus.base.codec import get_u32
from dsoftbus.const import (
    COOKIE_BYTES,
    FLIGHT_HEADER,
    KEY_BYTES,
    PATTERN_RESUMED,
    PATTERN_SLEEPER,
    PKT_COOKIE,
    REC_INIT,
    REC_REFUSE,
    STRANGERS_ANSWERS_MAX,
    TAG_BYTES,
    TICKET_ID_BYTES,
)
from dsoftbus.errors import (
    HALF_OPEN_LIMIT,
    RESUME_REVOKED,
    RESUME_UNKNOWN,
    SESSION_LIMIT,
    TOKEN_REQUIRED,
    UNSUPPORTED_SUITE,
    UNSUPPORTED_VERSION,
    LocalError,
    PeerError,
)
from dsoftbus.handshake.arrivals import make_room
from dsoftbus.packet import drops
from dsoftbus.session.datagram_session import DatagramSession, flight
from dsoftbus.session.point_to_point import ADMITTED
from dsoftbus.session.session import AWAIT_FINISH

if False:  # for types
    from dsoftbus.contracts import Address, Buffer
    from dsoftbus.session.endpoint import Endpoint


_UNSUPPORTED = (UNSUPPORTED_SUITE, UNSUPPORTED_VERSION, TOKEN_REQUIRED)
_OFFER = 3  # version, suite, pattern
_PATTERN = FLIGHT_HEADER + 2
_EPHEMERAL = FLIGHT_HEADER + _OFFER
_INIT_BYTES = _EPHEMERAL + KEY_BYTES + TAG_BYTES


def on_init(endpoint: "Endpoint", data: "Buffer", stop: int, path: "Address", now: int) -> None:
    """The INIT `data[:stop]`."""
    try:
        _on_init(endpoint, data, stop, path, now)
    except LocalError as error:  # no random bytes any more: what lives, lives on
        endpoint.drops.add(drops.NO_ROOM)
        _refuse(endpoint, get_u32(data, 1), error.code, path)


def _refuse(endpoint: "Endpoint", opener: int, code: int, path: "Address") -> None:
    _answer(endpoint, flight(REC_REFUSE, opener, bytes((code,))), path)


def _answer(endpoint: "Endpoint", datagram: bytes, path: "Address") -> None:
    """Sends an answer that is made from nothing and leaves nothing behind."""
    if len(endpoint.answers) < STRANGERS_ANSWERS_MAX:
        endpoint.answers.append((datagram, path))


def _on_init(endpoint: "Endpoint", data: "Buffer", stop: int, path: "Address", now: int) -> None:
    size = _INIT_BYTES
    if stop > _PATTERN and PATTERN_RESUMED <= data[_PATTERN] <= PATTERN_SLEEPER:
        size += TICKET_ID_BYTES
    if stop not in (size, size + COOKIE_BYTES):
        endpoint.drops.add(drops.TRUNCATED)
        return
    opening = bytes(memoryview(data)[1:FLIGHT_HEADER]) + bytes(
        memoryview(data)[_EPHEMERAL : _EPHEMERAL + KEY_BYTES]
    )
    known = endpoint.openings.get(opening)
    if known is not None:
        if known.state == AWAIT_FINISH and path == known.path:
            known.flight_at = now  # the reply has got lost
            endpoint.at_work = known
        else:
            endpoint.drops.add(drops.UNEXPECTED)
        return
    init = bytes(memoryview(data)[FLIGHT_HEADER:size])
    if size > _INIT_BYTES and not _has_ticket(endpoint, opening, init, path):
        return
    refused = _admit(endpoint, opening, bytes(memoryview(data)[size:stop]), path, now)
    if refused == ADMITTED:
        _open(endpoint, opening, init, path, now)
    else:
        endpoint.drops.add(refused)


def _has_ticket(endpoint: "Endpoint", opening: bytes, init: bytes, path: "Address") -> bool:
    """Tells whether the ticket that `init` names is here; its sender is told where it is not."""
    from dsoftbus.handshake.handshake import check_ticket  # as that module says

    try:
        check_ticket(endpoint.local, init)
        return True
    except PeerError as error:
        endpoint.drops.add(drops.UNSUPPORTED)
        if get_u32(opening, 0) >= 0:
            _refuse(endpoint, get_u32(opening, 0), error.code, path)
        return False


def _admit(endpoint: "Endpoint", opening: bytes, cookie: bytes, path: "Address", now: int) -> int:
    """Decides on a handshake: returns ADMITTED, or the reason to drop (drops)."""
    opener = get_u32(opening, 0)
    if opener < 0:
        return drops.UNKNOWN_CONNECTION
    half_open = endpoint.half_open = [s for s in endpoint.half_open if s.half_open]
    medium = endpoint.medium
    _clear(endpoint)
    proved = medium.proved(cookie, opening, path, now)
    if endpoint.node.crowded and not (proved and half_open):
        _refuse(endpoint, opener, SESSION_LIMIT, path)
        return drops.NO_ROOM
    crowded = len(half_open) >= endpoint.local.profile.half_open // 2
    refused = medium.refusal(proved, crowded, path, now)
    if refused == drops.COOKIE_ASKED:
        cookie = medium.cookie(opening, path, now)  # type: ignore[attr-defined] # a SharedNetwork asks
        _answer(endpoint, flight(PKT_COOKIE, opener, cookie), path)
    return refused


def _clear(endpoint: "Endpoint") -> None:
    """Sessions that have ended give way, where the table is full."""
    if endpoint.node.crowded:
        # A hub's endpoint knows them without a walk.
        for session in list(getattr(endpoint, "ended", endpoint.sessions).values()):
            if session.closed:
                session.link_lost()  # its peer has been told once, and is not told again
        endpoint.forget_finished()


def _open(endpoint: "Endpoint", opening: bytes, init: bytes, path: "Address", now: int) -> None:
    """A responder session for an INIT that was admitted; it lives if it authenticates."""
    opener = get_u32(opening, 0)
    try:
        session = DatagramSession(endpoint, endpoint.local, now, path, endpoint.free_id(), opener)
        session.on_handshake(REC_INIT, init, now)
    except PeerError as error:
        unsupported = error.code in _UNSUPPORTED
        unsupported = unsupported or RESUME_UNKNOWN <= error.code <= RESUME_REVOKED
        endpoint.drops.add(drops.UNSUPPORTED if unsupported else drops.FORGED)
        _refuse(endpoint, opener, error.code, path)
        return
    except MemoryError:
        endpoint.drops.add(drops.NO_ROOM)
        return
    if endpoint.node.crowded or len(endpoint.half_open) >= endpoint.local.profile.half_open:
        _discard(endpoint, make_room(endpoint.half_open, path))
    session.opening = opening
    try:
        endpoint.openings[opening] = session
        endpoint.half_open.append(session)
        endpoint.add(session)
    except MemoryError:
        endpoint.openings.pop(opening, None)
        endpoint.drops.add(drops.NO_ROOM)


def _discard(endpoint: "Endpoint", session: DatagramSession) -> None:
    """A half-open session gives way to a newcomer: see `arrivals.make_room`."""
    session.refuse(HALF_OPEN_LIMIT)
    endpoint.forget(session)
