"""The viper kernels, where there is a viper emitter: published vectors, twins, no allocation."""

import gc

import micropython
from crypto_checks import (
    check_chachapoly,
    check_wycheproof_chachapoly,
    check_wycheproof_x25519,
    check_x25519,
)
from support import Random, Skip, raises

try:
    from dsoftbus_mpy.kernels import blake2s, copy, x25519
    from dsoftbus_mpy.kernels.chachapoly import ChaChaPoly
except (SyntaxError, ValueError) as error:
    raise Skip("no viper emitter: %r" % error)

from dsoftbus.crypto import blake2s as portable_blake2s
from dsoftbus.crypto import chachapoly as portable_chachapoly
from dsoftbus.crypto import x25519 as portable_x25519
from dsoftbus_mpy import crypto

P = (1 << 255) - 19


def test_the_suite_is_made_of_them():
    suite = crypto.suite()
    assert suite.cipher is ChaChaPoly
    assert suite.copy is copy.copy
    assert crypto.suite(2).hash.digest is blake2s.digest


def test_chachapoly_rfc_8439():
    check_chachapoly(ChaChaPoly)


def test_chachapoly_wycheproof():
    check_wycheproof_chachapoly(ChaChaPoly)


def test_chachapoly_is_its_twin():
    random = Random(8439)
    sizes = list(range(130)) + [random.below(1500) for _ in range(100)]
    for size in sizes:
        key = random(32)
        ad = random(random.below(40))
        n = int.from_bytes(random(8), "little")
        start = random.below(8)
        at = random.below(8)
        plain = random(start + size)
        ours = bytearray(size + 24)
        theirs = bytearray(size + 24)
        twin = portable_chachapoly.ChaChaPoly(key)
        stop = twin.seal(n, ad, plain, start, start + size, theirs, at)
        assert ChaChaPoly(key).seal(n, ad, plain, start, start + size, ours, at) == stop
        assert ours == theirs, size
        assert ChaChaPoly(key).open(n, ad, ours, at, stop, ours, at) == at + size
        assert ours[at : at + size] == plain[start:]


def test_poly1305_at_the_top_of_its_sums():
    """Every limb of r, h and the message at its largest: the columns that nearly fill 32 bits."""
    from dsoftbus_mpy.kernels import poly1305

    message = b"\xff" * 320
    for r in (b"\xff" * 16, b"\x03" + bytes(15), bytes(16)):
        for s in (b"\xff" * 16, bytes(16)):
            key = r + s
            for n in range(21):
                state = bytearray(96)
                tag = bytearray(16)
                poly1305.begin(state, key)
                poly1305.blocks(0, 0, state, message, 0, n, bytearray(16))
                poly1305.finish(state, tag, 0)
                assert tag == poly1305_by_definition(key, message[: 16 * n]), (key, n)


