"""A new version on trial: it is reset by the clock, or by the watchdog where the board has one."""

import asyncio
import sys

from dsoftbus.errors import BusError

_BOOT = "dsoftbus_boot"
_TRIAL = "trial"  # of its names, which stay what they are when slices are linked
_WATCHDOG_MS = 8000


def watch(bus, settings) -> None:
    """Resets this board unless its version is confirmed in time, or if it stands still."""
    trial = getattr(sys.modules[_BOOT], _TRIAL)
    print("on trial for", trial[0], "s: until an updater confirms it")
    if trial[1] is None:  # no timer of the hardware does it
        bus.spawn(_reset_later(bus, trial))
    try:
        from dsoftbus_mpy.watchdog import start

        start(bus, {"watchdog_ms": settings["watchdog_ms"] or _WATCHDOG_MS})
    except (BusError, ImportError):
        pass  # this board has none


async def _reset_later(bus, trial) -> None:
    await asyncio.sleep(trial[0])
    if trial:
        bus.update_place().reset()
