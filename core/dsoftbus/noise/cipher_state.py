"""Noise's CipherState (revision 34, section 5.1): all of Noise that an established session needs.

Source: https://noiseprotocol.org/noise.html. A failure leaves the state as it was.
"""

from dsoftbus.const import KEY_BYTES, TAG_BYTES
from dsoftbus.errors import DECRYPT_FAILED, NONCE_EXHAUSTED, LocalError, PeerError

if False:  # for types
    from dsoftbus.contracts import Aead, Buffer, Data
    from dsoftbus.crypto.suite import Suite


MAX_NONCE = (1 << 64) - 1  # reserved for REKEY; no message is ever sealed under it
ZERO_KEY = bytes(KEY_BYTES)


class CipherState:
    """An AEAD key and its nonce counter. Without a key it passes bytes through."""

    def __init__(self, suite: "Suite", key: bytes | None = None) -> None:
        self._suite = suite
        self._aead: Aead = suite.cipher(key) if key else None  # type: ignore[assignment] # see `has_key`
        self.n = 0

    @property
    def has_key(self) -> bool:
        return self._aead is not None

    def seal(self, ad: "Data", src: "Data", start: int, end: int, dst: "Buffer", at: int) -> int:
        """Seals `src[start:end]` into `dst` at `at`; returns the index past the tag."""
        if self.n == MAX_NONCE:
            raise LocalError(NONCE_EXHAUSTED)
        stop = self._aead.seal(self.n, ad, src, start, end, dst, at)
        self.n += 1
        return stop

    def open(self, ad: "Data", src: "Data", start: int, end: int, dst: "Buffer", at: int) -> int:
        """Opens `src[start:end]` into `dst` at `at`; returns the index past the plaintext.

        Raises PeerError(DECRYPT_FAILED); the nonce moves only after success.
        """
        if self.n == MAX_NONCE:
            raise LocalError(NONCE_EXHAUSTED)
        stop = self._aead.open(self.n, ad, src, start, end, dst, at)  # -1 without a whole tag, too
        if stop < 0:
            raise PeerError(DECRYPT_FAILED)
        self.n += 1
        return stop

    def open_numbered(self, n: int, data: "Buffer", start: int, end: int) -> int:
        """Opens what was sealed under nonce `n`, in place, for links that lose messages (11.4).

        Returns the index past the plaintext, or -1 when the tag is wrong: a forged datagram is
        no rare event. The counter is not used and does not move.
        """
        return self._aead.open(n, b"", data, start, end, data, start)

    def rekey(self) -> None:
        """REKEY(k) of section 4.2; the nonce goes on counting."""
        out = bytearray(KEY_BYTES + TAG_BYTES)
        self._aead.seal(MAX_NONCE, b"", ZERO_KEY, 0, KEY_BYTES, out, 0)
        self._aead = self._suite.cipher(bytes(out[:KEY_BYTES]))

    def fork(self) -> "CipherState":
        other = CipherState(self._suite)
        other._aead = self._aead
        other.n = self.n
        return other
