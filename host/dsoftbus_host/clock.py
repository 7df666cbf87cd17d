"""The host's timer: monotonic ms."""

import time


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
