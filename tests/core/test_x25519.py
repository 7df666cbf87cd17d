"""X25519 in portable code."""

from crypto_checks import check_wycheproof_x25519, check_x25519
from dsoftbus.crypto import x25519
from dsoftbus.crypto.provider import keypair


def test_rfc_7748():
    check_x25519(keypair)


def test_wycheproof():
    check_wycheproof_x25519(exchange_only)


def exchange_only(secret):
    """A key pair without its public key, which costs as much again."""
    return _Exchange(secret)


class _Exchange:
    def __init__(self, secret):
        self._secret = secret

    def exchange(self, public) -> bytes:
        return x25519.exchange(self._secret, public)


def test_the_arguments_are_left_alone():
    secret = bytearray(b"\xff" * 32)
    public = bytearray(b"\xff" * 32)
    x25519.exchange(secret, public)
    assert secret == public == b"\xff" * 32


def test_inverse():
    for z in (1, 2, 3, (1 << 255) - 20, 0x1234567 << 200):
        assert x25519.invert(z) * z % ((1 << 255) - 19) == 1
    assert x25519.invert(0) == 0
