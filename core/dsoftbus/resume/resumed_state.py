"""The handshake of a resumed session: NNpsk0 of Noise, or the same without `ee` (sleeper mode).

Imported while a handshake with a ticket lasts. The third message has no tokens: its payload is
sealed under the key of the second one (docs/resumption.md).
"""

from dsoftbus.const import KEY_BYTES, PATTERN_SLEEPER
from dsoftbus.errors import BAD_STATE, LOW_ORDER_POINT, MALFORMED, LocalError, PeerError
from dsoftbus.noise.cipher_state import ZERO_KEY
from dsoftbus.noise.handshake_state import SymmetricState

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Data, Keys, Random
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.noise.cipher_state import CipherState


_NAMES = (b"Noise_NNpsk0_", b"dsoftbus_sleeper_1_")
_MESSAGES = 3


class ResumedState:
    """One side; stands in for a `HandshakeState`. `pattern` is a wire code, `psk` the ticket's.

    `remote_static` is the peer's key as the ticket has it: no message says it again.
    """

    def __init__(
        self,
        suite: "Suite",
        pattern: int,
        initiator: bool,
        prologue: bytes,
        psk: bytes,
        remote_static: bytes,
        random: "Random",
    ) -> None:
        self.remote_static = remote_static
        self._suite = suite
        self._sleeper = pattern == PATTERN_SLEEPER
        self._initiator = initiator
        self._psk = psk
        self._random = random
        self._step = 0
        self._pair: Keys | None = None
        self._symmetric = SymmetricState(suite, _NAMES[self._sleeper] + suite.name)
        self._symmetric.mix_hash(prologue)

    @property
    def handshake_hash(self) -> bytes:
        return self._symmetric.h

    def split(self) -> "tuple[CipherState, CipherState]":
        """(cipher to send with, cipher to receive with); only after the last message."""
        if self._step < _MESSAGES:
            raise LocalError(BAD_STATE, "the handshake is not complete")
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    def export(self, label: bytes) -> bytes:
        """See `HandshakeState.export`."""
        return self._symmetric.export(label)

    def write_message(self, payload: "Data" = b"") -> bytes:
        """The next message of this side."""
        if (self._step % 2 == 0) != self._initiator:
            raise LocalError(BAD_STATE, "not this side's turn")
        return self._transact(self._write, payload)

    def read_message(self, message: "Data") -> bytes:
        """The payload of the peer's next message, or PeerError with nothing changed."""
        if (self._step % 2 == 0) == self._initiator:
            raise LocalError(BAD_STATE, "not the peer's turn")
        return self._transact(self._read, message)

    def _transact(self, step: "Callable[[Data], bytes]", argument: "Data") -> bytes:
        if self._step == _MESSAGES:
            raise LocalError(BAD_STATE, "the handshake is complete")
        saved = self._symmetric.save()
        try:
            result = step(argument)
        except Exception:
            self._symmetric.restore(saved)
            raise
        self._step += 1
        return result

    def _write(self, payload: "Data") -> bytes:
        said = b""
        if self._step < 2:
            said = self._fresh()
            self._mix(said, True)
        return said + self._symmetric.encrypt_and_hash(payload)

    def _read(self, message: "Data") -> bytes:
        message = bytes(message)
        at = 0
        if self._step < 2:
            at = KEY_BYTES
            if len(message) < at:
                raise PeerError(MALFORMED, "handshake message too short")
            self._mix(message[:at], False)
        return self._symmetric.decrypt_and_hash(message[at:])

    def _fresh(self) -> bytes:
        """This side's `e`."""
        secret = self._random(KEY_BYTES)
        if self._sleeper:
            return secret
        self._pair = self._suite.keypair(secret)
        return self._pair.public

    def _mix(self, e: bytes, own: bool) -> None:
        """The tokens of message 1 (psk, e) or 2 (e, ee)."""
        symmetric = self._symmetric
        if self._step == 0:
            symmetric.mix_key_and_hash(self._psk)
        symmetric.mix_hash(e)
        symmetric.mix_key(e)
        if self._sleeper:
            return
        if self._step == 0:
            self._other = e  # of use to the responder alone
            return
        secret = self._pair.exchange(self._other if own else e)  # type: ignore[union-attr] # `_fresh` made it
        if secret == ZERO_KEY:  # as in `HandshakeState`
            raise PeerError(LOW_ORDER_POINT)
        symmetric.mix_key(secret)
