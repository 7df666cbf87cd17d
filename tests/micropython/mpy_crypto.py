"""The suites of the MicroPython backend, with kernels or, where none can run, without."""

import sys
from binascii import unhexlify

from crypto_checks import check_chachapoly, check_x25519
from dsoftbus.base import codec
from dsoftbus.const import SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus_mpy import crypto
from support import raises

CODES = (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S)


def test_functions():
    for code in CODES:
        suite = crypto.suite(code)
        assert suite.code == code
        check_chachapoly(suite.cipher)
        assert len(suite.hash.hmac(b"key", b"data")) == 32
    check_x25519(crypto.suite().keypair)


def test_blake2s():
    digest = crypto.suite(SUITE_CHACHA_BLAKE2S).hash.digest
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert digest(b"abc") == unhexlify(expected)


def test_copy():
    buffer = bytearray(10)
    crypto.suite().copy(buffer, 2, b"0123456789", 4, 5)
    assert buffer == b"\0\x0045678\0\0\0"


def test_what_it_does_not_have():
    raises("local.unsupported", crypto.suite, 99)


def test_a_kernel_that_is_not_there_leaves_its_twin():
    crypto.suite()
    name = "dsoftbus_mpy.kernels.copy"
    loaded = sys.modules.get(name)
    sys.modules[name] = sys  # which has no such name
    try:
        assert crypto.suite().copy is codec.copy
    finally:
        del sys.modules[name]
        if loaded:
            sys.modules[name] = loaded
