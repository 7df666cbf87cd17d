"""Time that stands still while a program works, for tests with deadlines over real sockets.

It moves on when nothing is ready and the program waits. So a test finds its deadlines where it put
them, on a busy machine, too: what the machine does besides takes no time. Both ends have to be in
the test's own process.
"""

import asyncio
import select
import sys
import time

# What is on its way through the system gets a moment to arrive before time moves on, and that
# moves in small steps: whoever delivers it may have to wait for the processor.
_LOOK_MS = 1
_STEP_MS = 2
_QUIET = 20  # looks that found nothing; those that follow are shorter, so that long waits end
_QUIET_US = 200
_GROWTH = 16  # further looks, after which the steps are longer by one more, up to
_STEP_MAX = 20


def _sleep_us(us: int) -> None:
    if hasattr(time, "sleep_us"):
        time.sleep_us(us)
    else:
        time.sleep(us / 1_000_000)


class VirtualTime:
    """Stands in for the module `time`; `ms` is what it shows."""

    def __init__(self, ms: int = 0):
        self.ms = ms
        self._quiet = 0

    def ticks_ms(self) -> int:
        return int(self.ms)

    def sleep_ms(self, ms: int) -> None:
        self.ms += ms

    def monotonic_ns(self) -> int:
        return int(self.ms * 1_000_000)

    def time(self) -> float:
        return self.ms / 1000

    def time_ns(self) -> int:
        """A calendar that was set: it begins in 2026."""
        return 1_767_225_600_000_000_000 + self.monotonic_ns()

    def waited(self, ready, timeout_ms) -> list:
        """Returns what is ready, by `ready(real_ms)`, until `timeout_ms` (negative: for ever) are
        over."""
        found = list(ready(0))
        while not found and timeout_ms:
            self._quiet += 1
            if self._quiet < _QUIET:
                found = list(ready(_LOOK_MS))
            else:
                _sleep_us(_QUIET_US)
                found = list(ready(0))
            step = self._step_ms() if timeout_ms < 0 else min(timeout_ms, self._step_ms())
            if not found:
                self.ms += step
                timeout_ms -= step if timeout_ms > 0 else 0
        if found:
            self._quiet = 0
        return found

    def _step_ms(self) -> int:
        longer = max(self._quiet - _QUIET, 0) // _GROWTH
        return min(_STEP_MS * (1 + longer), _STEP_MAX)


class Poll:
    """A `select.poll()` of MicroPython that waits in virtual time."""

    def __init__(self, virtual: VirtualTime):
        self._time = virtual
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def ipoll(self, timeout_ms: int = -1):
        return iter(self._time.waited(self._poll.poll, timeout_ms))


if sys.implementation.name == "micropython":
    _AHEAD_MS = 1 << 28  # what is ready now has real ticks in asyncio's queue: they are long past

    def run(coroutine, limit_ms: int):
        """The result of `coroutine`, in virtual time; TimeoutError after `limit_ms` of it."""
        from dsoftbus_mpy import clock

        core = asyncio.core
        real = core.ticks, clock.time
        virtual = VirtualTime(core.ticks() + _AHEAD_MS)
        core.ticks, clock.time = virtual.ticks_ms, virtual
        asyncio.new_event_loop()
        core._io_queue.poller = Poll(virtual)
        try:
            return asyncio.run(asyncio.wait_for_ms(coroutine, limit_ms))
        finally:
            core.ticks, clock.time = real
            asyncio.new_event_loop()

else:
    import selectors

    class _Selector(selectors.DefaultSelector):
        """Waits in virtual time."""

        def __init__(self, virtual: VirtualTime):
            super().__init__()
            self._time = virtual

        def select(self, timeout=None):
            def ready(real_ms):
                return super(_Selector, self).select(real_ms / 1000)

            return self._time.waited(ready, -1 if timeout is None else max(timeout, 0) * 1000)

    class _Loop(asyncio.SelectorEventLoop):
        def __init__(self, virtual: VirtualTime):
            self._virtual = virtual
            super().__init__(_Selector(virtual))

        def time(self) -> float:
            return self._virtual.time()

    def run(coroutine, limit_ms: int):
        """The result of `coroutine`, in virtual time; TimeoutError after `limit_ms` of it."""
        from dsoftbus_host import clock

        real, clock.time = clock.time, VirtualTime(1_000_000)
        loop = _Loop(clock.time)
        try:
            return loop.run_until_complete(asyncio.wait_for(coroutine, limit_ms / 1000))
        finally:
            _close(loop)
            clock.time = real

    def _close(loop) -> None:
        """Ends as `asyncio.run` does."""
        loop.run_until_complete(_end_tasks())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    async def _end_tasks() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
