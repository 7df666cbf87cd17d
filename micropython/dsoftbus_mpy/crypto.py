"""The suites of this backend: kernels where they can run, portable code elsewhere.

A kernel cannot run where the port has no viper emitter (its source is then a SyntaxError, its .mpy
a ValueError), or where a board left it out (ImportError). Each is asked for by itself.
"""

from dsoftbus.const import SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.suite import SHA256, Hash, KeyPair, Suite
from dsoftbus.errors import Unsupported


def suite(code: int = SUITE_CHACHA_SHA256) -> Suite:
    """The suite `code`. Raises Unsupported for one that this platform lacks."""
    if code == SUITE_CHACHA_SHA256:
        hash = SHA256
    elif code == SUITE_CHACHA_BLAKE2S:
        hash = Hash(b"BLAKE2s", _best("blake2s", "digest"))
    else:
        raise Unsupported("suite %d" % code)
    cipher = _best("chachapoly", "ChaChaPoly")
    copy = _kernel("dsoftbus_mpy.copy", "copy") or _load("dsoftbus.codec", "copy")
    return Suite(code, keypair, cipher, hash, copy)


def keypair(secret) -> KeyPair:
    """The key pair of a 32-byte secret; making it costs a scalar multiplication, so keep it."""
    exchange = _best("x25519", "exchange")
    return KeyPair(secret, exchange, b"\x09" + bytes(31))


def _best(module: str, name: str):
    """The kernel of that module and name if it can run here, else its portable twin."""
    return _kernel("dsoftbus_mpy." + module, name) or _load("dsoftbus.crypto." + module, name)


def _kernel(path: str, name: str):
    """`name` from the module at `path`, or None where that cannot run."""
    try:
        return _load(path, name)
    except (ImportError, SyntaxError, ValueError):
        return None


def _load(path: str, name: str):
    return getattr(__import__(path, None, None, (name,)), name)
