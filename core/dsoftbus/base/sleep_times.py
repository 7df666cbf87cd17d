"""Codes of a CLOSE say for how long its sender means to sleep (docs/sleepers.md)."""

ASLEEP_FIRST = 0xE0
# In seconds: the times that people use are exact, and a longer one than these is said as the last.
_UP_TO_AN_HOUR_S = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600)
_LONGER_S = (5400, 7200, 10800, 14400, 21600, 28800, 43200, 86400, 172800, 604800, 2592000)
TIMES_S = _UP_TO_AN_HOUR_S + _LONGER_S
ASLEEP_LAST = ASLEEP_FIRST + len(TIMES_S) - 1


def code_of(ms: int) -> int:
    """The code that says "asleep for so many ms": the next time that is as long or longer."""
    for i in range(len(TIMES_S)):
        if ms <= TIMES_S[i] * 1000:
            return ASLEEP_FIRST + i
    return ASLEEP_LAST


def planned_s(code: int) -> int:
    """Returns how many seconds the sender of this code means to sleep; 0 for other codes."""
    return TIMES_S[code - ASLEEP_FIRST] if ASLEEP_FIRST <= code <= ASLEEP_LAST else 0
