"""X25519 (RFC 7748) on big integers: the portable twin of every other implementation.

Field elements are ints modulo p = 2**255 - 19, reduced lazily: a product is folded once
(2**256 = 38 mod p) into less than 2**263, sums and differences are not reduced at all, and the one
full reduction happens when the result is encoded. The ladder has no branch and no arithmetic that
depends on a key bit, only which of two list entries is read; docs/security.md says what that is
worth on big integers.
"""

if False:  # for types
    from dsoftbus.contracts import Data


_P = (1 << 255) - 19
_LOW = (1 << 256) - 1
# A multiple of p above every value that is ever subtracted, so that no difference is negative.
_LIFT = _P << 10
_A24 = 121666  # (486662 + 2) / 4: RFC 7748 writes 121665 and AA where this writes BB
BASE = b"\x09" + bytes(31)


def fold(x: int) -> int:
    """`x` modulo p up to a multiple: at most 38 * (x >> 256) above 256 bits."""
    return (x & _LOW) + 38 * (x >> 256)


def invert(z: int) -> int:
    """z**(p - 2), the inverse of `z`, or 0 for 0: 254 squarings and 11 products."""
    z2 = fold(z * z)
    z9 = fold(_square(z2, 2) * z)
    z11 = fold(z9 * z2)
    x5 = fold(fold(z11 * z11) * z9)  # x5 is z**(2**5 - 1), and so on
    x10 = fold(_square(x5, 5) * x5)
    x20 = fold(_square(x10, 10) * x10)
    x40 = fold(_square(x20, 20) * x20)
    x50 = fold(_square(x40, 10) * x10)
    x100 = fold(_square(x50, 50) * x50)
    x200 = fold(_square(x100, 100) * x100)
    x250 = fold(_square(x200, 50) * x50)
    return fold(_square(x250, 5) * z11)


def _square(x: int, times: int) -> int:
    for _ in range(times):
        x = fold(fold(x * x))
    return x


def _clamped(secret: "Data") -> bytearray:
    scalar = bytearray(secret)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    return scalar


def exchange(secret: "Data", public: "Data") -> bytes:
    """The shared secret (32 bytes) of 32-byte keys; all zeros for a point of low order.

    The top bit of `public` is ignored and values of p and above are accepted (RFC 7748 section 5).
    """
    point = int.from_bytes(public, "little") & (1 << 255) - 1
    x, z = ladder(_clamped(secret), point)
    return (fold(x * invert(z)) % _P).to_bytes(32, "little")


def ladder(scalar: "Data", x1: int) -> tuple[int, int]:
    """(x, z) of `scalar` (little-endian bytes, clamped) times the point x1, in projective form.

    Entries 0 and 1 are the two running points, one base point apart. Each step doubles the one
    that the key bit names and puts their sum into the other, so that nothing is ever swapped.
    """
    xs = [1, x1]
    zs = [0, 1]
    for place in range(254, -1, -1):
        bit = scalar[place >> 3] >> (place & 7) & 1
        x = xs[bit]
        z = zs[bit]
        plus = x + z
        minus = x - z + _LIFT
        x = xs[1 - bit]
        z = zs[1 - bit]
        da = fold((x - z + _LIFT) * plus)
        cb = fold((x + z) * minus)
        aa = fold(plus * plus)
        bb = fold(minus * minus)
        x = da + cb
        z = da - cb + _LIFT
        xs[1 - bit] = fold(fold(x * x))
        zs[1 - bit] = fold(fold(fold(z * z) * x1))
        x = aa - bb + _LIFT
        xs[bit] = fold(fold(aa * bb))
        zs[bit] = fold(fold(x * (bb + _A24 * x)))
    return xs[0], zs[0]
