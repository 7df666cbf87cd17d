"""ChaCha20-Poly1305 (RFC 8439) over the kernels; portable twin: dsoftbus.crypto.chachapoly.

Nothing is allocated after construction. All keys share one work area, so that one interpreter's
threads must not seal and open at the same time.
"""

from struct import pack_into

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_mpy.kernels import chacha20, poly1305

_stream = bytearray(64)  # the last block of key stream
_poly = bytearray(96)  # Poly1305's state
_block = bytearray(16)  # one block of a message, aligned
_last = bytearray(32)  # the ragged end of a message, then the lengths
_tag = bytearray(16)  # what the tag of a message to open must be


class ChaChaPoly:
    """The AEAD of one 32-byte key. `src` may be `dst` where `start` is `at`.

    A nonce is `salt`, 32 bits that Noise leaves zero, and `n` in 64 bits, both little-endian.
    Raises LocalError(BAD_ARGUMENT) where a range is outside its buffer: kernels do not look.
    """

    def __init__(self, key, salt: int = 0):
        if len(key) != 32:
            raise LocalError(BAD_ARGUMENT, "a key has 32 bytes")
        self._init = bytearray(64)
        self._init[:16] = b"expand 32-byte k"
        self._init[16:48] = key
        pack_into("<I", self._init, 52, salt)

    def seal(self, n: int, ad, src, start: int, end: int, dst, at: int) -> int:
        """Encrypts src[start:end] to dst[at:], appends the tag, returns the index past it."""
        size = end - start
        stop = at + size
        if start < 0 or size < 0 or end > len(src) or at < 0 or stop + 16 > len(dst):
            raise LocalError(BAD_ARGUMENT, "seal beyond a buffer")
        self._begin(n)
        if size:
            chacha20.crypt(_stream, 0, self._init, src, start, dst, at, size)
        _authenticate(ad, dst, at, size)
        poly1305.finish(_poly, dst, stop)
        return stop + 16

    def open(self, n: int, ad, src, start: int, end: int, dst, at: int) -> int:
        """Verifies and decrypts src[start:end], tag last, to dst[at:]; the index past, or -1."""
        size = end - start - 16
        if start < 0 or end > len(src) or at < 0 or at + size > len(dst):
            raise LocalError(BAD_ARGUMENT, "open beyond a buffer")
        if size < 0:
            return -1
        self._begin(n)
        _authenticate(ad, src, start, size)
        poly1305.finish(_poly, _tag, 0)
        if poly1305.differs(_tag, src, end - 16):
            return -1
        if size:
            chacha20.crypt(_stream, 0, self._init, src, start, dst, at, size)
        return at + size

    def _begin(self, n: int) -> None:
        """Block 0 of the key stream is the Poly1305 key; data begins with block 1."""
        chacha20.set_nonce(self._init, 0, n, n >> 32)
        chacha20.crypt(_stream, 0, self._init, _stream, 0, _stream, 0, 0)
        poly1305.begin(_poly, _stream)


def _authenticate(ad, data, at: int, size: int) -> None:
    """`ad` and data[at:at + size], each padded to 16 bytes, and their lengths."""
    if ad:
        left = _whole_blocks(ad, 0, len(ad))
        if left:
            poly1305.pad(_last, ad, len(ad) - left, left)
            poly1305.blocks(0, 0, _poly, _last, 0, 1, _block)
    left = _whole_blocks(data, at, size)
    if left:
        poly1305.pad(_last, data, at + size - left, left)
    pack_into("<IIII", _last, 16, len(ad), 0, size, 0)
    poly1305.blocks(0, 0, _poly, _last, 0 if left else 16, 2 if left else 1, _block)


def _whole_blocks(data, at: int, size: int) -> int:
    """Takes the whole blocks of data[at:at + size]; returns how many bytes are left."""
    if size > 15:
        poly1305.blocks(0, 0, _poly, data, at, size >> 4, _block)
    return size & 15
