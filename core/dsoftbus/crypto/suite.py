"""A suite: the functions that a Noise protocol name stands for, from one provider.

`Suite.keypair(secret)` gives a handle with `.public` and `.exchange(public)`, `Suite.cipher(key)`
one with `.seal` and `.open` (see `chachapoly.ChaChaPoly` for their contract); `Suite.hash` is a
`Hash` and `Suite.copy(dst, at, src, start, n)` moves bytes. Each provider has a `suite(code)`: the
one of `provider` runs everywhere, and a backend has its own.
"""

from hashlib import sha256

from dsoftbus.const import SUITE_AESGCM_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto import hkdf

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Aead, Copy, Data, Keys


# Public

NAMES = {
    SUITE_CHACHA_SHA256: b"25519_ChaChaPoly_SHA256",
    SUITE_CHACHA_BLAKE2S: b"25519_ChaChaPoly_BLAKE2s",
    SUITE_AESGCM_SHA256: b"25519_AESGCM_SHA256",
}


class Suite:
    """`name` follows the pattern in the protocol name; `code` stands for it on the wire."""

    def __init__(
        self,
        code: int,
        keypair: "Callable[[bytes], Keys]",
        cipher: "Callable[[Data], Aead]",
        hash: "Hash",
        copy: "Copy",
    ) -> None:
        self.code = code
        self.name = NAMES[code]
        self.keypair = keypair
        self.cipher = cipher
        self.hash = hash
        self.copy = copy


class Hash:
    """A hash of 32-byte digests over 64-byte blocks: `digest(data)` and HMAC over it."""

    # Ours
    hash_len = 32
    block_len = 64

    # Public

    def __init__(
        self,
        name: bytes,
        digest: "Callable[[Data], bytes]",
        hmac: "Callable[[Data, Data], bytes] | None" = None,
    ) -> None:
        self.name = name
        self.digest = digest
        self.hmac = hmac or self._hmac  # a provider may have its own hmac(key, data)

    def hkdf(self, chaining_key: bytes, ikm: "Data", outputs: int) -> tuple[bytes, ...]:
        """Derives keys as `hkdf.hkdf` does; a provider may have its own."""
        return hkdf.hkdf(self, chaining_key, ikm, outputs)

    def _hmac(self, key: "Data", data: "Data") -> bytes:
        return hkdf.hmac(self.digest, self.block_len, key, data)


class KeyPair:
    """An X25519 key over `multiply(scalar, point)`, which maps 32 bytes and 32 bytes to 32."""

    def __init__(
        self, secret: "Data", multiply: "Callable[[Data, Data], bytes]", base: bytes
    ) -> None:
        self._secret = bytes(secret)
        self._multiply = multiply
        self.public = multiply(self._secret, base)

    def exchange(self, public: "Data") -> bytes:
        """The 32-byte shared secret; all zeros for a point of low order."""
        return self._multiply(self._secret, public)


def digest_sha256(data: "Data") -> bytes:
    return sha256(data).digest()


SHA256 = Hash(b"SHA256", digest_sha256)
