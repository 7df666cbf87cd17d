"""Pairing by six digits: commit, reveal, compare, confirm (docs/wire-format.md, docs/trust.md).

One `Pairing` is one attempt on one stream of an authenticated session. The side that opened the
stream commits to its nonce before it sees the other's, so that neither can choose the digits.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


import hashlib

from dsoftbus.errors import (
    BAD_STATE,
    COMMITMENT_MISMATCH,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    PAIRING_CANCELLED,
    PAIRING_TIMEOUT,
    WRONG_CODE,
    LocalError,
    PeerError,
)

if False:  # for types
    from dsoftbus.contracts import Data, Deadline, Random


VERSION = 1
SPACE = 10**6  # six digits: what people compare without a slip
_SHOWN = "%06d"
_NONCE = 32  # bytes: the commitment hides it
EXCHANGE_MS = 10000  # three messages between two programs
COMPARE_MS = 120000  # two people, who may have to walk

# States, in steps of 16: state + trigger is a key of TABLE.
AWAIT_COMMIT = const(0x10)
AWAIT_NONCE = const(0x20)
AWAIT_REVEAL = const(0x30)
COMPARING = const(0x40)  # both have digits to show
AGREED = const(0x50)  # this side has confirmed, the peer has not yet
AWAITED = const(0x60)  # the peer has confirmed, this side has not yet
PAIRED = const(0x70)
FAILED = const(0x80)

# Triggers: the types of messages, and what the person here does.
COMMIT = const(1)
NONCE = const(2)
REVEAL = const(3)
CONFIRM = const(4)
CANCEL = const(5)
AGREE = const(6)

TABLE = {
    AWAIT_COMMIT + COMMIT: AWAIT_REVEAL,
    AWAIT_NONCE + NONCE: COMPARING,
    AWAIT_REVEAL + REVEAL: COMPARING,
    COMPARING + CONFIRM: AWAITED,
    COMPARING + AGREE: AGREED,
    AGREED + CONFIRM: PAIRED,
    AWAITED + AGREE: PAIRED,
    AWAIT_COMMIT + CANCEL: FAILED,
    AWAIT_NONCE + CANCEL: FAILED,
    AWAIT_REVEAL + CANCEL: FAILED,
    COMPARING + CANCEL: FAILED,
    AGREED + CANCEL: FAILED,
    AWAITED + CANCEL: FAILED,
}

_BODY = {COMMIT: 1 + 32, NONCE: _NONCE, REVEAL: _NONCE, CONFIRM: 32, CANCEL: 1}  # bytes
_OPENER = 1  # roles in the proof of a confirmation
_OTHER = 2


def commitment(handshake_hash: bytes, nonce: bytes) -> bytes:
    return _hash(b"dsoftbus-pair-commit-1", handshake_hash, nonce)


def digits_of(handshake_hash: bytes, opener: bytes, other: bytes, space: int = SPACE) -> int:
    """The number that both sides show. A `space` other than 10^6 serves the tests' statistics."""
    digest = _hash(b"dsoftbus-pair-digits-1", handshake_hash, opener, other)
    return int.from_bytes(digest[:8], "big") % space


def _hash(domain: bytes, *parts: "Data") -> bytes:
    return hashlib.sha256(domain + b"".join(parts)).digest()


