"""The common part of the portable tests; it runs on every interpreter, so it uses the core's
subset."""

import hashlib
import json
import os
from binascii import hexlify

try:
    from unittest import SkipTest as Skip  # pytest reports it as a skip
except ImportError:

    class Skip(Exception):
        """Raised by a test, or at the top of its file, that this interpreter leaves out."""


from dsoftbus.errors import BusError


def _setting(name: str) -> str:
    getenv = getattr(os, "getenv", None)  # absent where there is no environment (WebAssembly)
    return (getenv and getenv(name)) or ""


WHOLE = bool(_setting("DSOFTBUS_WHOLE"))  # campaigns of which `make test` walks a sample


def vectors(name: str):
    """The published vectors in the JSON file `name`, or None where the files are not present.

    They lie in the folder that DSOFTBUS_VECTORS names, else in shared/vectors beside the project.
    """
    try:
        with open(_vectors_folder() + "/" + name) as file:
            return json.load(file)
    except OSError:
        return None


def _vectors_folder() -> str:
    here = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
    return _setting("DSOFTBUS_VECTORS") or here + "/../../../shared/vectors"


def raises(expected, call, *args) -> BusError:
    """Assert that `call(*args)` raises a BusError with this code (int) or label (str)."""
    try:
        call(*args)
    except BusError as error:
        seen = error.code if isinstance(expected, int) else error.label
        assert seen == expected, "expected %s, got %s" % (expected, error)
        return error
    raise AssertionError("expected %s, nothing was raised" % expected)


# Names that a terminal, a log or a person would take for something else: one of each kind.
NO_NAMES = (
    "a\x1b[8m",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\x00",
    "a\x7f",
    "a\x9bb",
    "a\x85",
    "a\xad",
    "\u202eabc",
    "a\u2066b",
    "a\u200fb",
    "a\u200bb",
    "a\u2028b",
    "a\u2029",
    "\ufeffa",
    "a\ue000",
    "a\uffff",
    "a\U000e0041",
    " a",
    "a ",
    "a\u3000",
    "\xa0a",
    " ",
)


class Random:
    """Deterministic bytes, the same on all interpreters: `Random(seed)(n)` is the `random(n)` that
    the core asks for. A 16-bit xorshift pair (period 2**32 - 1): every step fits a small int.
    """

    def __init__(self, seed: int):
        self._x = seed & 0xFFFF
        self._y = (seed >> 16 & 0xFFFF) ^ 0x9E37  # seed 0 must not be the all-zero fixed point
        if not self._x and not self._y:
            self._x = 1
        self(16)  # neighbouring seeds begin alike; they have parted by now

    def __call__(self, n: int) -> bytes:
        """The next `n` bytes."""
        x, y = self._x, self._y
        out = bytearray(n)
        for i in range(n):  # `bits16`, without a call for each byte
            t = x ^ (x << 5 & 0xFFFF)
            x = y
            y ^= y >> 1 ^ t ^ t >> 3
            out[i] = y & 0xFF
        self._x, self._y = x, y
        return bytes(out)

    def many(self, n: int) -> bytes:
        """Some `n` bytes, for what is long: a hash spreads a few of the next ones in less time."""
        block = hashlib.sha256(self(8)).digest()
        out = bytearray(block)
        while len(out) < n:
            block = hashlib.sha256(block).digest()
            out.extend(block)
        return bytes(out[:n])

    def below(self, limit: int) -> int:
        """An int in range(limit), for limits up to 65536; the bias is of no matter to a test."""
        return self.bits16() % limit

    def bits16(self) -> int:
        """The next 16 bits."""
        t = self._x ^ (self._x << 5 & 0xFFFF)
        self._x = self._y
        self._y ^= self._y >> 1 ^ t ^ t >> 3
        return self._y


def signed(body: str) -> str:
    """A trust store's text whose check is right, as one who may write the file can make it."""
    check = hexlify(hashlib.sha256(body.encode()).digest()[:8]).decode()
    return body + ',\n"check":"' + check + '"}\n'


def store_body(peers, rules) -> str:
    """A trust store's text with any values, laid out as a store writes it."""
    said = ",\n".join([json.dumps(peer, separators=(",", ":")) for peer in peers])
    rules = json.dumps(rules, separators=(",", ":"))
    return '{"dsoftbus-trust":1,\n"peers":[\n' + said + '\n],\n"rules":' + rules
