"""BLAKE2s in portable code: RFC 7693 appendix B, the empty message, and block edges."""

from binascii import unhexlify

from dsoftbus.crypto import blake2s

ABC = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
EMPTY = "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"
# The digest of the digests of messages 0, 1, 2 ... of each length below 260, by OpenSSL.
ALL_LENGTHS = "9dd62442195f0b49bcf0c3fe09756f5f07581c9e39762a7a6ac27cc9adaf89a6"


def test_rfc_7693():
    assert blake2s.digest(b"abc") == unhexlify(ABC)
    assert blake2s.digest(b"") == unhexlify(EMPTY)


def test_every_length_over_four_blocks():
    message = bytes([i & 0xFF for i in range(260)])
    digests = b"".join([blake2s.digest(message[:size]) for size in range(260)])
    assert blake2s.digest(digests) == unhexlify(ALL_LENGTHS)


def test_views():
    assert blake2s.digest(memoryview(bytearray(b"xabc"))[1:]) == unhexlify(ABC)
