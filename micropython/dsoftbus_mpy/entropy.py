"""Cryptographic random bytes from the platform, or an error: never anything less."""

import os
import sys

from dsoftbus.errors import ENTROPY_UNAVAILABLE, LocalError, Unsupported

_CHECK_BYTES = 16  # two honest draws of 128 bits do not collide
# sys.platform where os.urandom is an operating system's. Everywhere else it is a register, or
# worse, and is conditioned (docs/security.md).
_SYSTEMS = ("linux", "darwin", "win32", "webassembly")

_conditioned = []  # the one generator of this board, once somebody has asked for it


def source(seed_path: str = "dsoftbus.seed", adc=None):
    """`random(n) -> bytes` of this platform, checked.

    On a board the first call gathers noise, keeps a seed at `seed_path`, and reads the channel
    `adc` of the converter (on ESP32: that pin) in place of the port's own. Raises Unsupported
    where no source of random bytes is found, LocalError(ENTROPY_UNAVAILABLE) where one fails.
    """
    if sys.platform in _SYSTEMS:
        return _system()
    if not _conditioned:
        from dsoftbus_mpy.noise_source.sources import generator  # an operating system does without

        _conditioned.append(generator(seed_path, adc))
    _conditioned[0].check()
    return _conditioned[0]


def _system():
    urandom = getattr(os, "urandom", None)
    if urandom is None:
        raise Unsupported("os.urandom")
    return checked(urandom)


def checked(urandom):
    """Wraps `urandom` so that it fails closed; a source that repeats itself is refused at once.

    This finds a source that is absent, short or stuck, not one that is merely predictable.
    """

    def random(n: int) -> bytes:
        try:
            draw = urandom(n)
        except OSError as error:
            raise LocalError(ENTROPY_UNAVAILABLE, str(error))
        if len(draw) != n:
            raise LocalError(ENTROPY_UNAVAILABLE, "short draw")
        return draw

    if random(_CHECK_BYTES) == random(_CHECK_BYTES):
        raise LocalError(ENTROPY_UNAVAILABLE, "two draws are the same")
    return random
