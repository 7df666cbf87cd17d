"""The kernels' machine code for a Cortex-M0: 32-bit words give what the portable twins give.

The unix port has 64-bit words, where a sum that leaves 32 bits does no harm. Here it would.
"""

import functools
import hashlib
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_checks import check_chachapoly, check_wycheproof_chachapoly
from draws import draws
from dsoftbus.crypto import blake2s, chachapoly, x25519
from portable import ROOT
from thumb import Assembled, Machine, load

KERNELS = ROOT / "micropython" / "dsoftbus_mpy" / "kernels"
P25519 = (1 << 255) - 19
P1305 = (1 << 130) - 5
LIMB = 0x1FFF
# Operations of dsoftbus_mpy.kernels.field25519, which CPython cannot import.
MULTIPLY, SQUARE, BOTH, TIMES_A24, TIMES_9, END = range(6)
OPERATIONS = {
    "MULTIPLY": MULTIPLY,
    "SQUARE": SQUARE,
    "BOTH": BOTH,
    "TIMES_A24": TIMES_A24,
    "TIMES_9": TIMES_9,
    "END": END,
}
ELEMENTS = 12
ROOM_WORDS = 80

full_or_any = st.one_of(st.binary(min_size=32, max_size=32), st.just(b"\xff" * 32))


def machines(name: str, counts: bool = False) -> list[Machine]:
    kind = Assembled if name.startswith("thumb") else Machine
    return [kind(code, counts) for code in load(KERNELS / f"{name}.py")]


CRYPT, SET_NONCE = machines("chacha20")
BEGIN, BLOCKS, PAD, FINISH, DIFFERS = machines("poly1305")
(RUN,) = machines("field25519")
UNPACK, PACK = machines("x25519")
(ABSORB,) = machines("blake2s")
(THUMB_RUN,) = machines("thumb_field25519")


def run_by_viper(memory: bytearray, program: bytes, scalar: bytes, bit: int) -> None:
    RUN.call(0, 0, memory, program, len(program) - 1, scalar, bit)


# Both of them run the programs of dsoftbus_mpy.kernels.x25519.
FIELDS = {"viper": run_by_viper, "thumb": THUMB_RUN.call}


