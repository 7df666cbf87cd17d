"""The port of `dsoftbus_aio` to MicroPython's asyncio: see `dsoftbus_aio.runtime`.

Waiting allocates nothing but what asyncio's own queue of sockets needs, so that a task that waits
does not end for a lack of memory.
"""

# Ours

import asyncio
import io

from dsoftbus.base.ticks import earliest
from dsoftbus_mpy.clock import clock

_ENTRY_BYTES = 512  # of asyncio's queue and of the poll, should both tables grow: half of that
_PAUSE_MS = 100  # no memory or no sockets left, for the moment
_LONG_MS = 1 << 22  # an hour, when nothing is due


class _Once:
    """Gives up the task's turn once; one for all, so that waiting allocates nothing."""

    def __init__(self):
        self.armed = False
        self._over = StopIteration()

    def __iter__(self):
        return self

    def __next__(self):
        if not self.armed:
            self._over.__traceback__ = None  # else it would grow each time
            raise self._over
        self.armed = False


_once = _Once()


def ready(sock, writing: bool = False):
    """`await ready(sock)`: until there is something to read (`writing`: until it takes bytes), or
    the socket has failed. Raises MemoryError."""
    core = asyncio.core  # type: ignore[attr-defined] # the stubs leave `core` out
    queue = core._io_queue  # the running loop's, as MicroPython's own asyncio streams use it
    # Is there memory to register the socket with a poll? One that finds none leaves half an entry,
    # through which the next poll reads at address 0. What is taken here is given back at once.
    io.BytesIO(_ENTRY_BYTES).close()
    if writing:
        queue.queue_write(sock)
    else:
        queue.queue_read(sock)
    _once.armed = True
    return _once


class Signal(asyncio.Event):
    def change(self):
        core = asyncio.core  # type: ignore[attr-defined] # as above
        self.clear()
        waiting = self.waiting  # type: ignore[attr-defined] # of MicroPython's own Event
        waiting.push(core.cur_task)  # as wait() does, without a coroutine for it
        core.cur_task.data = waiting
        _once.armed = True
        return _once


class Timer:
    def __init__(self, runtime, callback):
        self.due = None
        self.callback = callback
        self._runtime = runtime
        runtime.timers.append(self)

    def at(self, deadline) -> None:
        self.due = deadline
        if deadline is not None:
            self._runtime.wake_by(deadline)

    def close(self) -> None:
        self.due = None
        if self in self._runtime.timers:
            self._runtime.timers.remove(self)


class Watch:
    def __init__(self, runtime, waits_for, on_readable, on_writable):
        self._runtime = runtime
        self._waits_for = waits_for
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._wanted = False
        self._cue = Signal()  # for the writer
        self.tasks = []
        try:
            runtime.watches.append(self)
            self.tasks.append(runtime.drive(self._read))
            if on_writable is not None:
                self.tasks.append(runtime.drive(self._write))
        except MemoryError:
            self.close()
            raise

    def want_write(self, on: bool) -> None:
        self._wanted = on
        self._cue.set()

    def close(self) -> None:
        if self in self._runtime.watches:
            self._runtime.watches.remove(self)
        _cancel(self.tasks)
        self._waits_for = None
        self._wanted = False

    async def _read(self) -> bool:
        if self._waits_for is not None:  # it may be closed, and its last call was cut short
            await ready(self._waits_for)
            if self._on_readable():  # nothing is read while memory is lacking
                await asyncio.sleep_ms(_PAUSE_MS)
        return self._waits_for is None

    async def _write(self) -> bool:
        if self._wanted:
            await ready(self._waits_for, True)
            self._on_writable()
        elif self._waits_for is not None:
            await self._cue.change()
        return self._waits_for is None


class Runtime:
    """`bus.tell(error)` is told of what a callback or a task has raised."""

    def __init__(self, bus):
        self.now = clock()
        self.sleep = asyncio.sleep_ms
        self.signal = Signal
        self.timers = []
        self.watches = []
        self._bus = bus
        self._tasks = []  # that were spawned, and live
        self.due = None  # when the timers' task looks next
        self.looked = 0  # when it did last
        self.runners = []  # the timers' task, once there are any
        self._sleeper = None  # the same, while it sleeps

    def nothing(self):
        _once.armed = False
        return _once

    # Timers

    def timer(self, callback) -> Timer:
        return Timer(self, callback)

    def wake_by(self, deadline) -> None:
        """The timers are to be looked at by `deadline`; allocates nothing."""
        if self.due is None or deadline < self.due:
            self.due = deadline
            task, self._sleeper = self._sleeper, None
            if task is not None and not task.data:  # else it is being cancelled, and comes
                queue = asyncio.core._task_queue  # type: ignore[attr-defined] # as above
                queue.remove(task)
                queue.push(task)
        if not self.runners:
            self.runners.append(self.drive(self._run_timers))

    async def _run_timers(self) -> None:
        self.looked = self.now()
        self.due = None
        for timer in list(self.timers):
            if timer.due is not None and self.looked >= timer.due:
                timer.due = None
                try:
                    timer.callback()
                except Exception:
                    timer.due = self.looked  # again after a pause
                    raise
        for timer in self.timers:
            self.due = earliest(self.due, timer.due)
        self._sleeper = asyncio.current_task()
        try:
            # At once for what is always due, too: it must not keep others from theirs.
            await asyncio.sleep_ms(_LONG_MS if self.due is None else self.due - self.now())
        finally:
            self._sleeper = None

    # Links

    def watch(self, waits_for, on_readable, on_writable=None) -> Watch:
        return Watch(self, waits_for, on_readable, on_writable)

    # Tasks

    def spawn(self, coroutine):
        task = asyncio.create_task(self._guard(coroutine))
        try:
            self._tasks.append(task)
        except MemoryError:
            task.cancel()
            raise
        return task

    async def _guard(self, coroutine) -> None:
        try:
            await coroutine
        except Exception as error:  # noqa: BLE001 - the program's own, or a fault of ours
            self._bus.tell(error)
        finally:
            task = asyncio.current_task()
            if task in self._tasks:  # close() has taken them all
                self._tasks.remove(task)

    def drive(self, step):
        """A task that awaits `step()` again and again, until that gives True. A fault costs a
        pause."""
        return asyncio.create_task(self._drive(step))

    async def _drive(self, step) -> None:
        over = failed = False
        while not over:
            try:
                if failed:
                    failed = False
                    await asyncio.sleep_ms(_PAUSE_MS)
                over = await step()
            except Exception as error:  # noqa: BLE001 - as in _guard; or no memory to be cancelled
                failed = True
                self._bus.tell(error)

    def wall_clock(self):
        from dsoftbus_mpy.wall_clock import WallClock  # only who asks for the time pays for it

        return WallClock

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        _cancel(tasks)
        _cancel(self.runners)


def _cancel(tasks) -> None:
    """Ends `tasks`, but for the one that runs."""
    for task in tasks:
        if task is not asyncio.current_task():
            task.cancel()
