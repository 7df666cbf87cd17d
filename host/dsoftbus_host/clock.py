"""The host's timer: monotonic ms, and what of the calendar discovery needs."""

import time

from dsoftbus.const import U30_MAX

_SEQUENCE_EPOCH = 1577836800  # 2020: what counts from here fits in 30 bits until 2054


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def sequence_start() -> int:
    """Where a node's announcements begin to count: above where they were at its last start, as
    long as it sends less than one a second and its clock does not go back."""
    return int(time.time() - _SEQUENCE_EPOCH) & int(U30_MAX)
