"""The suites through OpenSSL, by `cryptography` (its `encrypt_into` writes to our buffers)."""

from __future__ import annotations

import functools
import hashlib
import hmac
import time
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dsoftbus.base.codec import SLICE_MAX, copy
from dsoftbus.const import SUITE_AESGCM_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.suite import Hash, Suite, digest_sha256
from dsoftbus.errors import Unsupported

if TYPE_CHECKING:
    from dsoftbus.contracts import Aead

_TAG = 16
_PROBE_BYTES = 16384
_PROBES = 5
Bytes = bytes | bytearray | memoryview
Buffer = bytearray | memoryview


class _Aead:
    """The contract of `dsoftbus.crypto.chachapoly.ChaChaPoly` over one OpenSSL context.

    Little goes by slices and much by views, for the reason given in `dsoftbus.base.codec.copy`.

    `nonce(n)` gives the 12 bytes. On small records every attribute and call here shows.
    """

    __slots__ = ("_decrypt", "_decrypt_into", "_encrypt", "_encrypt_into", "_nonce")

    def __init__(self, cipher: ChaCha20Poly1305 | AESGCM, nonce: Callable[[int], bytes]) -> None:
        self._encrypt = cipher.encrypt
        self._decrypt = cipher.decrypt
        self._encrypt_into = cipher.encrypt_into
        self._decrypt_into = cipher.decrypt_into
        self._nonce = nonce

    def seal(
        self, n: int, ad: Bytes, src: Bytes, start: int, end: int, dst: Buffer, at: int
    ) -> int:
        stop = at + end - start + _TAG
        if stop - at <= SLICE_MAX:
            dst[at:stop] = self._encrypt(self._nonce(n), src[start:end], ad)
            return stop
        out = memoryview(dst)[at:stop]
        self._encrypt_into(self._nonce(n), memoryview(src)[start:end], ad, out)
        return stop

    def open(
        self, n: int, ad: Bytes, src: Bytes, start: int, end: int, dst: Buffer, at: int
    ) -> int:
        stop = at + end - start - _TAG
        if stop < at:
            return -1
        try:
            if stop - at <= SLICE_MAX:
                dst[at:stop] = self._decrypt(self._nonce(n), src[start:end], ad)
                return stop
            out = memoryview(dst)[at:stop]
            self._decrypt_into(self._nonce(n), memoryview(src)[start:end], ad, out)
        except InvalidTag:
            return -1
        return stop


# The nonces of Noise section 12: four zero bytes, then n little-endian or big-endian.
_little_nonce = Struct("<4xQ").pack
_big_nonce = Struct(">4xQ").pack


def _chachapoly(key: Bytes) -> _Aead:
    return _Aead(ChaCha20Poly1305(key), _little_nonce)


def _aesgcm(key: Bytes) -> _Aead:
    return _Aead(AESGCM(key), _big_nonce)


class KeyPair:
    """An X25519 key held by OpenSSL; making one costs a scalar multiplication, so keep it."""

    __slots__ = ("_key", "public")

    def __init__(self, secret: Bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()

    def exchange(self, public: bytes) -> bytes:
        """The 32-byte shared secret; all zeros for a point of low order, which OpenSSL refuses."""
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            return bytes(32)


def _hmac_sha256(key: Bytes, data: Bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _digest_blake2s(data: Bytes) -> bytes:
    return hashlib.blake2s(data).digest()


def _hmac_blake2s(key: Bytes, data: Bytes) -> bytes:
    return hmac.digest(key, data, "blake2s")


class _Hash(Hash):
    """A hash whose HKDF is one call of OpenSSL, in half the time of its HMACs."""

    def hkdf(self, chaining_key: bytes, ikm: Bytes, outputs: int) -> tuple[bytes, ...]:
        size = self.hash_len
        keys = HKDF(_ALGORITHMS[self.name], size * outputs, chaining_key, b"").derive(ikm)
        return tuple([keys[at : at + size] for at in range(0, len(keys), size)])


_ALGORITHMS = {b"SHA256": hashes.SHA256(), b"BLAKE2s": hashes.BLAKE2s(32)}
_SHA256 = _Hash(b"SHA256", digest_sha256, _hmac_sha256)
_BLAKE2S = _Hash(b"BLAKE2s", _digest_blake2s, _hmac_blake2s)


@functools.cache
def fastest() -> int:
    """The suite whose cipher is the faster one here; measured once, in well under 1 ms.

    AES-GCM where the processor has instructions for it, else ChaCha20-Poly1305.
    """
    codes = (SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256)
    times = {_seal_ns(suite(code).cipher(bytes(32))): code for code in codes}
    best: int = times[min(times)]
    return best


def _seal_ns(aead: Aead) -> int:
    """The shortest of a few seals of 16 KiB."""
    out = bytearray(_PROBE_BYTES + _TAG)
    spent = []
    for n in range(_PROBES):
        start = time.perf_counter_ns()
        aead.seal(n, b"", out, 0, _PROBE_BYTES, out, 0)
        spent.append(time.perf_counter_ns() - start)
    return min(spent)


def suite(code: int = SUITE_CHACHA_SHA256) -> Suite:
    """The suite `code` through OpenSSL. Raises Unsupported for an unknown code."""
    if code == SUITE_CHACHA_SHA256:
        return Suite(code, KeyPair, _chachapoly, _SHA256, copy)
    if code == SUITE_CHACHA_BLAKE2S:
        return Suite(code, KeyPair, _chachapoly, _BLAKE2S, copy)
    if code == SUITE_AESGCM_SHA256:
        return Suite(code, KeyPair, _aesgcm, _SHA256, copy)
    raise Unsupported(f"suite {code}")
