"""Path validation: does a peer receive where its packets come from? (RFC 9000, sections 8.2, 9.)

Imported when a packet comes from another address, or with a challenge. docs/wire-format.md, paths.
"""

from dsoftbus.base.codec import get_u32
from dsoftbus.const import (
    ANSWERS_MAX,
    BODY_CHALLENGE,
    BODY_CLOSE,
    BODY_NONE,
    BODY_PART,
    BODY_PROBE,
    BODY_RESPONSE,
    PACKET_HEADER,
)
from dsoftbus.errors import MALFORMED, BusError, LocalError, PeerError
from dsoftbus.packet.drops import PATH_NOT_TRIED, PATH_UNPROVED, REPLAYED
from dsoftbus.packet.packets import PACKET_OVERHEAD
from dsoftbus.packet.rtt import UNKNOWN_TIMEOUT_MS

if False:  # for types
    from dsoftbus.contracts import Address, Any, Buffer
    from dsoftbus.packet.packets import DatagramProtect
    from dsoftbus.session.datagram_session import DatagramSession


AMPLIFICATION = 3  # RFC 9000 section 8.1
PATIENCE = 3  # probe timeouts for the answer (section 8.2.4)
# Candidates at once, and the time after which there may be one more. Who walks from network to
# network needs one now and then; who forwards copies of packets can disturb no more often.
PATHS = 4
PATH_MS = 2000
PROOF_BYTES = 8
FIRST_WAIT_MS = 250  # for an answer on another link, of which nothing is known
_PROOF_AT = PACKET_HEADER + 1
_PROOF_STOP = _PROOF_AT + PROOF_BYTES
PROOF_PACKET = PACKET_OVERHEAD + 1 + PROOF_BYTES
_PROOFS = (BODY_CHALLENGE, BODY_RESPONSE)
_LACKS = (BusError, MemoryError)  # of packet numbers, of memory: the timer tries again


class AmplificationLimit:
    """The limit on bytes to an address that is not proved; datagrams are counted whole."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0

    def allows(self, size: int) -> bool:
        return self.sent + size <= AMPLIFICATION * self.received


class PathValidation:
    """The candidate `path` of `session`, from its first packet until it is certain where the peer
    is. While it is there it is the session's `validation`."""

    def __init__(self, session: "DatagramSession", path: "Address", now: int) -> None:
        proofs = session.local.random(2 * PROOF_BYTES)
        self._session = session
        self._path = path
        self._proof = proofs[:PROOF_BYTES]
        self._old = session.path
        self._old_proof = proofs[PROOF_BYTES:]
        self._limit = AmplificationLimit()
        self._wait = session.reliable.rtt.probe_timeout
        if on_other_link(path):
            self._wait = min(self._wait, FIRST_WAIT_MS)
        self._until = now + PATIENCE * max(self._wait, UNKNOWN_TIMEOUT_MS)
        self._challenge_at = now

    @property
    def deadline(self) -> int:
        """Returns when `handle_timer` is due, in ms."""
        return min(self._challenge_at, self._until)

    def handle_timer(self, now: int) -> None:
        """Repeats the challenges; ends the wait for their answers."""
        if now >= self._until:
            self.end(self.proved)
        elif now >= self._challenge_at:
            self._challenge(now)

    def _challenge(self, now: int) -> None:
        """Asks both paths; the candidate no longer once it has answered."""
        _give(self._session, BODY_CHALLENGE, self._old_proof, self._old)
        if not self.proved:
            _give(self._session, BODY_CHALLENGE, self._proof, self._path)
        self._challenge_at = now + self._wait
        self._wait *= 2

    def limit_of(self, path: "Address") -> "AmplificationLimit | None":
        """The limit of what may go to `path`, or None where there is none."""
        return self._limit if path == self._path and not self.proved else None

    def on_packet(self, path: "Address", size: int, newest: bool) -> None:
        """An authenticated datagram of `size` bytes from `path`."""
        if path == self._path:
            self._limit.received += size
        elif newest and path == self._old:
            self._stay()

    def relabel(self, before: "Any") -> None:
        """The session has another port than `before` now: paths are another link's, or no more."""
        self._path = _seen_anew(self._session, self._path, before)
        self._old = _seen_anew(self._session, self._old, before)

    def on_dropped(self, kind: int, data: "Buffer", stop: int, path: "Address") -> None:
        """A packet that the session drops. If it answers the challenge of the old path from there,
        somebody has brought a copy of it from elsewhere before."""
        if kind != REPLAYED or path != self._old or stop != PROOF_PACKET:
            return
        number = get_u32(data, PACKET_HEADER - 4)
        cipher = self._session.protection.cipher_of(number)
        end = cipher.open_numbered(  # type: ignore[union-attr] # `protect` knew the number
            number, data, PACKET_HEADER, stop
        )
        if end == _PROOF_STOP and data[PACKET_HEADER] == BODY_RESPONSE:
            self.on_response(bytes(memoryview(data)[_PROOF_AT:end]), path)

    def on_response(self, proof: bytes, path: "Address") -> None:
        if path == self._old and proof == self._old_proof:
            self._stay()
        elif path == self._path and proof == self._proof and not self.proved:
            move(self._session, path)

    @property
    def proved(self) -> bool:
        """The candidate has answered; the old path may still, and then it is the better one."""
        return self._session.path == self._path

    def _stay(self) -> None:
        if self.proved:
            move(self._session, self._old)
        self.end(False)

    def end(self, proved: bool) -> None:
        """It is over: the candidate is `proved`, or to be forgotten."""
        self._session.validation = None
        if not proved:
            self._session.endpoint.drops.add(PATH_UNPROVED)


