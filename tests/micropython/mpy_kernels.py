"""The viper kernels, where there is a viper emitter: published vectors and no allocation."""

from crypto_checks import check_chachapoly, check_wycheproof_chachapoly
from support import Random, Skip

try:
    from dsoftbus_mpy.chachapoly import ChaChaPoly
except (SyntaxError, ValueError) as error:
    raise Skip("no viper emitter: %r" % error)

from dsoftbus.crypto import chachapoly as portable


def test_chachapoly_rfc_8439():
    check_chachapoly(ChaChaPoly)


def test_chachapoly_wycheproof():
    check_wycheproof_chachapoly(ChaChaPoly)


def test_chachapoly_is_its_portable_twin():
    random = Random(8439)
    sizes = list(range(0, 130)) + [random.below(1500) for _ in range(100)]
    for size in sizes:
        key = random(32)
        ad = random(random.below(40))
        n = int.from_bytes(random(8), "little")
        start = random.below(8)
        plain = random(start + size)
        ours = bytearray(size + 24)
        theirs = bytearray(size + 24)
        at = random.below(8)
        stop = portable.ChaChaPoly(key).seal(n, ad, plain, start, start + size, theirs, at)
        assert ChaChaPoly(key).seal(n, ad, plain, start, start + size, ours, at) == stop
        assert ours == theirs, size
        assert ChaChaPoly(key).open(n, ad, ours, at, stop, ours, at) == at + size
        assert ours[at : at + size] == plain[start:]
