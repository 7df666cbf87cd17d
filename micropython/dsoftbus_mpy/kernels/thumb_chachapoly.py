"""ChaCha20-Poly1305 (RFC 8439) in Thumb instructions; portable twin: dsoftbus.crypto.chachapoly.

The interface of `dsoftbus_mpy.kernels.chachapoly`, with two calls for a packet that is sealed and
three for one that is opened. All keys share one work area, so that one interpreter's threads must
not seal and open at the same time.
"""

from array import array
from struct import pack_into

from dsoftbus.const import U30_MAX
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_mpy.kernels.thumb_chacha20 import FIRST, crypt
from dsoftbus_mpy.kernels.thumb_poly1305 import BEGIN, CHECK, MORE, authenticate

_work = array("I", bytes(332))
# The numbers of a call in it, by index: see the tables of the two kernels.
_START = 64
_AT = 65
_SIZE = 66
_MODE = 67
_NONCE = 68
_ASSOCIATED = 70
_MESSAGE = 71
_POLY_MODE = 72


class ChaChaPoly:
    """The AEAD of one 32-byte key; `dsoftbus_mpy.kernels.chachapoly` explains its arguments.

    Nothing is allocated after construction, for nonces below 2**30.
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
        self._crypt(n, src, start, dst, at, size)
        _authenticate(ad, dst, at, size, 0)
        return stop + 16

    def open(self, n: int, ad, src, start: int, end: int, dst, at: int) -> int:
        """Verifies and decrypts src[start:end], tag last, to dst[at:]; the index past, or -1."""
        size = end - start - 16
        if start < 0 or end > len(src) or at < 0 or at + size > len(dst):
            raise LocalError(BAD_ARGUMENT, "open beyond a buffer")
        if size < 0:
            return -1
        self._crypt(n, src, start, dst, at, 0)
        if _authenticate(ad, src, start, size, CHECK):
            return -1
        _work[_MODE] = 0
        crypt(_work, self._init, src, dst)
        return at + size

    def _crypt(self, n: int, src, start: int, dst, at: int, size: int) -> None:
        """Makes the packet's key of Poly1305, and encrypts its first `size` bytes."""
        _work[_START] = start
        _work[_AT] = at
        _work[_SIZE] = size
        _work[_MODE] = FIRST
        if n <= U30_MAX:
            _work[_NONCE] = n
            _work[_NONCE + 1] = 0
        else:
            _work[_NONCE] = n & 0xFFFFFFFF
            _work[_NONCE + 1] = n >> 32
        crypt(_work, self._init, src, dst)


def _authenticate(ad, data, at: int, size: int, mode: int) -> int:
    """The tag of `ad` and data[at:at + size] stands behind these, or, with CHECK, 0 says that it
    stands there."""
    begin = BEGIN
    if ad:
        _absorb(len(ad), 0, BEGIN + MORE)
        authenticate(_work, ad)
        begin = 0
    _work[_ASSOCIATED] = len(ad)
    _absorb(size, at, begin + mode)
    return authenticate(_work, data)


def _absorb(size: int, at: int, mode: int) -> None:
    _work[_SIZE] = size
    _work[_MESSAGE] = at
    _work[_POLY_MODE] = mode
