"""Time: plain ints in ms that never wrap, made from hardware ticks that do."""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Deadline


class Ticks:
    """Extends a counter of `period` (a power of two) that wraps into one that does not.

    `read()` gives the raw counter. It must be asked at least once per period; MicroPython's
    `ticks_ms` has a period of 2**30 ms, more than twelve days.
    """

    def __init__(self, read: "Callable[[], int]", period: int = 1 << 30) -> None:
        self._read = read
        self._mask = period - 1
        self._last = read() & self._mask
        self._now = 0

    def now(self) -> int:
        raw = self._read() & self._mask
        self._now += (raw - self._last) & self._mask
        self._last = raw
        return self._now


def earliest(a: "Deadline", b: "Deadline") -> "Deadline":
    """The earlier of two deadlines, where None means never."""
    if a is None:
        return b
    if b is None or a <= b:
        return a
    return b
