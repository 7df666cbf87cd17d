"""ChaCha20-Poly1305 in portable code."""

from crypto_checks import check_aead_case, check_chachapoly, check_wycheproof_chachapoly, opens
from dsoftbus.crypto.chachapoly import ChaChaPoly


def test_rfc_8439():
    check_chachapoly(ChaChaPoly)


def test_wycheproof():
    check_wycheproof_chachapoly(ChaChaPoly)


def test_every_length_over_three_blocks_and_the_edge_of_a_batch():
    aead = ChaChaPoly(bytes(range(32)))
    plain = bytes([i * 7 & 0xFF for i in range(1100)])
    whole = sealed(aead, plain)
    for size in tuple(range(330)) + (959, 960, 961, 1023, 1024, 1025):
        part = sealed(aead, plain[:size])
        assert part[:size] == whole[:size]
        assert opens(aead, 5, b"ad", part)


def sealed(aead, plain: bytes) -> bytes:
    out = bytearray(len(plain) + 16)
    assert aead.seal(5, b"ad", plain, 0, len(plain), out, 0) == len(out)
    return bytes(out)


def test_views_and_the_largest_nonce():
    aead = ChaChaPoly(bytes(range(32)))
    top = (1 << 64) - 1
    buffer = bytearray(range(100))
    view = memoryview(buffer)
    assert aead.seal(top, view[:20], view, 20, 60, view, 20) == 76
    assert aead.open(top, view[:20], view, 20, 76, view, 20) == 60
    assert buffer[:60] == bytes(range(60))


def test_shorter_than_a_tag():
    aead = ChaChaPoly(bytes(32))
    assert aead.open(0, b"", bytes(40), 3, 18, bytearray(40), 0) == -1
    assert aead.open(0, b"", bytes(40), 3, 3, bytearray(40), 0) == -1


def test_an_empty_message():
    aead = ChaChaPoly(bytes(32))
    check_aead_case(aead, 0, b"", b"", sealed_empty(aead))


def sealed_empty(aead) -> bytes:
    out = bytearray(16)
    assert aead.seal(0, b"", b"", 0, 0, out, 0) == 16
    return bytes(out)
