"""Clock, entropy and profiles of the MicroPython backend."""

import os

from dsoftbus.const import HOST, SMALL, TINY
from dsoftbus.errors import ENTROPY_UNAVAILABLE, UNSUPPORTED
from dsoftbus_mpy import entropy, profiles
from dsoftbus_mpy.clock import clock
from support import Random, raises


def test_the_clock_begins_at_nought_and_never_goes_back():
    now = clock()
    last = now()
    assert 0 <= last < 1000
    for _ in range(1000):
        assert now() >= last
        last = now()


def test_entropy_is_what_was_asked_for():
    if not hasattr(os, "urandom"):
        return raises(UNSUPPORTED, entropy.source)
    random = entropy.source()
    for n in (0, 1, 32, 100):
        assert len(random(n)) == n
    assert random(32) != random(32)
    return None


def test_entropy_fails_closed():
    def broken(n):
        raise OSError(5)

    raises(ENTROPY_UNAVAILABLE, entropy.checked, lambda n: bytes(n))  # stuck
    raises(ENTROPY_UNAVAILABLE, entropy.checked, lambda n: b"")  # empty
    raises(ENTROPY_UNAVAILABLE, entropy.checked, lambda n: b"12"[:n])  # short
    raises(ENTROPY_UNAVAILABLE, entropy.checked, broken)


def test_entropy_that_fails_later_fails_closed_too():
    healthy = Random(1)
    limit = [2]

    def tiring(n):
        limit[0] -= 1
        return healthy(n) if limit[0] >= 0 else b""

    raises(ENTROPY_UNAVAILABLE, entropy.checked(tiring), 32)


def limits_of(profile) -> list:
    return sorted([name for name in dir(profile) if name[0] != "_"])


def test_a_profile_fits_its_memory():
    for free_kib, profile in ((40, TINY), (200, SMALL), (1900, profiles.ROOMY), (65536, HOST)):
        assert profiles.fitting(free_kib * 1024) is profile
        assert limits_of(profile) == limits_of(SMALL)
    for profile in (TINY, SMALL, profiles.ROOMY):
        assert profile.record_bytes + 2 <= profile.receive_bytes
        assert profile.stream_credit * profile.streams <= profile.session_credit
        assert profile.max_message <= profile.stream_credit // 2 - 4
        parts = 2 * profile.streams * (profile.max_message + 4)
        assert profile.session_credit >= parts + 2 * profile.frame_payload
