"""The suite of this interpreter's backend: OpenSSL's, kernels, or where neither is, portable."""

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.crypto.suite import KeyPair, Suite

try:
    from dsoftbus_host.crypto import suite
except ImportError:
    try:
        from dsoftbus_mpy.crypto import suite
    except ImportError:
        from dsoftbus.crypto.provider import suite

_BASE = b"\x09" + bytes(31)
_MOST = 2048  # products; a soak has ever new keys


class Products:
    """The scalar products of `keypair`, each made once: tests of sessions have the same seeds, and
    so the same keys, over and over. One that is known takes memory like any other."""

    def __init__(self, keypair):
        self._make = keypair
        self._known = {}

    def keypair(self, secret) -> KeyPair:
        return KeyPair(secret, self._multiply, _BASE)

    def _multiply(self, secret, point) -> bytes:
        both = secret + bytes(point)
        known = self._known.get(both)
        if known is None:
            pair = self._pair(secret)
            known = pair.public if point == _BASE else pair.exchange(point)
            self._known[both] = known
        return known

    def _pair(self, secret):
        pair = self._known.get(secret)
        if pair is None:
            if len(self._known) > _MOST:
                self._known.clear()
            pair = self._known[secret] = self._make(secret)
        return pair


def remembering(made: Suite) -> Suite:
    """Returns a suite like `made` that makes no scalar product twice."""
    return Suite(made.code, Products(made.keypair).keypair, made.cipher, made.hash, made.copy)


SUITE = remembering(suite(SUITE_CHACHA_SHA256))
