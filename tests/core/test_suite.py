"""The suite interface in portable code."""

from crypto_checks import check_chachapoly, check_x25519
from dsoftbus.const import SUITE_AESGCM_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto import provider, suite
from support import raises


def test_names_and_codes():
    assert provider.suite().code == SUITE_CHACHA_SHA256
    assert provider.suite().name == b"25519_ChaChaPoly_SHA256"
    assert provider.suite(SUITE_CHACHA_BLAKE2S).name == b"25519_ChaChaPoly_BLAKE2s"
    assert suite.NAMES[SUITE_AESGCM_SHA256] == b"25519_AESGCM_SHA256"


def test_its_functions():
    for code in (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S):
        made = provider.suite(code)
        check_chachapoly(made.cipher)
        assert (made.hash.hash_len, made.hash.block_len) == (32, 64)
        assert made.name.endswith(b"_" + made.hash.name)
        assert len(made.hash.hmac(b"key", b"data")) == len(made.hash.digest(b"")) == 32
    check_x25519(provider.suite().keypair)


def test_copy():
    buffer = bytearray(10)
    provider.suite().copy(buffer, 2, b"0123456789", 4, 5)
    assert buffer == b"\0\x0045678\0\0\0"


def test_what_portable_code_does_not_have():
    raises("local.unsupported", provider.suite, SUITE_AESGCM_SHA256)
    raises("local.unsupported", provider.suite, 99)
