"""A node's next key: told to trusted peers in time, with a proof that it is held.

Messages of the stream `dsoftbus.keys` (docs/wire-format.md):
NEXT `1 | next key 32 | grace u32 (s) | proof 32`, TAKEN `2`.
"""

from dsoftbus.base.codec import get_u32, put_u32
from dsoftbus.const import KEY_BYTES, KEYS_STREAM, U30_MAX
from dsoftbus.crypto.hkdf import hkdf
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, NEXT_KEY_UNPROVEN, LocalError, PeerError

if False:  # for types
    from dsoftbus.contracts import Data, Keys
    from dsoftbus.crypto.suite import Hash, Suite
    from dsoftbus.session.session import Session
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.message_channel import MessageChannel
    from dsoftbus.trust.session_guard import Control


NEXT = 1
TAKEN = bytes((2,))
_DOMAIN = b"dsoftbus-next-key-1"
_GRACE_AT = 1 + KEY_BYTES
_PROOF_AT = _GRACE_AT + 4
_NEXT_BYTES = _PROOF_AT + 32
_ZERO = bytes(KEY_BYTES)


def announce(
    suite: "Suite",
    session: "Session",
    next_pair: "Keys",
    grace_s: int,
    secret: bytes | None = None,
) -> bytes:
    """NEXT for the peer of `session`: this node will go by `next_pair` in `grace_s` seconds.

    `secret` is `next_pair.exchange(session.peer_public)`, where it is known from before.
    """
    if not 1 <= grace_s <= U30_MAX:
        raise LocalError(BAD_ARGUMENT, "grace of 1 s and more")
    message = bytearray(_NEXT_BYTES)
    message[0] = NEXT
    message[1:_GRACE_AT] = next_pair.public
    put_u32(message, _GRACE_AT, grace_s)
    secret = secret or next_pair.exchange(session.peer_public)
    if secret == _ZERO:
        raise LocalError(BAD_ARGUMENT, "next key")
    current = session.local.static.public
    message[_PROOF_AT:] = _proof(suite.hash, session, secret, current, message)
    return bytes(message)


def claimed(message: bytes) -> tuple[bytes, int]:
    """(next key, grace in s) that NEXT speaks of, unproved. Raises PeerError(MALFORMED)."""
    if len(message) != _NEXT_BYTES or message[0] != NEXT:
        raise PeerError(MALFORMED, "key message")
    grace_s = get_u32(message, _GRACE_AT)
    if grace_s < 1:
        raise PeerError(MALFORMED, "grace")
    return bytes(message[1:_GRACE_AT]), grace_s


def accept(suite: "Suite", session: "Session", message: bytes) -> tuple[bytes, int]:
    """(next key, grace in s) of the peer of `session`. It costs a scalar multiplication.

    Raises PeerError: MALFORMED, or NEXT_KEY_UNPROVEN when the peer does not hold that key.
    """
    public, grace_s = claimed(message)
    secret = session.local.static.exchange(public)
    proof = _proof(suite.hash, session, secret, session.peer_public, message)
    if secret == _ZERO or proof != bytes(message[_PROOF_AT:]):
        raise PeerError(NEXT_KEY_UNPROVEN)
    return public, grace_s


def _proof(
    hash: "Hash", session: "Session", secret: bytes, current: bytes, message: "Data"
) -> bytes:
    """Binds the next key and the grace to this session, and to who can compute `secret`. In a
    resumed session the current keys are shown besides: a ticket may have been stolen."""
    if session.resumed:
        secret += session.local.static.exchange(session.peer_public)
    bound = session.handshake_hash
    (key,) = hkdf(hash, bound, secret, 1)
    return hash.hmac(key, _DOMAIN + bound + current + bytes(message[1:_PROOF_AT]))


class Rotation:
    """A change of this node's own key that is under way.

    `grace_s` is of this node's running time: a clock that jumps does not shorten it. `told` are
    the ids of the peers that have answered since this start. Once it is `due`, the backend makes
    `next_pair` the identity and restarts; a peer that was not told by then must pair again.
    """

    def __init__(self, next_pair: "Keys", grace_s: int, now: int) -> None:
        self.next_pair = next_pair
        self._until = now + grace_s * 1000
        # By device id, so that a peer that comes again and again costs nothing.
        self._shared: dict[str, bytes] = {}
        self.told: set[str] = set()

    def due(self, now: int) -> bool:
        return now >= self._until

    def grace_s(self, now: int) -> int:
        """Returns the seconds left, at least 1."""
        return max((self._until - now) // 1000, 1)

    def poll_timer(self) -> int:
        return self._until

    def tell(self, control: "Control", guard: "Guard", now: int) -> None:
        """Tells the peer of a session; it counts as told when it has answered.

        If no stream can be opened now, the next session tells it.
        """
        session = control.session
        try:
            stream = control.open(KEYS_STREAM)
        except LocalError:
            return
        secret = self._shared.get(control.device)
        if secret is None:
            secret = self.next_pair.exchange(session.peer_public)
            self._shared[control.device] = secret
        message = announce(session.suite, session, self.next_pair, self.grace_s(now), secret)

        def answered(talk: "MessageChannel", message: "Data") -> None:
            if message != TAKEN:
                raise PeerError(MALFORMED, "answer to a next key")
            self.told.add(control.device)
            guard.wake()

        talk = control.talk(stream, answered)
        talk.send(message)
        talk.finish()
