"""The kernels' machine code for a Cortex-M0: 32-bit words give what the portable twins give.

The unix port has 64-bit words, where a sum that leaves 32 bits does no harm. Here it would.
"""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsoftbus.crypto import blake2s, chachapoly, x25519
from portable import ROOT
from thumb import Machine, load

KERNELS = ROOT / "micropython" / "dsoftbus_mpy"
P25519 = (1 << 255) - 19
P1305 = (1 << 130) - 5
LIMB = 0x1FFF
# Operations of dsoftbus_mpy.field, which CPython cannot import.
MULTIPLY, SQUARE, BOTH, TIMES_A24, TIMES_9 = range(5)
OPERATIONS = {
    "MULTIPLY": MULTIPLY,
    "SQUARE": SQUARE,
    "BOTH": BOTH,
    "TIMES_A24": TIMES_A24,
    "TIMES_9": TIMES_9,
}
ELEMENTS = 12
ROOM_WORDS = 80

full_or_any = st.one_of(st.binary(min_size=32, max_size=32), st.just(b"\xff" * 32))


def machines(name: str) -> list[Machine]:
    return [Machine(code) for code in load(KERNELS / f"{name}.py")]


CRYPT, SET_NONCE = machines("chacha20")
BEGIN, BLOCKS, PAD, FINISH, DIFFERS = machines("poly1305")
(RUN,) = machines("field")
UNPACK, PACK = machines("x25519")
(ABSORB,) = machines("blake2s")