@given(full_or_any, st.integers(0, 2**64 - 1), st.integers(0, 200), st.integers(0, 4))
def test_chacha20(key, n, size, offset):
    stream = bytes(chachapoly.ChaChaPoly(key)._blocks(n, 1, 4))
    init = bytearray(b"expand 32-byte k" + key + bytes(16))
    SET_NONCE.call(init, 1, n & 0xFFFFFFFF, n >> 32)
    out = bytearray(offset + size)
    CRYPT.call(bytearray(64), 0, init, bytes(offset + size), offset, out, offset, size)
    assert out[offset:] == stream[:size]
    assert init[48] == 1 + max(1, (size + 63) // 64)  # the counter, moved on


COUNTED = [0]  # instructions of the assembler's kernels


@functools.cache
def thumb_chachapoly(counts: bool = False) -> ModuleType:
    """dsoftbus_mpy.kernels.thumb_chachapoly, over kernels that the emulated processor runs."""
    (crypt,) = machines("thumb_chacha20", counts)
    (authenticate,) = machines("thumb_poly1305", counts)
    parts = {
        "thumb_chacha20": {"crypt": counted(crypt) if counts else crypt.call, "FIRST": 1},
        "thumb_poly1305": {
            "authenticate": counted(authenticate) if counts else authenticate.call,
            "BEGIN": 1,
            "MORE": 2,
            "CHECK": 4,
        },
    }
    with pytest.MonkeyPatch.context() as patch:
        for package in ("dsoftbus_mpy", "dsoftbus_mpy.kernels"):
            patch.setitem(sys.modules, package, ModuleType(package))
        for name, has in parts.items():
            module = ModuleType(name)
            vars(module).update(has)
            patch.setitem(sys.modules, f"dsoftbus_mpy.kernels.{name}", module)
        found = ModuleType("thumb_chachapoly")
        exec((KERNELS / "thumb_chachapoly.py").read_text(), vars(found))
    return found


def counted(machine: Machine) -> Callable[..., int]:
    def call(*args: object) -> int:
        result = machine.call(*args)
        COUNTED[0] += machine.instructions
        return result

    return call


def test_the_modes_are_the_kernels_own():
    for name, line in (
        ("thumb_chacha20", "FIRST = 1 "),
        ("thumb_poly1305", "BEGIN = 1 "),
        ("thumb_poly1305", "MORE = 2 "),
        ("thumb_poly1305", "CHECK = 4 "),
    ):
        assert f"\n{line}" in (KERNELS / f"{name}.py").read_text()


def test_thumb_chachapoly_by_published_vectors():
    check_chachapoly(thumb_chachapoly().ChaChaPoly)
    check_wycheproof_chachapoly(thumb_chachapoly().ChaChaPoly)


@given(
    full_or_any,
    st.integers(0, 2**64 - 1),
    st.one_of(st.just(b""), st.binary(max_size=40)),
    st.one_of(st.binary(max_size=300), st.just(b"\xff" * 160)),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_thumb_chachapoly_is_its_twin(key, n, ad, message, start, at):
    ours, theirs = thumb_chachapoly().ChaChaPoly(key), chachapoly.ChaChaPoly(key)
    size = len(message)
    src = bytes(start) + message + b"x"
    out, expected = bytearray(at + size + 18), bytearray(at + size + 18)
    stop = ours.seal(n, ad, src, start, start + size, out, at)
    assert stop == theirs.seal(n, ad, src, start, start + size, expected, at)
    assert out == expected
    back = bytearray(start + size)
    assert ours.open(n, ad, out, at, stop, back, start) == start + size
    assert back[start:] == message
    assert ours.open(n, ad, out, at, stop, out, at) == at + size  # in place
    assert out[at : at + size] == message


@given(st.binary(max_size=80), st.integers(0, 2**30), st.integers(0, 7))
def test_thumb_chachapoly_refuses_what_was_changed(message, where, bit):
    aead = thumb_chachapoly().ChaChaPoly(bytes(32))
    sealed = bytearray(len(message) + 16)
    aead.seal(3, b"ad", message, 0, len(message), sealed, 0)
    sealed[where % len(sealed)] ^= 1 << bit
    out = bytearray(len(message))
    assert aead.open(3, b"ad", sealed, 0, len(sealed), out, 0) == -1
    assert not any(out)


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


@pytest.mark.parametrize("field", FIELDS)
@given(a=elements, b=elements)
def test_field_operations(field, a, b):
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
        FIELDS[field](memory, operation + bytes((END,)), b"\0", 0)
        first = operation[1]
        for i, value in enumerate(expected):
            assert value_of(memory, first + i) % P25519 == value % P25519
            check_limbs(memory, first + i)


def check_limbs(memory: bytes, element: int) -> None:
    """Checks the limbs, on whose size the bounds of the products rely: 13 bits, and little more in
    the third limb."""
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
    """The programs of dsoftbus_mpy.kernels.x25519, from its source."""
    source = (KERNELS / "x25519.py").read_text()
    text = source[source.index("# fmt: off") : source.index("# fmt: on")]
    names: dict = dict(OPERATIONS)
    exec(text, names)
    return names


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=draws(10))  # six to eleven million instructions each
@given(secret=full_or_any, public=full_or_any)
def test_x25519(field, secret, public):
    table = programs()
    scalar = bytes(x25519._clamped(secret))
    memory = bytearray(80 * ELEMENTS + 4 * ROOM_WORDS)
    x1 = bytearray(80)
    UNPACK.call(x1, public)
    memory[320:400] = memory[80:160] = x1
    memory[0] = memory[240] = 1
    FIELDS[field](memory, table["_STEP"], scalar, 254)
    FIELDS[field](memory, table["_DIVIDE"], b"\0", 0)
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


def counts(name: str, function: int, calls: list[tuple]) -> set[int]:
    """Returns how many instructions each call took of this function of a module."""
    machine = machines(name, counts=True)[function]
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
    ladder = [(point, step, key, 40) for point in points for key in secrets]
    assert len(counts("thumb_field25519", 0, ladder)) == 1
    ladder = [(0, 0, point, step, len(step) - 1, key, 40) for point, step, key, _ in ladder]
    assert len(counts("field25519", 0, ladder)) == 1
    packing = [(bytearray(limbs(value)), bytearray(32)) for value in (0, P25519, 2**260 - 1)]
    assert len(counts("x25519", 1, packing)) == 1
    states = [bytearray(byte * 40 + bytes(56)) for byte in (b"\0", b"\x1f")]
    finishing = [(state, bytearray(16), 0) for state in states]
    assert len(counts("poly1305", 3, finishing)) == 1
    tags = [bytes(16), b"\1" + bytes(15), bytes(15) + b"\1", b"\xff" * 16]
    assert len(counts("poly1305", 4, [(tag, bytes(16), 0) for tag in tags])) == 1


def test_no_instruction_depends_on_what_a_packet_holds():
    """The same for the assembler's: messages, keys, and tags that are wrong anywhere."""
    fillings = [bytes(100), b"\xff" * 100, bytes(range(100))]
    of_kernels = thumb_chachapoly(counts=True)
    sealed = set()
    opened = set()
    for key in (bytes(32), b"\xff" * 32):
        for message in fillings:
            aead, out = of_kernels.ChaChaPoly(key), bytearray(116)
            sealed.add(instructions(aead.seal, 7, b"", message, 0, 100, out, 0))
            for wrong in (0, 99, 100, 115):
                bad = bytearray(out)
                bad[wrong] ^= 1
                opened.add(instructions(aead.open, 7, b"", bad, 0, 116, bytearray(100), 0))
    assert len(sealed) == len(opened) == 1


def instructions(call, *args) -> int:
    """Returns how many instructions the kernels took for one call of the AEAD."""
    before = COUNTED[0]
    call(*args)
    return COUNTED[0] - before
