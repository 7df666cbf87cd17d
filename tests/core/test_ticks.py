"""Time: wrapping hardware ticks become ints that never do."""

from dsoftbus.base.ticks import Ticks, earliest
from support import Random


class Counter:
    """Hardware that counts in `period` steps and wraps."""

    def __init__(self, start: int, period: int):
        self.true = start
        self._period = period

    def read(self) -> int:
        return self.true % self._period


def test_time_begins_at_zero_wherever_the_hardware_stands():
    for start in (0, 5, (1 << 30) - 1):
        counter = Counter(start, 1 << 30)
        assert Ticks(counter.read).now() == 0


def test_time_never_goes_back_over_many_wraps():
    for bits in (8, 16, 30):
        period = 1 << bits
        counter = Counter(period - 3, period)
        ticks = Ticks(counter.read, period)
        start = counter.true
        random = Random(bits)
        for _ in range(500):
            step = random.below(min(period, 65536))
            counter.true += step
            assert ticks.now() == counter.true - start
            assert ticks.now() == counter.true - start


def test_a_whole_period_less_one_is_still_seen():
    counter = Counter(1, 1 << 30)
    ticks = Ticks(counter.read)
    for i in range(1, 9):
        counter.true += (1 << 30) - 1
        assert ticks.now() == i * ((1 << 30) - 1)


def test_a_reading_beyond_its_period_is_masked():
    readings = [0x1FF, 0x201, 0x300]
    ticks = Ticks(lambda: readings.pop(0), 256)
    assert ticks.now() == 2
    assert ticks.now() == 1 + 256


def test_the_earlier_of_two_deadlines():
    assert earliest(None, None) is None
    assert earliest(3, None) == 3 and earliest(None, 3) == 3
    assert earliest(3, 5) == 3 and earliest(5, 3) == 3
    assert earliest(0, 5) == 0 and earliest(0, None) == 0
