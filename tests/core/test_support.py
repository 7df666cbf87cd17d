"""The portable helpers: the same bytes on every interpreter, and assertions that can fail."""

from binascii import hexlify

import dsoftbus
from dsoftbus.errors import OVERSIZE, STALE_REPLY, PeerError
from support import Random, raises


def fails(call, *args) -> bool:
    try:
        call(*args)
    except AssertionError:
        return True
    return False


def reject():
    raise PeerError(OVERSIZE)


def test_random_gives_these_bytes_everywhere():
    assert hexlify(Random(1)(16)) == b"9645fb1f7804d10d441eadfe8dd2738a"
    assert hexlify(Random(0xFFFFFFFF)(16)) == b"67c7b369d45e2fb55942151db0a2d561"


def test_random_differs_by_seed_and_goes_on():
    random = Random(7)
    first = random(64)
    assert first != random(64)
    assert first == Random(7)(64)
    assert first != Random(8)(64)


def test_random_has_no_dead_seed():
    for seed in (0, 0x9E370000, 0xFFFF, 1 << 40):
        assert len(set(Random(seed)(64))) > 40


def test_random_below_stays_below():
    random = Random(3)
    seen = [random.below(5) for _ in range(200)]
    assert sorted(set(seen)) == [0, 1, 2, 3, 4]


def test_raises_fails_without_an_error_and_with_another():
    assert fails(raises, OVERSIZE, len, b"")
    assert fails(raises, STALE_REPLY, reject)
    assert fails(raises, "core.reject.malformed_message", reject)
    assert raises(OVERSIZE, reject).code == OVERSIZE


def test_public_names_load_at_first_use():
    assert dsoftbus.PeerError is PeerError
    from dsoftbus import LocalError, errors

    assert LocalError is errors.LocalError


def test_an_unknown_public_name_is_an_attribute_error():
    assert not hasattr(dsoftbus, "no_such_name")
