"""The suites of this backend: kernels where they can run, portable code elsewhere.

A kernel cannot run where the port has no viper emitter, or no Thumb instructions (its source is
then a SyntaxError, its .mpy a ValueError), or where a board left it out (ImportError). Each is
asked for by itself.
"""

from dsoftbus.const import SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.suite import SHA256, Hash, KeyPair, Suite
from dsoftbus.errors import Unsupported

_CANNOT_RUN = (ImportError, SyntaxError, ValueError)


def suite(code: int = SUITE_CHACHA_SHA256) -> Suite:
    """The suite `code`. Raises Unsupported for one that this platform lacks."""
    if code == SUITE_CHACHA_SHA256:
        hash = SHA256
    elif code == SUITE_CHACHA_BLAKE2S:
        hash = Hash(b"BLAKE2s", _blake2s())
    else:
        raise Unsupported("suite %d" % code)
    return Suite(code, keypair, _cipher(), hash, _copy())


def keypair(secret) -> KeyPair:
    """The key pair of a 32-byte secret; making it costs a scalar multiplication, so keep it."""
    return KeyPair(secret, _exchange, b"\x09" + bytes(31))


# The kernel of each if it can run here, else its portable twin.


def _cipher():
    try:
        from dsoftbus_mpy.kernels.thumb_chachapoly import ChaChaPoly as Thumb

        return Thumb
    except _CANNOT_RUN:
        pass
    try:
        from dsoftbus_mpy.kernels.chachapoly import ChaChaPoly as Kernel

        return Kernel
    except _CANNOT_RUN:
        from dsoftbus.crypto.chachapoly import ChaChaPoly

        return ChaChaPoly


def _exchange(secret, public) -> bytes:
    """Asked for with each product, for the twin's memory is given back when no more is needed."""
    try:
        from dsoftbus_mpy.kernels.x25519 import exchange
    except _CANNOT_RUN:
        from dsoftbus.crypto.x25519 import exchange
    return exchange(secret, public)


def _blake2s():
    try:
        from dsoftbus_mpy.kernels.blake2s import digest
    except _CANNOT_RUN:
        from dsoftbus.crypto.blake2s import digest
    return digest


def _copy():
    try:
        from dsoftbus_mpy.kernels.copy import copy
    except _CANNOT_RUN:
        from dsoftbus.base.codec import copy
    return copy