@given(full_or_any, st.integers(0, 2**64 - 1), st.integers(0, 200), st.integers(0, 4))
def test_chacha20(key, n, size, offset):
    stream = bytes(chachapoly.ChaChaPoly(key)._blocks(n, 1, 4))
    init = bytearray(b"expand 32-byte k" + key + bytes(16))
    SET_NONCE.call(init, 1, n & 0xFFFFFFFF, n >> 32)
    out = bytearray(offset + size)
    CRYPT.call(bytearray(64), 0, init, bytes(offset + size), offset, out, offset, size)
    assert out[offset:] == stream[:size]
    assert init[48] == 1 + max(1, (size + 63) // 64)  # the counter, moved on


@given(full_or_any, st.one_of(st.binary(max_size=100), st.just(b"\xff" * 160)))
def test_poly1305(key, message):
    message = message[: len(message) // 16 * 16]
    state = bytearray(96)
    BEGIN.call(state, key)
    BLOCKS.call(0, 0, state, b"x" + message, 1, len(message) // 16, bytearray(16))
    tag = bytearray(16)
    FINISH.call(state, tag, 0)
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = chachapoly._absorb(0, r, message, 0, len(message))
    total += int.from_bytes(key[16:], "little")
    assert tag == (total % 2**128).to_bytes(16, "little")


@pytest.mark.parametrize("at", range(16))
def test_a_tag_that_differs_anywhere(at):
    tag = bytes(range(16))
    other = bytearray(b"xx" + tag)
    assert DIFFERS.call(tag, other, 2) == 0
    other[2 + at] ^= 0x80
    assert DIFFERS.call(tag, other, 2) != 0


def limbs(value: int) -> bytes:
    return b"".join((value >> 13 * i & LIMB).to_bytes(4, "little") for i in range(20))


def value_of(memory: bytes, element: int) -> int:
    words = memory[80 * element : 80 * element + 80]
    return sum(int.from_bytes(words[4 * i : 4 * i + 4], "little") << 13 * i for i in range(20))


elements = st.one_of(
    st.integers(0, 2**260 - 1), st.sampled_from([0, 1, P25519, 32 * P25519 - 1, 2**260 - 1])
)


@given(elements, elements)
def test_field_operations(a, b):
    """Limbs at their fullest too: 2**260 - 1 is twenty of 8191."""
    for operation, expected in (
        (bytes((MULTIPLY, 4, 5, 6)), [a * b]),
        (bytes((SQUARE, 4, 5, 1)), [a * a]),
        (bytes((SQUARE, 4, 5, 3)), [a**8]),
        (bytes((BOTH, 7, 5, 6)), [a + b, a - b]),
        (bytes((TIMES_A24, 4, 5, 6)), [121666 * a + b]),
        (bytes((TIMES_9, 4, 5, 6)), [9 * a + b]),
    ):
        memory = bytearray(80 * ELEMENTS + 4 * ROOM_WORDS)
        memory[400:560] = limbs(a) + limbs(b)
        RUN.call(0, 0, memory, operation, 4, b"\0", 0)
        first = operation[1]
        for i, value in enumerate(expected):
            assert value_of(memory, first + i) % P25519 == value % P25519
            check_limbs(memory, first + i)


def check_limbs(memory: bytes, element: int) -> None:
    """What the bounds of the products count on: 13 bits, and little more in the third limb."""
    words = memory[80 * element : 80 * element + 80]
    for i in range(20):
        limb = int.from_bytes(words[4 * i : 4 * i + 4], "little")
        assert limb <= LIMB + (2 if i in (1, 2) else 0)


@given(elements)
def test_packing(value):
    element = bytearray(limbs(value))
    out = bytearray(32)
    PACK.call(element, out)
    assert out == (value % P25519).to_bytes(32, "little")


def programs() -> dict[str, bytes]:
    """The programs of dsoftbus_mpy.x25519, from its source."""
    source = (KERNELS / "x25519.py").read_text()
    text = source[source.index("# fmt: off") : source.index("# fmt: on")]
    names = {
        name: i for i, name in enumerate(["MULTIPLY", "SQUARE", "BOTH", "TIMES_A24", "TIMES_9"])
    }
    exec(text, names)
    return names


@settings(max_examples=10)  # eleven million instructions each
@given(full_or_any, full_or_any)
def test_x25519(secret, public):
    table = programs()
    scalar = bytes(x25519._clamped(secret))
    memory = bytearray(80 * ELEMENTS + 4 * ROOM_WORDS)
    x1 = bytearray(80)
    UNPACK.call(x1, public)
    memory[320:400] = memory[80:160] = x1
    memory[0] = memory[240] = 1
    RUN.call(0, 0, memory, table["_STEP"], len(table["_STEP"]), scalar, 254)
    RUN.call(0, 0, memory, table["_DIVIDE"], len(table["_DIVIDE"]), b"\0", 0)
    out = bytearray(32)
    PACK.call(memory, out)
    assert out == x25519.exchange(secret, public)


@given(st.binary(max_size=200))
def test_blake2s(message):
    source = (KERNELS / "blake2s.py").read_text()
    names: dict[str, bytes] = {}
    exec(source[source.index("_IV = (") : source.index("_PARAMETERS")], names)
    iv = names["_IV"]
    h = bytearray(iv)
    for i, byte in enumerate((32, 0, 1, 1)):
        h[i] ^= byte
    ABSORB.call(bytearray(192), 0, h, iv, blake2s.SIGMA, message, len(message))
    assert h == hashlib.blake2s(message).digest()


def counts(machine: Machine, calls: list[tuple]) -> set[int]:
    """How many instructions each call took."""
    found = set()
    for args in calls:
        machine.call(*args)
        found.add(machine.instructions)
    return found


def test_no_instruction_depends_on_a_secret():
    """Keys, points and tags of all kinds take the same path: no branch looks at them."""
    secrets = [bytes(32), b"\xff" * 32, bytes(range(32)), b"\x55" * 32]
    step = programs()["_STEP"]
    room = 80 * (ELEMENTS - 1) + 4 * ROOM_WORDS
    points = [bytearray(limbs(value) + bytes(room)) for value in (0, 1, 2**260 - 1)]
    ladder = [(0, 0, point, step, len(step), key, 40) for point in points for key in secrets]
    assert len(counts(RUN, ladder)) == 1
    packing = [(bytearray(limbs(value)), bytearray(32)) for value in (0, P25519, 2**260 - 1)]
    assert len(counts(PACK, packing)) == 1
    states = [bytearray(byte * 40 + bytes(56)) for byte in (b"\0", b"\x1f")]
    assert len(counts(FINISH, [(state, bytearray(16), 0) for state in states])) == 1
    tags = [bytes(16), b"\1" + bytes(15), bytes(15) + b"\1", b"\xff" * 16]
    assert len(counts(DIFFERS, [(tag, bytes(16), 0) for tag in tags])) == 1
