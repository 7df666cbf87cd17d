"""A board's clock is set through its RTC, when a second begins."""

import asyncio
import sys
import time

from dsoftbus.errors import UNSUPPORTED
from dsoftbus_mpy import wall_clock
from dsoftbus_mpy.wall_clock import WallClock
from support import Skip, raises

if not hasattr(asyncio, "run"):
    raise Skip("this port has no loop of its own")

SECOND_US = 1000000


class Rtc:
    """Stands for machine.RTC."""

    def __init__(self):
        self.set = []

    def __call__(self):
        return self

    def datetime(self, fields) -> None:
        self.set.append((fields, WallClock.now_us()))


def step(offset_us: int, rtc: Rtc) -> None:
    real, wall_clock.machine = wall_clock.machine, lambda name, what: rtc
    try:
        asyncio.run(WallClock.step(offset_us))
    finally:
        wall_clock.machine = real


def test_the_clock_counts_from_1970():
    now_us = WallClock.now_us()
    assert time.gmtime(0)[0] == 1970  # on this port
    assert abs(now_us // SECOND_US - time.time()) <= 1


def test_it_is_set_when_a_second_begins():
    for offset_us in (0, 250000, -3600 * SECOND_US - 1, 86400 * SECOND_US + 999999):
        rtc = Rtc()
        step(offset_us, rtc)
        ((fields, at_us),) = rtc.set
        year, month, day, weekday, hour, minute, second, fraction = fields
        said_s = time.mktime((year, month, day, hour, minute, second, 0, 0))
        assert fraction == 0
        assert weekday == time.gmtime(said_s)[6] + 1
        # The second that is nearest to the new time: a busy machine comes late, and is not wrong.
        assert abs(said_s * SECOND_US - (at_us + offset_us)) <= SECOND_US


def test_a_port_without_an_rtc_has_no_clock_to_set():
    def run():
        asyncio.run(WallClock.step(0))

    assert "machine" not in sys.modules or not hasattr(sys.modules["machine"], "RTC")
    raises(UNSUPPORTED, run)
