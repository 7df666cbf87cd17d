"""Handshakes that peers begin: what they may cost, and which of them gives way to a newcomer.

Imported when one comes. The numbers stay with the node (`SessionTable.arrivals`), so that this
code may leave a board's heap in between. A handshake costs its responder four scalar
multiplications, and its initiator next to nothing; so each is paid from a budget before the first
of them. Half of it is for addresses that are proved and within their share; the other half is for
all.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


from dsoftbus.const import REC_REFUSE
from dsoftbus.errors import (
    PEER_SHARE,
    REPLAYED_OPENING,
    RESUME_REVOKED,
    RESUME_UNKNOWN,
    SESSION_LIMIT,
    PeerError,
)

if False:  # for types
    from dsoftbus.contracts import Address, Any
    from dsoftbus.session.session import Session
    from dsoftbus.session.session_table import SessionTable
    from dsoftbus.session.stream_session import StreamSession


_SECOND_MS = const(1000)
_KEPT_MS = const(2000)
_AGAIN_MS = const(1000)  # an INIT that waits pauses as one that is repeated
# An address has a share of all: half of a second's handshakes (two at least: a host may begin
# anew over another link), and an eighth to a half of them in the long run.
_SHARE_MS = const(4000)
_SHARE_LEAST = const(2)
_PAUSE_MS = const(900)  # initiators repeat an INIT with a cookie after a second and more
# Where the levels of the two halves stand in `SessionTable.arrivals`: tokens times their period,
# and when that was looked at last. Behind them, for each share: its host, level and time. One
# list of small ints, because the least of boards has it, too.
_KEPT = const(0)
_FREE = const(2)
_SHARES = const(4)
_A_SHARE = const(3)
# The last 8 bytes of the ephemeral key: nobody makes two keys that agree in them by chance.
_KNOWN_FROM = const(-24)  # behind the key stands the tag of an empty payload
_KNOWN_TO = const(-16)


def may_begin(node: "SessionTable", path: "Address", now: int) -> bool:
    """Takes the cost of a handshake from the budgets; False when they are spent. Its sender has
    shown to be at `path`. A host that is alone may have more than a share; one that comes later
    has its own nevertheless."""
    numbers = _numbers(node)
    tokens = max(_SHARE_LEAST, node.profile.handshakes // 2)
    share = _share(numbers, node.profile.addresses, host_of(path), tokens) + 1
    paused = now - numbers[share + 1] >= _PAUSE_MS
    within = _has(numbers, share, tokens, _SHARE_MS, now)
    _has(numbers, _KEPT, _kept_tokens(node), _KEPT_MS, now)
    # The last one is for a host that pauses, as an initiator does between two INITs: whoever asks
    # on and on would else be quicker each time than one that tries again every other second.
    if within and numbers[_KEPT] >= (_KEPT_MS if paused else 2 * _KEPT_MS):
        numbers[share] -= _SHARE_MS
        numbers[_KEPT] -= _KEPT_MS
        return True
    return may_begin_unproved(node, now)


def may_begin_unproved(node: "SessionTable", now: int) -> bool:
    """The same for a sender that may be anywhere: it has no share."""
    numbers = _numbers(node)
    free = _has(numbers, _FREE, node.profile.handshakes // 2, _SECOND_MS, now)
    if free:
        numbers[_FREE] -= _SECOND_MS
    return free


def must_wait(session: "StreamSession", init: bytes, now: int) -> bool:
    """Returns whether the INIT of a session on a stream link has to wait for its budget: then the
    session holds it; or shows a ticket that is not here, so that its sender was asked for another
    one. Raises PeerError for one of which no session can come, or that was answered before: no
    initiator sends its ephemeral key twice."""
    try:
        session.handshake.check_offer(init)
    except PeerError as error:
        ask_for_full(session, error)
        return True
    node: Any = session.local.gatekeeper  # a Node: the least of nodes has no stream links
    opening = bytes(init[_KNOWN_FROM:_KNOWN_TO])
    answered = node.answered
    if opening in answered:
        raise PeerError(REPLAYED_OPENING)
    if not may_begin(node, session.path, now):
        session.held = init
        session.again_at = now + _AGAIN_MS
        return True
    if len(answered) >= node.profile.addresses:
        answered.pop(0)
    answered.append(opening)
    return False


def ask_for_full(session: "Session", error: PeerError) -> None:
    """Asks the initiator for a full handshake on this link if `error` is about its ticket, once in
    a session; raises it otherwise."""
    handshake = session.handshake
    if not RESUME_UNKNOWN <= error.code <= RESUME_REVOKED or not handshake.asks_again:
        raise error
    handshake.asks_again = False
    handshake.ticket = None
    session.held = b""
    session.send_handshake(REC_REFUSE, bytes((error.code,)))


def make_room(waiting: "list[Any]", path: "Address") -> "Any":
    """The one of the half-open sessions `waiting` (the oldest first) that gives way to a newcomer
    from `path`; None where the newcomer has to.

    Those that said nothing go first, then those that wait for their budget, then those that have a
    REPLY or are established, and last those that are pairing; among equals of the address that
    holds most, and of these the oldest. A newcomer whose address would hold more than that of the
    chosen session replaces one of its own, or has to go itself.
    """
    places: dict[Any, int] = {}
    hosts = [host_of(session.path) for session in waiting]
    newcomer = host_of(path)
    for host in hosts + [newcomer]:
        places[host] = places.get(host, 0) + 1
    ranked = [
        (_progress(session), -places[host], at)
        for at, (session, host) in enumerate(zip(waiting, hosts))
    ]
    first = min(ranked)
    if -first[1] < places[newcomer]:
        own = min([rank for rank in ranked if hosts[rank[2]] == newcomer])
        if own[0] > first[0]:
            return None
        first = own
    return waiting[first[2]]


def _progress(session: "Session") -> int:
    if session.mux is not None:
        return 3 if session.mux.control.attempt is not None else 2  # type: ignore[union-attr]
    if session.held is None:
        return 2
    return 1 if session.held else 0


def take_place(node: "SessionTable", session: "Session") -> None:
    """A place for `session`, whose peer is proved and may have one: a free one, or that of another
    session, `node.evicted`. Raises PeerError(SESSION_LIMIT) where there is none.

    A peer that has its share, or finds no free place, gets that of the session of its own that it
    was silent in longest: so who lost one comes back. Strangers (whom a pairing, or a rule for
    everyone, let in) hold half of all places at most, and give way to peers that are trusted.
    """
    has_place_for = getattr(node, "has_place_for", None)  # a hub knows without a walk
    if has_place_for is not None and has_place_for(session):
        return
    profile = node.profile
    placed = node.placed()
    full = len(placed) >= profile.sessions
    own = [s for s in placed if s.peer_public == session.peer_public and not s.initiator]
    if len(own) >= profile.peer_sessions or (own and full):
        _evict(node, min(own, key=lambda other: other.keepalive.heard), PEER_SHARE)
        return
    strangers = [s for s in placed if not s.initiator and _is_stranger(node, s)]
    if _is_stranger(node, session):
        if len(strangers) >= max(profile.sessions // 2, 1):
            _evict(node, make_room(strangers, session.path), SESSION_LIMIT)
        elif full:
            raise PeerError(SESSION_LIMIT)
    elif full:  # wherever the peer is, it counts for no stranger there
        _evict(node, make_room(strangers, session) if strangers else None, SESSION_LIMIT)


def _is_stranger(node: "SessionTable", session: "Session") -> bool:
    guard = getattr(node, "guard", None)  # the least of nodes has none
    if guard is None or session.by_token:
        return False
    control = session.mux.control if session.mux is not None else None
    return guard.store.get(control.device if control else session.peer_id) is None


def _evict(node: "SessionTable", session: "Session | None", code: int) -> None:
    if session is None:
        raise PeerError(SESSION_LIMIT)
    session.refuse(code)
    node.evicted = session


def host_of(path: "Address") -> "Any":
    """The part of an address that tells hosts apart: no port, and of an IPv6 address the network
    of 64 bits, which one host has for itself."""
    if isinstance(path, tuple):
        path = path[0]
    if isinstance(path, (bytes, bytearray)):  # a sockaddr, as MicroPython's unix port has it
        return bytes(path[4:8] if len(path) <= 16 else path[8:16])
    if isinstance(path, str) and ":" in path and "." not in path:
        return _network_of(path)
    return path


def _network_of(address: str) -> str:
    """Returns the first four groups of an IPv6 address; a link-local one stays whole."""
    if address.startswith("fe80"):
        return address
    head, _, tail = address.partition("::")
    groups = head.split(":") if head else []
    last = tail.split(":") if tail else []
    groups += ["0"] * (8 - len(groups) - len(last)) + last
    return ":".join(groups[:4])


def _numbers(node: "SessionTable") -> "list[Any]":
    """The levels that `_KEPT` and those after it speak of."""
    if node.arrivals is None:
        free = node.profile.handshakes // 2
        node.arrivals = [_kept_tokens(node) * _KEPT_MS, 0, free * _SECOND_MS, 0]
    return node.arrivals


def _kept_tokens(node: "SessionTable") -> int:
    """The number within `_KEPT_MS`: half of the handshakes of two seconds."""
    return (node.profile.handshakes + 1) // 2 * 2


def _has(numbers: "list[Any]", at: int, tokens: int, period_ms: int, now: int) -> bool:
    """Refills the bucket at `at` with `tokens` over a period; returns whether it has one."""
    gained = min(now - numbers[at + 1], period_ms) * tokens
    numbers[at] = min(numbers[at] + gained, tokens * period_ms)
    numbers[at + 1] = now
    return numbers[at] >= period_ms


def _share(numbers: "list[Any]", most: int, host: "Any", tokens: int) -> int:
    """Returns the index of the share of `host`; in a full table it takes the place of the one that
    was looked at longest ago."""
    oldest = _SHARES
    for at in range(_SHARES, len(numbers), _A_SHARE):
        if numbers[at] == host:
            return at
        if numbers[at + 2] < numbers[oldest + 2]:
            oldest = at
    fresh = [host, tokens * _SHARE_MS, 0]
    if len(numbers) < _SHARES + most * _A_SHARE:
        oldest = len(numbers)
        numbers += fresh
    else:
        numbers[oldest : oldest + _A_SHARE] = fresh
    return oldest
