"""A node's next key: told to trusted peers in time, with a proof that it is held.

Messages of the stream `dsoftbus.keys` (docs/wire-format.md):
NEXT `1 | next key 32 | grace u32 (s) | proof 32`, TAKEN `2`.
"""

from dsoftbus.codec import get_u32, put_u32
from dsoftbus.const import KEY_BYTES, KEYS_STREAM, U30_MAX
from dsoftbus.crypto.hkdf import hkdf
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, NEXT_KEY_UNPROVEN, LocalError, PeerError

NEXT = 1
TAKEN = bytes((2,))
_DOMAIN = b"dsoftbus-next-key-1"
_GRACE_AT = 1 + KEY_BYTES
_PROOF_AT = _GRACE_AT + 4
_NEXT_BYTES = _PROOF_AT + 32
_ZERO = bytes(KEY_BYTES)


def announce(suite, session, next_pair, grace_s: int) -> bytes:
    """NEXT for the peer of `session`: this node will go by `next_pair` in `grace_s` seconds."""
    if not 1 <= grace_s <= U30_MAX:
        raise LocalError(BAD_ARGUMENT, "grace of 1 s and more")
    message = bytearray(_NEXT_BYTES)
    message[0] = NEXT
    message[1:_GRACE_AT] = next_pair.public
    put_u32(message, _GRACE_AT, grace_s)
    secret = next_pair.exchange(session.peer_public)
    if secret == _ZERO:
        raise LocalError(BAD_ARGUMENT, "next key")
    current = session.local.static.public
    message[_PROOF_AT:] = _proof(suite.hash, session, secret, current, message)
    return bytes(message)


def accept(suite, session, message: bytes) -> tuple:
    """(next key, grace in s) of the peer of `session`.

    Raises PeerError: MALFORMED, or NEXT_KEY_UNPROVEN when the peer does not hold that key.
    """
    if len(message) != _NEXT_BYTES or message[0] != NEXT:
        raise PeerError(MALFORMED, "key message")
    grace_s = get_u32(message, _GRACE_AT)
    if grace_s < 1:
        raise PeerError(MALFORMED, "grace")
    public = bytes(message[1:_GRACE_AT])
    secret = session.local.static.exchange(public)
    proof = _proof(suite.hash, session, secret, session.peer_public, message)
    if secret == _ZERO or proof != bytes(message[_PROOF_AT:]):
        raise PeerError(NEXT_KEY_UNPROVEN)
    return public, grace_s


def _proof(hash, session, secret: bytes, current: bytes, message) -> bytes:
    """Binds the next key and the grace to this session, and to who can compute `secret`."""
    bound = session.handshake_hash
    (key,) = hkdf(hash, bound, secret, 1)
    return hash.hmac(key, _DOMAIN + bound + current + bytes(message[1:_PROOF_AT]))


class Rotation:
    """A change of this node's own key that is under way.

    `told` are the ids of the peers that have answered. When `due`, the backend makes `next_pair`
    the identity and starts anew; who was not told by then must pair again.
    """

    def __init__(self, next_pair, grace_s: int, now: int):
        self.next_pair = next_pair
        self._until = now + grace_s * 1000
        self.told = set()

    def due(self, now: int) -> bool:
        return now >= self._until

    def grace_s(self, now: int) -> int:
        """What is left of it, at least 1."""
        return max((self._until - now) // 1000, 1)

    def poll_timer(self) -> int:
        return self._until

    def tell(self, control, now: int) -> None:
        """Tells the peer of a session; it counts as told when it has answered."""
        session = control.session
        message = announce(session.suite, session, self.next_pair, self.grace_s(now))
        talk = control.talk(control.open(KEYS_STREAM), control.on_keys)
        talk.send(message)
        talk.finish()


def hear(control, guard, talk, message: bytes) -> None:
    """A message of the peer of `control`: NEXT, or that it has taken this node's."""
    if message == TAKEN:
        if guard.rotation is not None:
            guard.rotation.told.add(control.device)
        return
    session = control.session
    public, grace_s = accept(session.suite, session, message)
    guard.take_next_key(control.device, public, grace_s, control.now)
    talk.send(TAKEN)
    talk.finish()
