"""Noise (revision 34): SymmetricState, HandshakeState; patterns as data; beside `cipher_state`.

Source: https://noiseprotocol.org/noise.html, sections 5, 7 and 9. A call that fails leaves its
state as it was.
"""

from dsoftbus.const import KEY_BYTES, TAG_BYTES
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    LOW_ORDER_POINT,
    MALFORMED,
    LocalError,
    PeerError,
)
from dsoftbus.noise.cipher_state import ZERO_KEY, CipherState

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Data, Keys, Random
    from dsoftbus.crypto.suite import Suite


# The tokens of each message; in all of them the responder's s is known beforehand.
PATTERNS = {
    "XK": (("e", "es"), ("e", "ee"), ("s", "se")),
    "XKpsk3": (("e", "es"), ("e", "ee"), ("s", "se", "psk")),
}
# dh token: whose key the initiator uses, whose the responder uses
_DH = {"ee": ("e", "e"), "es": ("e", "s"), "se": ("s", "e")}


def encrypt_with_ad(cipher: CipherState, ad: "Data", plaintext: "Data") -> bytes:
    """Section 5.1, as a function: without a key it passes bytes through."""
    if not cipher.has_key:
        return bytes(plaintext)
    out = bytearray(len(plaintext) + TAG_BYTES)
    cipher.seal(ad, plaintext, 0, len(plaintext), out, 0)
    return bytes(out)


def decrypt_with_ad(cipher: CipherState, ad: "Data", ciphertext: "Data") -> bytes:
    if not cipher.has_key:
        return bytes(ciphertext)
    out = bytearray(max(len(ciphertext) - TAG_BYTES, 0))
    cipher.open(ad, ciphertext, 0, len(ciphertext), out, 0)
    return bytes(out)


