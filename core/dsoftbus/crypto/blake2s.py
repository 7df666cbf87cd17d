"""BLAKE2s (RFC 7693), 32-byte digests without a key: the portable twin of the kernel.

The working vector is four ints, one a row of four 32-bit words in 64-bit lanes, as in chachapoly:
one step then serves the four columns (or diagonals) of a round together.
"""

from struct import pack_into, unpack_from

if False:  # for types
    from dsoftbus.contracts import Data


BLOCK_LEN = 64
DIGEST_LEN = 32

# fmt: off
SIGMA = (
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    b"\x0e\x0a\x04\x08\x09\x0f\x0d\x06\x01\x0c\x00\x02\x0b\x07\x05\x03"
    b"\x0b\x08\x0c\x00\x05\x02\x0f\x0d\x0a\x0e\x03\x06\x07\x01\x09\x04"
    b"\x07\x09\x03\x01\x0d\x0c\x0b\x0e\x02\x06\x05\x0a\x04\x00\x0f\x08"
    b"\x09\x00\x05\x07\x02\x04\x0a\x0f\x0e\x01\x0b\x0c\x06\x08\x03\x0d"
    b"\x02\x0c\x06\x0a\x00\x0b\x08\x03\x04\x0d\x07\x05\x0f\x0e\x01\x09"
    b"\x0c\x05\x01\x0f\x0e\x0d\x04\x0a\x00\x07\x06\x03\x09\x02\x08\x0b"
    b"\x0d\x0b\x07\x0e\x0c\x01\x03\x09\x05\x00\x0f\x04\x08\x06\x02\x0a"
    b"\x06\x0f\x0e\x09\x0b\x03\x00\x08\x0c\x02\x0d\x07\x01\x04\x0a\x05"
    b"\x0a\x02\x08\x04\x07\x06\x01\x05\x0f\x0b\x09\x0e\x03\x0c\x0d\x00"
)
# fmt: on
_LOW32 = 0xFFFFFFFF
_WORDS = _LOW32 * (1 | 1 << 64 | 1 << 128 | 1 << 192)
_LANE1 = (1 << 64) - 1
_LANE2 = (1 << 128) - 1
_LANE3 = (1 << 192) - 1


def _row(a: int, b: int, c: int, d: int) -> int:
    return a | b << 64 | c << 128 | d << 192


_IV_LOW = _row(0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A)
_IV_HIGH = _row(0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_PARAMETERS = 0x01010000 | DIGEST_LEN  # fanout 1, depth 1, no key


def digest(data: "Data") -> bytes:
    """The 32-byte BLAKE2s of bytes-like `data`."""
    low = _IV_LOW ^ _PARAMETERS
    high = _IV_HIGH
    size = len(data)
    block = bytearray(BLOCK_LEN)
    at = 0
    while size - at > BLOCK_LEN:
        block[:] = data[at : at + BLOCK_LEN]
        at += BLOCK_LEN
        low, high = _compress(low, high, block, at, 0)
    block[:] = bytes(data[at:]) + bytes(BLOCK_LEN - (size - at))
    low, high = _compress(low, high, block, size, _LOW32)
    out = bytearray(DIGEST_LEN)
    for i in range(4):
        pack_into("<I", out, 4 * i, low >> 64 * i & _LOW32)
        pack_into("<I", out, 16 + 4 * i, high >> 64 * i & _LOW32)
    return bytes(out)


def _compress(low: int, high: int, block: "Data", count: int, final: int) -> tuple[int, int]:
    """One block into the chaining rows; `count` bytes so far, `final` all ones for the last."""
    m = unpack_from("<16I", block)
    a = low
    b = high
    c = _IV_LOW
    d = _IV_HIGH ^ _row(count & _LOW32, count >> 32, final, 0)
    for at in range(0, 160, 16):
        a, b, c, d = _quarter(a, b, c, d, _scheduled(m, at), _scheduled(m, at + 1))
        b = b >> 64 | (b & _LANE1) << 192
        c = c >> 128 | (c & _LANE2) << 128
        d = d >> 192 | (d & _LANE3) << 64
        a, b, c, d = _quarter(a, b, c, d, _scheduled(m, at + 8), _scheduled(m, at + 9))
        b = b >> 192 | (b & _LANE3) << 64
        c = c >> 128 | (c & _LANE2) << 128
        d = d >> 64 | (d & _LANE1) << 192
    return low ^ a ^ c, high ^ b ^ d


def _scheduled(m: tuple[int, ...], at: int) -> int:
    """A row of the message words that every other entry of the schedule from `at` names."""
    return _row(m[SIGMA[at]], m[SIGMA[at + 2]], m[SIGMA[at + 4]], m[SIGMA[at + 6]])


def _quarter(a: int, b: int, c: int, d: int, x: int, y: int) -> tuple[int, int, int, int]:
    """The mixing function G on all columns: rotations to the right by 16, 12, 8 and 7."""
    a = a + b + x & _WORDS
    d = (d ^ a) << 16
    d = (d | d >> 32) & _WORDS
    c = c + d & _WORDS
    b = (b ^ c) << 20
    b = (b | b >> 32) & _WORDS
    a = a + b + y & _WORDS
    d = (d ^ a) << 24
    d = (d | d >> 32) & _WORDS
    c = c + d & _WORDS
    b = (b ^ c) << 25
    b = (b | b >> 32) & _WORDS
    return a, b, c, d
