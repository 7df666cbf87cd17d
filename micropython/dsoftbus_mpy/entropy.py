"""Cryptographic random bytes from the platform, or an error: never anything less."""

import os

from dsoftbus.errors import ENTROPY_UNAVAILABLE, LocalError, Unsupported

_CHECK_BYTES = 16  # two honest draws of 128 bits do not collide


def source(seed_path: str = "dsoftbus.seed", adc=None):
    """`random(n) -> bytes` of this platform, checked.

    Raises Unsupported where there is no os.urandom, LocalError(ENTROPY_UNAVAILABLE) where it
    fails its checks.
    """
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