class SymmetricState:
    """The chaining key, the handshake hash and the handshake's cipher (section 5.2)."""

    def __init__(self, suite: "Suite", protocol_name: bytes) -> None:
        self._suite = suite
        self._hash = suite.hash
        if len(protocol_name) <= self._hash.hash_len:
            self.h = protocol_name + bytes(self._hash.hash_len - len(protocol_name))
        else:
            self.h = self._hash.digest(protocol_name)
        self._ck = self.h
        self._cipher = CipherState(suite)

    def mix_key(self, ikm: "Data") -> None:
        self._ck, key = self._hash.hkdf(self._ck, ikm, 2)
        self._cipher = CipherState(self._suite, key)

    def mix_hash(self, data: "Data") -> None:
        self.h = self._hash.digest(self.h + data)

    def mix_key_and_hash(self, ikm: "Data") -> None:
        self._ck, hashed, key = self._hash.hkdf(self._ck, ikm, 3)
        self.mix_hash(hashed)
        self._cipher = CipherState(self._suite, key)

    def encrypt_and_hash(self, plaintext: "Data") -> bytes:
        ciphertext = encrypt_with_ad(self._cipher, self.h, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: "Data") -> bytes:
        plaintext = decrypt_with_ad(self._cipher, self.h, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    @property
    def tag_bytes(self) -> int:
        return TAG_BYTES if self._cipher.has_key else 0

    def split(self) -> tuple[CipherState, CipherState]:
        """The two transport ciphers: initiator to responder, and back."""
        first, second = self._hash.hkdf(self._ck, b"", 2)
        return CipherState(self._suite, first), CipherState(self._suite, second)

    def export(self, label: bytes) -> bytes:
        """32 bytes that both sides have, under a label of 17 bytes and more: independent of the
        keys of `split`."""
        return self._hash.hkdf(self._ck, label, 1)[0]

    def save(self) -> tuple[bytes, bytes, CipherState]:
        return self.h, self._ck, self._cipher.fork()

    def restore(self, saved: tuple[bytes, bytes, CipherState]) -> None:
        self.h, self._ck, self._cipher = saved


class HandshakeState:
    """One side of a handshake (section 5.3).

    `static` is this side's key pair, `remote_static` the peer's public key where it is known
    (the initiator of XK must know it), `random(n)` gives the ephemeral secret.
    """

    def __init__(
        self,
        suite: "Suite",
        pattern: str,
        initiator: bool,
        prologue: "Data",
        static: "Keys",
        remote_static: bytes | None,
        random: "Random",
        psk: bytes | None = None,
    ) -> None:
        if (psk is not None) != ("psk" in pattern) or (psk is not None and len(psk) != KEY_BYTES):
            raise LocalError(BAD_ARGUMENT, "a psk of 32 bytes goes with a psk pattern")
        if initiator and (remote_static is None or len(remote_static) != KEY_BYTES):
            raise LocalError(BAD_ARGUMENT, "the initiator needs the responder's public key")
        self._suite = suite
        self._messages = PATTERNS[pattern]
        self._initiator = initiator
        self._random = random
        self._psk = psk
        self._step = 0
        self._s = static
        self._e: Keys | None = None
        self.remote_static = remote_static
        self._re: bytes | None = None
        name = b"Noise_" + pattern.encode() + b"_" + suite.name
        self._symmetric = SymmetricState(suite, name)
        self._symmetric.mix_hash(bytes(prologue))
        self._symmetric.mix_hash(remote_static if initiator else static.public)  # type: ignore[arg-type] # checked above

    @property
    def my_turn(self) -> bool:
        return not self.complete and (self._step % 2 == 0) == self._initiator

    @property
    def complete(self) -> bool:
        return self._step == len(self._messages)

    @property
    def handshake_hash(self) -> bytes:
        return self._symmetric.h

    def split(self) -> tuple[CipherState, CipherState]:
        """(cipher to send with, cipher to receive with); only after the last message."""
        if not self.complete:
            raise LocalError(BAD_STATE, "the handshake is not complete")
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    def export(self, label: bytes) -> bytes:
        """See `SymmetricState.export`; of the same worth on both sides once `complete`."""
        return self._symmetric.export(label)

    def write_message(self, payload: "Data" = b"") -> bytes:
        """The next message of this side."""
        if not self.my_turn:
            raise LocalError(BAD_STATE, "not this side's turn")
        return self._transact(self._write, payload)

    def read_message(self, message: "Data") -> bytes:
        """The payload of the peer's next message, or PeerError with nothing changed."""
        if self.complete or self.my_turn:
            raise LocalError(BAD_STATE, "not the peer's turn")
        return self._transact(self._read, message)

    def _transact(self, step: "Callable[[Data], bytes]", argument: "Data") -> bytes:
        saved = self._symmetric.save()
        keys = self._e, self._re, self.remote_static
        try:
            result = step(argument)
        except Exception:
            self._symmetric.restore(saved)
            self._e, self._re, self.remote_static = keys
            raise
        self._step += 1
        return result

    def _write(self, payload: "Data") -> bytes:
        parts = [self._write_token(token) for token in self._messages[self._step]]
        parts.append(self._symmetric.encrypt_and_hash(payload))
        return b"".join(parts)

    def _write_token(self, token: str) -> bytes:
        if token == "e":
            self._e = self._suite.keypair(self._random(KEY_BYTES))
            self._mix_ephemeral(self._e.public)
            return self._e.public
        if token == "s":
            return self._symmetric.encrypt_and_hash(self._s.public)
        self._mix_secret(token)
        return b""

    def _read(self, message: "Data") -> bytes:
        message = bytes(message)
        at = 0
        for token in self._messages[self._step]:
            at += self._read_token(token, message, at)
        return self._symmetric.decrypt_and_hash(message[at:])

    def _read_token(self, token: str, message: bytes, at: int) -> int:
        """Returns how many bytes the token took."""
        if token == "e":
            self._re = _take(message, at, KEY_BYTES)
            self._mix_ephemeral(self._re)
            return KEY_BYTES
        if token == "s":
            size = KEY_BYTES + self._symmetric.tag_bytes
            self.remote_static = self._symmetric.decrypt_and_hash(_take(message, at, size))
            return size
        self._mix_secret(token)
        return 0

    def _mix_ephemeral(self, public: "Data") -> None:
        self._symmetric.mix_hash(public)
        if self._psk is not None:
            self._symmetric.mix_key(public)

    def _mix_secret(self, token: str) -> None:
        if token == "psk":
            self._symmetric.mix_key_and_hash(self._psk)  # type: ignore[arg-type] # the pattern has one
            return
        mine, theirs = _DH[token]
        if not self._initiator:
            mine, theirs = theirs, mine
        pair = self._e if mine == "e" else self._s
        public = self._re if theirs == "e" else self.remote_static
        secret = pair.exchange(public)  # type: ignore[union-attr, arg-type] # by the pattern
        if secret == ZERO_KEY:
            # Noise section 12.1 leaves this to the application: with a low-order point the peer
            # contributed nothing, so there is no reason to go on.
            raise PeerError(LOW_ORDER_POINT)
        self._symmetric.mix_key(secret)


def _take(message: bytes, at: int, n: int) -> bytes:
    if at + n > len(message):
        raise PeerError(MALFORMED, "handshake message too short")
    return message[at : at + n]
