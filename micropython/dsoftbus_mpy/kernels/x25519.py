"""X25519 (RFC 7748) over the field kernel; portable twin: dsoftbus.crypto.x25519."""

import micropython
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_mpy.kernels.field25519 import (
    BOTH,
    ELEMENTS,
    END,
    MULTIPLY,
    ROOM,
    SQUARE,
    TIMES_9,
    TIMES_A24,
)

# Elements by number: x2 0, x3 1, z2 2, z3 3, x1 4, temporaries 5 to 10, and 11 for zero.
# RFC 7748 section 5, with A, B, C, D, AA, BB, DA, CB and E as they are named there.
# fmt: off
_SHARED = bytes((
    BOTH, 5, 0, 2,       # A, B
    BOTH, 7, 1, 3,       # C, D
    MULTIPLY, 8, 8, 5,   # DA
    MULTIPLY, 7, 7, 6,   # CB
    SQUARE, 5, 5, 1,     # AA
    SQUARE, 6, 6, 1,     # BB
    BOTH, 9, 8, 7,       # DA + CB, DA - CB
    SQUARE, 1, 9, 1,     # x3
    SQUARE, 10, 10, 1,   # (DA - CB) ** 2
    MULTIPLY, 0, 5, 6,   # x2 = AA * BB
    BOTH, 8, 5, 6,       # E, in 9
    TIMES_A24, 8, 9, 6,  # BB + 121666 * E, which is AA + 121665 * E
    MULTIPLY, 2, 9, 8,   # z2
))
_STEP = _SHARED + bytes((MULTIPLY, 3, 10, 4, END))  # z3
_STEP_OF_BASE = _SHARED + bytes((TIMES_9, 3, 10, 11, END))  # the same where x1 is 9
# x2 / z2 by z2 ** (p - 2), as in dsoftbus.crypto.x25519.invert; "k" is z2 ** (2 ** k - 1).
_DIVIDE = bytes((
    SQUARE, 5, 2, 1,
    SQUARE, 6, 5, 2, MULTIPLY, 6, 6, 2,    # z2 ** 9
    MULTIPLY, 7, 6, 5,                     # z2 ** 11
    SQUARE, 8, 7, 1, MULTIPLY, 6, 8, 6,    # 5
    SQUARE, 8, 6, 5, MULTIPLY, 6, 8, 6,    # 10
    SQUARE, 8, 6, 10, MULTIPLY, 8, 8, 6,   # 20
    SQUARE, 9, 8, 20, MULTIPLY, 8, 9, 8,   # 40
    SQUARE, 8, 8, 10, MULTIPLY, 6, 8, 6,   # 50
    SQUARE, 8, 6, 50, MULTIPLY, 8, 8, 6,   # 100
    SQUARE, 9, 8, 100, MULTIPLY, 8, 9, 8,  # 200
    SQUARE, 8, 8, 50, MULTIPLY, 6, 8, 6,   # 250
    SQUARE, 6, 6, 5, MULTIPLY, 6, 6, 7,    # p - 2
    MULTIPLY, 0, 0, 6, END,
))
# fmt: on
BASE = b"\x09" + bytes(31)
_ZERO_BIT = b"\x00"


def _machine():
    """Returns the function that runs the programs: in Thumb instructions where these can run, else
    viper's."""
    try:
        from dsoftbus_mpy.kernels.thumb_field25519 import run
    except (ImportError, SyntaxError, ValueError):
        from dsoftbus_mpy.kernels.field25519 import run
    return run


_run = _machine()


def exchange(secret, public) -> bytes:
    """The shared secret (32 bytes) of 32-byte keys; all zeros for a point of low order.

    The top bit of `public` is ignored and values of p and above are accepted (RFC 7748 section 5).
    """
    if len(secret) != 32 or len(public) != 32:
        raise LocalError(BAD_ARGUMENT, "a key has 32 bytes")
    scalar = bytearray(secret)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    memory = bytearray(4 * (20 * ELEMENTS + ROOM))  # one piece: there may be no two of this size
    x1 = memoryview(memory)[320:]
    unpack(x1, public)
    memory[80:160] = memory[320:400]
    memory[0] = memory[240] = 1
    step = _STEP_OF_BASE if public == BASE else _STEP
    _run(memory, step, scalar, 254)
    _run(memory, _DIVIDE, _ZERO_BIT, 0)
    out = bytearray(32)
    pack(memory, out)
    return bytes(out)


@micropython.viper
def unpack(element: ptr32, data: ptr8):
    """An element from 32 bytes, little-endian; the top bit is ignored."""
    bits = 0
    have = 0
    at = 0
    i = 0
    while i < 20:
        while have < 13:
            if at < 32:
                bits |= data[at] << have
            have += 8
            at += 1
        element[i] = bits & 0x1FFF
        bits >>= 13
        have -= 13
        i += 1
    element[19] = element[19] & 0xFF


@micropython.viper
def pack(element: ptr32, data: ptr8):
    """32 bytes, little-endian, from an element, which is reduced modulo p on the way."""
    turn = 0
    carry = 0
    while turn < 3:
        if turn == 2:  # below 2**255 by now: adding 19 reaches that exactly from p on
            carry = 19
            i = 0
            while i < 19:
                carry = (carry + element[i]) >> 13
                i += 1
            carry = (carry + element[19]) >> 8
        else:
            carry = element[19] >> 8
            element[19] = element[19] & 0xFF
        carry *= 19
        i = 0
        while i < 20:
            carry += element[i]
            element[i] = carry & 0x1FFF
            carry >>= 13
            i += 1
        turn += 1
    element[19] = element[19] & 0xFF
    bits = 0
    have = 0
    at = 0
    i = 0
    while at < 32:
        while have < 8:
            if i < 20:
                bits |= element[i] << have
            have += 13
            i += 1
        data[at] = bits
        bits >>= 8
        have -= 8
        at += 1
