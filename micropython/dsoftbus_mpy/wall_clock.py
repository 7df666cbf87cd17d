"""The clock of a board's calendar: what `time` says, and the RTC that keeps it."""

# Ours

import asyncio
import time

from dsoftbus_mpy.capabilities import machine

_SECOND_US = 1000000
# Ports count from 1970 or from 2000.
_EPOCH_US = 946684800 * _SECOND_US if time.gmtime(0)[0] == 2000 else 0


class WallClock:
    """`now_us` and `step`, as the runtime's contract has them."""

    @staticmethod
    def now_us() -> int:
        return time.time_ns() // 1000 + _EPOCH_US

    @staticmethod
    async def step(offset_us: int) -> None:
        """Sets the RTC when a second begins by the new time, for many keep no fraction of one.

        Raises Unsupported.
        """
        rtc = machine("RTC", "clock")()
        now = WallClock.now_us
        await asyncio.sleep_ms(-(now() + offset_us) % _SECOND_US // 1000)
        seconds = (now() + offset_us + _SECOND_US // 2 - _EPOCH_US) // _SECOND_US
        year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
        rtc.datetime((year, month, day, weekday + 1, hour, minute, second, 0))