class Pairing:
    """One side of one attempt. `opener` opened the stream; `random(n)` gives its nonce.

    `digits` is "" until there is something to compare; `code` says why it failed.
    """

    def __init__(self, opener: bool, handshake_hash: bytes, random: "Random", now: int) -> None:
        self.opener = opener
        self._hash = handshake_hash
        self._mine = random(_NONCE)
        self._theirs = b""
        self._commitment = b""
        self._out: list[bytes] = []
        self._deadline = now + EXCHANGE_MS
        self.state = AWAIT_NONCE if opener else AWAIT_COMMIT
        self.digits = ""
        self.code = 0
        if opener:
            self._say(COMMIT, bytes((VERSION,)) + commitment(handshake_hash, self._mine))

    # Commands

    def confirm(self, digits: str) -> None:
        """The person here agrees to the digits as they read or typed them.

        Raises LocalError: WRONG_CODE for others than those of this exchange, which ends it;
        BAD_STATE when there is nothing to agree to.
        """
        state = TABLE.get(self.state + AGREE)
        if state is None:
            raise LocalError(BAD_STATE, "nothing to confirm")
        if digits != self.digits:
            self._fail(WRONG_CODE)
            raise LocalError(WRONG_CODE)
        self.state = state
        self._say(CONFIRM, self._proof(_OPENER if self.opener else _OTHER))

    def cancel(self, code: int = PAIRING_CANCELLED) -> None:
        """The person here does not agree."""
        if not self.ended:
            self._fail(code)

    def stream_lost(self, code: int = 0) -> None:
        """The stream or its session has ended, `code` says why."""
        if not self.ended:
            self.state = FAILED
            self.code = code or PAIRING_CANCELLED

    # Inputs

    def receive(self, message: bytes, now: int) -> None:
        """One message of the peer. Never raises for what it did: it ends this attempt."""
        if self.ended:
            return
        try:
            self._receive(message, now)
        except PeerError as error:
            self._fail(error.code)

    def handle_timer(self, now: int) -> None:
        if not self.ended and now >= self._deadline:
            self._fail(PAIRING_TIMEOUT)

    # Outputs

    def poll_transmit(self) -> bytes | None:
        """The next message for the stream, or None."""
        return self._out.pop(0) if self._out else None

    def poll_timer(self) -> "Deadline":
        return None if self.ended else self._deadline

    # Getters

    @property
    def paired(self) -> bool:
        return self.state == PAIRED

    @property
    def ended(self) -> bool:
        return self.state >= PAIRED

    # The exchange

    def _receive(self, message: bytes, now: int) -> None:
        kind = message[0] if message else 0
        if len(message) - 1 != _BODY.get(kind):
            raise PeerError(MALFORMED, "pairing message")
        state = TABLE.get(self.state + kind)
        if state is None:
            raise PeerError(INVALID_STATE_TRANSITION, "pairing message %d" % kind)
        body = bytes(message[1:])
        if kind == COMMIT:
            self._on_commit(body)
        elif kind == NONCE:
            self._say(REVEAL, self._mine)
            self._compare(body, now)
        elif kind == REVEAL:
            self._on_reveal(body, now)
        elif kind == CONFIRM:
            self._on_confirm(body)
        else:
            self.code = body[0] or PAIRING_CANCELLED
        self.state = state

    def _on_commit(self, body: bytes) -> None:
        if body[0] != VERSION:
            raise PeerError(MALFORMED, "pairing version %d" % body[0])
        self._commitment = body[1:]
        self._say(NONCE, self._mine)

    def _on_reveal(self, nonce: bytes, now: int) -> None:
        if commitment(self._hash, nonce) != self._commitment:
            raise PeerError(COMMITMENT_MISMATCH)
        self._compare(nonce, now)

    def _on_confirm(self, proof: bytes) -> None:
        if proof != self._proof(_OTHER if self.opener else _OPENER):
            raise PeerError(WRONG_CODE)

    def _compare(self, nonce: bytes, now: int) -> None:
        self._theirs = nonce
        self.digits = _SHOWN % digits_of(self._hash, *self._nonces())
        self._deadline = now + COMPARE_MS

    def _nonces(self) -> tuple[bytes, bytes]:
        """(the opener's, the other's)"""
        return (self._mine, self._theirs) if self.opener else (self._theirs, self._mine)

    def _proof(self, role: int) -> bytes:
        return _hash(b"dsoftbus-pair-accept-1", bytes((role,)), self._hash, *self._nonces())

    def _say(self, kind: int, body: bytes) -> None:
        self._out.append(bytes((kind,)) + body)

    def _fail(self, code: int) -> None:
        self.state = FAILED
        self.code = code
        self._out = [bytes((CANCEL, code))]