def poly1305_by_definition(key: bytes, message: bytes) -> bytes:
    """RFC 8439 section 2.5.1, for whole blocks."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    h = 0
    for at in range(0, len(message), 16):
        block = int.from_bytes(message[at : at + 16], "little")
        h = (h + block + (1 << 128)) * r % ((1 << 130) - 5)
    total = h + int.from_bytes(key[16:], "little") & (1 << 128) - 1
    return total.to_bytes(16, "little")


def test_poly1305_ends_around_p():
    """h of p - 1, p and p + 4, which the last reduction must tell apart; set, then finished."""
    from dsoftbus_mpy.kernels import poly1305

    p = (1 << 130) - 5
    for h in (0, 1, 4, 5, p - 1, p, p + 1, p + 4, p + 5):
        state = bytearray(96)
        for i in range(10):
            limb = h >> 13 * i & 0x1FFF if i < 9 else h >> 117
            state[4 * i : 4 * i + 4] = limb.to_bytes(4, "little")
        tag = bytearray(16)
        poly1305.finish(state, tag, 0)
        assert int.from_bytes(tag, "little") == h % p & (1 << 128) - 1, h


def test_x25519_rfc_7748():
    check_x25519(crypto.keypair)


def test_x25519_wycheproof():
    class Key:
        def __init__(self, secret):
            self._secret = secret

        def exchange(self, public):
            return x25519.exchange(self._secret, public)

    check_wycheproof_x25519(Key)


def test_x25519_rfc_7748_thousand_times():
    key = point = x25519.BASE
    for _ in range(1000):
        key, point = x25519.exchange(key, point), key
    assert key.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


def test_x25519_is_its_twin():
    random = Random(7748)
    for _ in range(100):
        secret = random(32)
        public = random(32)
        expected = portable_x25519.exchange(secret, public)
        assert x25519.exchange(secret, public) == expected, (secret, public)


def test_x25519_packs_every_residue():
    """Elements around 0, p and 2**260, in limbs that are full, are encoded below p."""
    from array import array

    for value in (0, 1, 18, 19, P - 1, P, P + 1, 2 * P - 1, 2 * P, 1 << 255, (1 << 260) - 1):
        element = array("I", [value >> 13 * i & 0x1FFF for i in range(20)])
        out = bytearray(32)
        x25519.pack(element, out)
        assert int.from_bytes(out, "little") == value % P, value


def test_blake2s_is_its_twin():
    random = Random(7693)
    for size in list(range(200)) + [random.below(1000) for _ in range(20)]:
        message = random(size)
        assert blake2s.digest(message) == portable_blake2s.digest(message), size


def test_copy():
    random = Random(1)
    for _ in range(300):
        at, start, n = random.below(40), random.below(40), random.below(60)
        ours = bytearray(random(100))
        expected = bytearray(ours)
        expected[at : at + n] = bytes(ours[start : start + n])
        copy.copy(ours, at, ours, start, n)
        assert ours == expected, (at, start, n)


def test_ranges_outside_a_buffer_are_refused():
    aead = ChaChaPoly(bytes(32))
    room = bytearray(40)
    for start, end, at in ((0, 41, 0), (-1, 4, 0), (5, 4, 0), (0, 25, 0), (0, 8, 17), (0, 8, -1)):
        raises("local.bad_argument", aead.seal, 0, b"", room, start, end, room, at)
    for start, end, at in ((0, 41, 0), (-1, 30, 0), (0, 40, 17), (0, 40, -1)):
        raises("local.bad_argument", aead.open, 0, b"", room, start, end, room, at)
    raises("local.bad_argument", ChaChaPoly, bytes(31))
    raises("local.bad_argument", x25519.exchange, bytes(31), bytes(32))
    raises("local.bad_argument", x25519.exchange, bytes(32), bytes(33))
    for at, start, n in ((39, 0, 2), (0, 39, 2), (-1, 0, 2), (0, -1, 2), (0, 0, -1)):
        try:
            copy.copy(room, at, room, start, n)
        except ValueError:
            continue
        raise AssertionError((at, start, n))


def test_nothing_is_allocated_for_a_packet():
    aead = ChaChaPoly(bytes(32))
    packet = bytearray(500)
    plain = bytearray(500)
    for size in (0, 1, 16, 33, 400):
        packet_round(aead, packet, plain, size)  # once unlocked: the first call may intern names
        gc.collect()
        micropython.heap_lock()
        try:
            packet_round(aead, packet, plain, size)
        finally:
            micropython.heap_unlock()


def packet_round(aead, packet: bytearray, plain: bytearray, size: int) -> None:
    """Copies, seals in place, opens to another buffer, and refuses a damaged packet."""
    copy.copy(packet, 3, plain, 0, size)
    stop = aead.seal(1 << 29, packet, packet, 3, 3 + size, packet, 3)
    if aead.open(1 << 29, packet, packet, 3, stop, plain, 5) >= 0:
        raise AssertionError("the associated data has changed")
    stop = aead.seal(1 << 29, b"ad", packet, 3, 3 + size, packet, 3)
    if aead.open(1 << 29, b"ad", packet, 3, stop, plain, 5) != 5 + size:
        raise AssertionError("not opened")
