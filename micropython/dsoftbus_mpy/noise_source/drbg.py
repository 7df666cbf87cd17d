"""HMAC_DRBG over SHA-256: SP 800-90A section 10.1.2.

Its state tells nothing of what it gave before: each request ends with a new key.
"""

from dsoftbus.crypto.suite import SHA256


class Drbg:
    """Bytes that nobody can tell from random ones who does not know `seed`."""

    def __init__(self, seed: bytes):
        self._key = bytes(32)
        self._value = b"\x01" * 32
        self.reseed(seed)

    def reseed(self, seed: bytes) -> None:
        """Mixes `seed` in; what was known of the state before is worth nothing without it."""
        self._update(b"\x00", seed)
        if seed:
            self._update(b"\x01", seed)

    def generate(self, n: int) -> bytes:
        """The next `n` bytes."""
        blocks = []
        for _ in range(0, n, 32):
            self._value = SHA256.hmac(self._key, self._value)
            blocks.append(self._value)
        self.reseed(b"")
        return b"".join(blocks)[:n]

    def _update(self, mark: bytes, seed: bytes) -> None:
        self._key = SHA256.hmac(self._key, self._value + mark + seed)
        self._value = SHA256.hmac(self._key, self._value)