def on_packet(
    session: "DatagramSession", data: "Buffer", end: int, stop: int, path: "Address", now: int
) -> int:
    """The packet that `protect` has opened in `data[:stop]`, its plaintext up to `end`.

    Returns the end of the plaintext that is left for `Reliable`, or -1 when the session has ended.
    """
    mover = getattr(session, "mover", None)  # no session has a place for what few need
    kinds = data[PACKET_HEADER]
    # A packet that only asks or answers says nothing of where its sender is (RFC 9000, section
    # 9.1); and who chooses the path knows better than to follow.
    newest = session.protection.newest and kinds & 7 not in _PROOFS
    if session.validation is not None:
        session.validation.on_packet(path, stop, newest)
    if mover is not None and mover.on_packet(path, now):
        newest = False
    if newest and path != session.path and kinds & 7 != BODY_CLOSE and not session.closed:
        consider(session, path, stop, now)
    if kinds & 7 < BODY_CHALLENGE or kinds & 7 == BODY_PART:
        return end
    if kinds not in (BODY_CHALLENGE, BODY_RESPONSE) or end != _PROOF_STOP:
        session.fail(PeerError(MALFORMED, "packet body"))
        return -1
    proof = bytes(memoryview(data)[_PROOF_AT:end])
    if kinds == BODY_CHALLENGE:
        if mover is None or mover.answers(path):
            _give(session, BODY_RESPONSE, proof, path)
    elif session.validation is not None:
        session.validation.on_response(proof, path)
    elif mover is not None:
        mover.on_response(proof, path, now)
    # What was acknowledged on the old path may be lost: a PROBE has it said again on the new one.
    here = path if not on_other_link(path) else path.address
    data[PACKET_HEADER] = BODY_PROBE if here == session.path else BODY_NONE
    return _PROOF_AT


def consider(session: "DatagramSession", path: "Address", size: int, now: int) -> None:
    """The newest datagram that authenticates, of `size` bytes, has come from `path`, which is not
    the session's: it is to prove itself."""
    validation = session.validation
    if validation is not None and validation.limit_of(path) is not None:
        return
    if not (_fits(session, path) and _may_try(session, now)):
        session.endpoint.drops.add(PATH_NOT_TRIED)
        return
    try:
        validation = PathValidation(session, path, now)
    except LocalError:
        return  # no random bytes any more: the session stays where it is
    if session.validation is not None:
        session.validation.end(session.validation.proved)
    session.validation = validation
    validation.on_packet(path, size, True)


def _may_try(session: "DatagramSession", now: int) -> bool:
    """Takes a candidate from the session's budget; False when there is none."""
    try:
        left_ms, at = session.paths
    except AttributeError:  # no session has a place for what few need
        left_ms, at = PATHS * PATH_MS, now
    left_ms = min(left_ms + now - at, PATHS * PATH_MS)
    enough = left_ms >= PATH_MS
    session.paths = (left_ms - PATH_MS if enough else left_ms, now)
    return enough


def move(session: "DatagramSession", path: "Address") -> None:
    """Nothing is known of the new path, and what was sent on the old one goes again."""
    if session.closed and on_other_link(path):
        return  # it says its last words where it is
    reliable = session.reliable
    reliable.recovery.restart()
    if on_other_link(path):
        from dsoftbus.session.elsewhere import rehome  # is there: it has made the path

        before = rehome(session, path)
        if session.validation is not None:
            session.validation.relabel(before)
    else:
        session.path = path
        mover = getattr(session, "mover", None)
        if mover is not None:
            mover.followed(path)
    session.moves += 1
    reliable.rtt.restart()
    reliable.congestion.restart()
    reliable.pacer.restart()
    if hasattr(reliable, "path_mtu"):
        from dsoftbus.packet.wide import forget_path  # hosts alone

        forget_path(reliable, session.endpoint.datagram_bytes)


def ask(session: "DatagramSession", proof: bytes, path: "Address") -> None:
    """Challenges the peer at `path` to give `proof` back."""
    _give(session, BODY_CHALLENGE, proof, path)


def _give(session: "DatagramSession", body: int, proof: bytes, path: "Address") -> None:
    """Sends a packet that holds `proof` to `path` now, if it may go there."""
    limit = session.validation.limit_of(path) if session.validation is not None else None
    if limit is not None and not limit.allows(PROOF_PACKET):
        return
    try:
        packet = _proof_packet(session.protection, body, proof)
    except _LACKS:
        return
    endpoint = session.endpoint
    to = path
    if on_other_link(path):
        endpoint, to = path.port.endpoint, path.address
        path.port.turn_soon(None)
    if len(endpoint.answers) < ANSWERS_MAX:
        endpoint.answers.append((packet, to))
        if limit is not None:
            limit.sent += PROOF_PACKET


def on_other_link(path: "Address") -> bool:
    """Tells whether `path` is an `elsewhere.Elsewhere`: drivers have other addresses, and only who
    has several links loads that module."""
    return hasattr(path, "port")


def _seen_anew(session: "DatagramSession", path: "Address", before: "Any") -> "Address":
    """Returns `path` as the session's port sees it, which had it from the port `before`."""
    from dsoftbus.session.elsewhere import Elsewhere

    if not on_other_link(path):
        return Elsewhere(before, path)
    return path.address if path.port.endpoint is session.endpoint else path


def _fits(session: "DatagramSession", path: "Address") -> bool:
    if not on_other_link(path):
        return True
    from dsoftbus.session.elsewhere import fits

    return fits(session, path.port.endpoint)


def _proof_packet(protect: "DatagramProtect", body: int, proof: bytes) -> bytearray:
    packet = bytearray(PROOF_PACKET)
    packet[PACKET_HEADER] = body
    packet[_PROOF_AT:_PROOF_STOP] = proof
    protect.seal(packet, PACKET_HEADER, _PROOF_STOP, packet)
    return packet
