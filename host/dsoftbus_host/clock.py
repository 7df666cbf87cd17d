"""The host's timer: monotonic ms, and what of the calendar discovery needs."""

import time

from dsoftbus.const import U30_MAX
from dsoftbus.errors import Unsupported

# A command that finds, asks and says goodbye sends some four announcements in less than a second,
# and the next command may follow at once.
_SEQUENCE_PER_S = 16  # a wrap every two years, which costs one lifetime


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def sequence_start() -> int:
    """Returns the first sequence number of a node's announcements: above those of its last start,
    as long as it sends fewer than 16 a second and its clock does not go back."""
    return int(time.time() * _SEQUENCE_PER_S) & int(U30_MAX)


class WallClock:
    """This host's: its system keeps it, and no program of a user may set it."""

    @staticmethod
    def now_us() -> int:
        return time.time_ns() // 1000

    @staticmethod
    async def step(offset_us: int) -> None:
        raise Unsupported("clock: a host's is its system's to set")
