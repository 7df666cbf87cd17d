"""A ticket: what a session leaves, so that the next one costs less (docs/resumption.md)."""

from dsoftbus.const import PATTERN_SLEEPER, TICKET_ID_BYTES

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.crypto.suite import Hash


_LEAVES = b"dsoftbus-ticket-1"
_HOLDS = b"dsoftbus-ticket-2"
_NAMES = b"dsoftbus-ticket-3"


class Ticket:
    """`peer` is the other side's public key, `suite` and `mode` (the pattern) are wire codes.

    `secret` has 32 bytes, `access` is the mark of `access.mark`. `until` is in ms of the holder's
    clock, `left` how many sessions may still begin with this ticket and those that follow from it.
    """

    user: "Any" = None  # the handshake of an initiator that shows it now
    age = 0  # the larger, the later a responder has taken it
    ids: "tuple[bytes, ...]" = ()  # under which a responder finds it
    # A full handshake, or another ticket, has taken its place: a handshake that had begun with it
    # may end, and leaves none.
    replaced = False
    known = True  # whether the peer was trusted then

    def __init__(
        self,
        peer: bytes,
        suite: int,
        mode: int,
        secret: bytes,
        access: bytes,
        until: int,
        left: int,
    ) -> None:
        self.peer = peer
        self.suite = suite
        self.mode = mode
        self.secret = secret
        self.access = access
        self.until = until
        self.left = left

    @property
    def sleeper(self) -> bool:
        """Tells whether it is one for sleeper mode: its secret goes on by itself."""
        return self.mode == PATTERN_SLEEPER


def secret_of(noise: "Any", mode: int, initiator: bytes, responder: bytes) -> bytes:
    """The secret of the ticket that a handshake leaves; `initiator` and `responder` are keys."""
    bound = noise.handshake_hash + bytes(initiator) + bytes(responder)
    return noise.export(_LEAVES + bytes((mode,)) + bound)


def derive(hash: "Hash", secret: bytes) -> "tuple[bytes, bytes, bytes]":
    """(the secret that follows in sleeper mode, the ticket's id, its psk)."""
    following, psk = hash.hkdf(secret, _HOLDS, 2)
    return following, hash.digest(_NAMES + psk)[:TICKET_ID_BYTES], psk
