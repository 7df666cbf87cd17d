"""The provider that runs everywhere: suites in portable code."""

from dsoftbus.base.codec import copy
from dsoftbus.const import SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.chachapoly import ChaChaPoly
from dsoftbus.crypto.suite import SHA256, Hash, KeyPair, Suite
from dsoftbus.crypto.x25519 import BASE, exchange
from dsoftbus.errors import Unsupported

if False:  # for types
    from dsoftbus.contracts import Data


def suite(code: int = SUITE_CHACHA_SHA256) -> Suite:
    """The suite `code` in portable code. Raises Unsupported for AES-GCM and unknown codes."""
    if code == SUITE_CHACHA_SHA256:
        return Suite(code, keypair, ChaChaPoly, SHA256, copy)
    if code == SUITE_CHACHA_BLAKE2S:
        from dsoftbus.crypto.blake2s import digest

        return Suite(code, keypair, ChaChaPoly, Hash(b"BLAKE2s", digest), copy)
    raise Unsupported("portable suite %d" % code)


def keypair(secret: "Data") -> KeyPair:
    """The portable key pair of a 32-byte secret."""
    return KeyPair(secret, exchange, BASE)
