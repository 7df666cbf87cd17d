"""The port of `dsoftbus_aio` to CPython's asyncio: see `dsoftbus_aio.runtime`."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from dsoftbus_aio import runtime as contract
from dsoftbus_host import clock, display
from dsoftbus_host.event_loop import running_loop
from dsoftbus_host.link_source import Source

PAUSE_MS = 100  # after a callback that raised: no memory or descriptors, for the moment
log = display.log()

Callback = Callable[[], object]


class _Wait:
    """A task's wait for a change: a future in kind (`asyncio.isfuture`), whose task goes on when
    the runtime says so."""

    _asyncio_future_blocking = False
    _resume: Callable[..., object] | None = None  # lets the task go on that waits here
    _context: contextvars.Context
    loop: asyncio.AbstractEventLoop  # of that task
    _done = _cancelled = False

    get_loop = staticmethod(asyncio.get_running_loop)

    def __await__(self) -> Generator[_Wait, None, None]:
        if not self._done:
            self._asyncio_future_blocking = True
            yield self

    def add_done_callback(
        self, resume: Callable[..., object], *, context: contextvars.Context
    ) -> None:
        self._resume = resume
        self._context = context
        self.loop = self.get_loop()

    def done(self) -> bool:
        return self._done

    def finish(self) -> bool:
        """Ends the wait; returns whether a task has to be told."""
        if self._done:
            return False
        self._done = True
        return self._resume is not None

    def cancel(self, msg: object = None) -> bool:
        """The task has been cancelled; False where it is about to go on anyway."""
        if not self.finish():
            return False
        self._cancelled = True
        self.loop.call_soon(self.resume)
        return True

    def result(self) -> None:
        if self._cancelled:
            raise asyncio.CancelledError

    def resume(self) -> None:
        """Lets the task go on, up to where it waits again."""
        self._context.run(self._resume, self)  # type: ignore[arg-type] # a task is there


class Signal(contract.Signal):
    __slots__ = ("_others", "_runtime", "_wait")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wait: _Wait | None = None  # most signals have one at a time
        self._others: list[_Wait] = []

    def set(self) -> None:
        wait = self._wait
        if wait is not None:
            self._wait = None
            if wait.finish():
                self._runtime.wake(wait)
            if self._others:
                self._set_others()

    def _set_others(self) -> None:
        for wait in self._others:
            if wait.finish():
                self._runtime.wake(wait)
        self._others.clear()

    def change(self) -> _Wait:
        before = self._wait
        if before is not None and not before.done():  # those that were cancelled leave no trace
            self._others = [wait for wait in self._others if not wait.done()]
            self._others.append(before)
        self._wait = wait = _Wait()
        return wait


class Timer(contract.Timer):
    """The loop's timer is set anew only when the deadline comes earlier: one that has moved away
    meanwhile, as most do, is set when the loop calls."""

    __slots__ = ("_callback", "_due", "_handle", "_runtime", "_set")

    def __init__(self, runtime: Runtime, callback: Callback) -> None:
        self._runtime = runtime
        self._callback = callback
        self._due: int | None = None
        self._handle: asyncio.Handle | None = None
        self._set = 0  # the deadline for which the loop has `_handle`

    def at(self, deadline: int | None) -> None:
        self._due = deadline
        if deadline is not None and (self._handle is None or deadline < self._set):
            self._set_handle(deadline)

    def close(self) -> None:
        self._due = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set_handle(self, deadline: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._set = deadline
        loop = asyncio.get_running_loop()
        if deadline:
            delay = max(deadline - clock.now_ms(), 0) / 1000
            self._handle = loop.call_later(delay, self._call)
        else:
            self._handle = loop.call_soon(self._call)

    def _call(self) -> None:
        self._handle = None
        due = self._due
        if due is None:
            return
        if due > clock.now_ms():
            self._set_handle(due)
            return
        self._due = None
        try:
            self._callback()
        except Exception as error:  # noqa: BLE001 - whatever it is: the contract has it
            self._runtime.report(error)
            self.at(clock.now_ms() + PAUSE_MS)


class Watch(contract.Watch):
    """A watch on a file descriptor. Raises Unsupported if the loop cannot watch any."""

    def __init__(
        self, runtime: Runtime, fd: int, on_readable: Callback, on_writable: Callback | None
    ) -> None:
        self._runtime = runtime
        self._loop = running_loop()
        self.fd = fd
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._pause: asyncio.TimerHandle | None = None
        self._look()

    def _look(self) -> None:
        self._pause = None
        self._loop.add_reader(self.fd, self._read)

    def want_write(self, on: bool) -> None:
        if on and self._on_writable is not None:
            self._loop.add_writer(self.fd, self._on_writable)
        else:
            self._loop.remove_writer(self.fd)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self.fd)
        self._loop.remove_writer(self.fd)

    def _read(self) -> None:
        try:
            self._runtime.read(self._on_readable)
        except Exception as error:  # noqa: BLE001 - as in Timer
            self._runtime.report(error)
            self._loop.remove_reader(self.fd)
            self._pause = self._loop.call_later(PAUSE_MS / 1000, self._look)


class SourceWatch(contract.Watch):
    """A watch on a link that has no descriptor, and calls back: `link_source.Source`."""

    def __init__(
        self, runtime: Runtime, source: Source, on_readable: Callback, on_writable: Callback | None
    ) -> None:
        self._runtime = runtime
        self._loop = running_loop()
        self._source = source
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._writes = False  # writing is wanted
        self._looking = False
        self._next: asyncio.Handle | None = None  # the loop is going to look
        source.attach(self._changed)
        self._soon()  # something may have come before

    def want_write(self, on: bool) -> None:
        self._writes = on and self._on_writable is not None
        if self._writes:
            self._soon()

    def close(self) -> None:
        self._source.detach()
        self._source = Source()  # nothing comes from it
        if self._next is not None:
            self._next.cancel()

    def _soon(self, delay_ms: int = 0) -> None:
        if self._next is None:
            self._next = self._loop.call_later(delay_ms / 1000, self._due)

    def _due(self) -> None:
        self._next = None
        self._changed()

    def _changed(self) -> None:
        if self._looking:
            self._soon()
            return
        self._looking = True
        wait: object = False
        try:
            if self._source.readable:
                wait = self._runtime.read(self._on_readable)
            if self._writes and self._source.writable and self._on_writable is not None:
                self._on_writable()
        except Exception as error:  # noqa: BLE001 - as in Timer
            self._runtime.report(error)
            wait = True
        finally:
            self._looking = False
        if self._source.readable or (self._writes and self._source.writable):
            self._soon(PAUSE_MS if wait else 0)


class _Nothing:
    def __await__(self) -> Generator[None, None, None]:
        return iter(())  # type: ignore[return-value] # ends at once, so nothing is ever sent


class Runtime(contract.Runtime):
    """`report(error)` is told of what a callback or a task has raised."""

    def __init__(self, report: Callable[[Exception], None]) -> None:
        self.report = report
        self._tasks: set[asyncio.Task[None]] = set()
        self._nothing = _Nothing()
        self.woken: list[_Wait] = []  # waits whose tasks are to go on
        self.reading = False  # what wakes a task is a link's input

    now = staticmethod(clock.now_ms)

    def wake(self, wait: _Wait) -> None:
        """Lets the task of `wait` go on: with what a link has brought at once after it was taken,
        which saves a turn of the loop, else in the loop's next turn."""
        if not self.woken and not self.reading:
            wait.loop.call_soon(self.resume_woken)
        self.woken.append(wait)

    def resume_woken(self) -> None:
        """Resumes those that were woken. The loop's next turn resumes those whom they wake."""
        woken = self.woken
        self.woken = []
        try:
            while woken:
                woken.pop(0).resume()
        finally:  # an interrupt ends the program, which has more to do before
            for wait in woken:
                self.wake(wait)

    def read(self, on_readable: Callback) -> object:
        """Lets a link's input be taken, and tasks go on that it has woken."""
        self.reading = True
        try:
            return on_readable()
        finally:
            self.reading = False
            if self.woken:
                self.resume_woken()

    def sleep(self, ms: float) -> Coroutine[Any, Any, None]:
        return asyncio.sleep(ms / 1000)

    def nothing(self) -> _Nothing:
        return self._nothing

    def signal(self) -> Signal:
        return Signal(self)

    def timer(self, callback: Callback) -> Timer:
        return Timer(self, callback)

    def watch(
        self, waits_for: int | Source, on_readable: Callback, on_writable: Callback | None = None
    ) -> Watch | SourceWatch:
        if isinstance(waits_for, Source):
            return SourceWatch(self, waits_for, on_readable, on_writable)
        return Watch(self, waits_for, on_readable, on_writable)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.report(error)

    def wall_clock(self) -> type[clock.WallClock]:
        return clock.WallClock

    async def close(self) -> None:
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
