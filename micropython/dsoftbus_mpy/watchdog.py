"""The board's watchdog, fed by a node that shows that it is alive, and by nothing else.

It starves when a loop is stuck or dead (nobody comes to feed), when timers come late, or when a
task of a link has ended. Once started, `machine.WDT` cannot be stopped on most ports: a program
that ends is reset, too.
"""

import sys

from dsoftbus.errors import BAD_ARGUMENT, LocalError

# Shorter than this, and a flash write or a handshake in portable code looks like a dead node.
_LEAST_MS = 1000
# sys.platform -> the longest timeout of its hardware: RP2040's 24 bits at 2 MHz, and 4095 ticks
# of 2 ms less those of the last step for STM32's IWDG. Others say so themselves (ValueError).
_MOST_MS = {"rp2": 8388, "pyboard": 32760}
_FEEDS = 4  # in one timeout: one that comes late by half of it does no harm


class Watchdog:
    """`alive()` says whether to feed; `make(timeout_ms)` starts the hardware."""

    def __init__(self, timeout_ms: int, alive, make=None):
        """Raises LocalError(BAD_ARGUMENT), Unsupported."""
        self.interval_ms = timeout_ms // _FEEDS
        self._alive = alive
        self._due = 0
        self._dog = _started(timeout_ms, make or _hardware)

    def handle_timer(self, now: int) -> None:
        """Feeds, if that is due and the node is alive."""
        if now >= self._due:
            self._due = now + self.interval_ms
            if self._alive():
                self._dog.feed()

    def poll_timer(self) -> int:
        """Returns when `handle_timer` is due, in ms."""
        return self._due


def start(bus, config: dict, make=None):
    """The watchdog of `bus` where `config` has "watchdog_ms", else None.

    Raises LocalError(BAD_ARGUMENT) for a time that the port cannot do, Unsupported where it has
    no `machine.WDT`.
    """
    timeout_ms = config.get("watchdog_ms", 0)
    if not timeout_ms:
        return None
    late_ms = timeout_ms // 2
    dog = Watchdog(timeout_ms, lambda: bus.alive(late_ms), make)
    bus.drive(lambda: _step(dog, bus))
    return dog


def alive(bus, late_ms: int) -> bool:
    """See `BareBus.alive`."""
    runtime = bus.runtime
    if bus.closed:
        return False
    # What is always due (a link that takes nothing) is not late while it is looked at.
    if runtime.due is not None and bus.now() - max(runtime.due, runtime.looked) > late_ms:
        return False
    links = [watch.tasks for watch in runtime.watches]
    return not any(task.done() for tasks in [runtime.runners] + links for task in tasks)


async def _step(dog: Watchdog, bus) -> None:
    import asyncio  # a bare loop does without

    dog.handle_timer(bus.now())
    await asyncio.sleep_ms(dog.interval_ms)


def _started(timeout_ms: int, make):
    most_ms = _MOST_MS.get(sys.platform, timeout_ms)
    try:
        if _LEAST_MS <= timeout_ms <= most_ms:
            return make(timeout_ms)
    except ValueError:  # what this port's hardware cannot do
        pass
    raise LocalError(BAD_ARGUMENT, "watchdog_ms %d on %s" % (timeout_ms, sys.platform))


def _hardware(timeout_ms: int):
    from dsoftbus_mpy.capabilities import machine

    return machine("WDT", "watchdog")(timeout=timeout_ms)
