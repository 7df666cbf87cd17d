"""The replay window against a set that remembers everything."""

from dsoftbus.packet.replay import ReplayWindow
from support import Random


def check_against_a_set(size, reach, seed):
    window = ReplayWindow(size)
    random = Random(seed)
    seen = set()
    top = 0
    for _ in range(2000):
        number = max(0, top + random.below(2 * reach) - reach)
        if window.stale(number):
            assert number <= top - size + 8
            continue
        assert window.seen(number) == (number in seen), (seed, number, top)
        window.mark(number)
        seen.add(number)
        top = max(top, number)
        assert window.largest == top


def test_windows_of_all_sizes():
    for size in (16, 256, 2048):
        for reach in (3, size // 2, 3 * size):
            check_against_a_set(size, reach, size + reach)


def test_nothing_is_seen_at_first():
    window = ReplayWindow(16)
    assert not window.seen(0) and not window.stale(0) and window.largest == -1
    window.mark(0)
    assert window.seen(0)


def test_what_is_far_beneath_is_stale():
    window = ReplayWindow(16)
    window.mark(1000)
    assert window.stale(992) and not window.stale(993)
    assert not window.seen(993)


def test_numbers_stay_small_ints_to_the_last():
    window = ReplayWindow(256)
    window.mark(0x3FFFFFFF)
    assert window.seen(0x3FFFFFFF) and not window.seen(0x3FFFFFFE)
