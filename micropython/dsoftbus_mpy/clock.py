"""The node's clock: ms since it was first asked, never wrapping, never going back."""

# Ours

import time

from dsoftbus.base.ticks import Ticks

_PERIOD = 1 << 30  # of ticks_ms; asked at least once in these twelve days it loses nothing


def clock():
    """A function that gives the ms since this call."""
    return Ticks(time.ticks_ms, _PERIOD).now  # type: ignore[arg-type] # the stubs' own int
