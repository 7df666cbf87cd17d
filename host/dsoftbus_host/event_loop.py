"""The event loop that links need: one that tells when a socket or a port can be read.

asyncio's selector loops can; its proactor loop, the usual one on Windows, cannot.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

from dsoftbus.errors import Unsupported
from dsoftbus_host.interrupt import KILLED, interruptible

Result = TypeVar("Result")
_PATIENCE_S = 5  # with what was cancelled
_LOOK_S = 0.5  # a signal that comes just before a thread blocks is seen when it wakes
_ADVICE = (
    "{} cannot watch sockets; start the program with dsoftbus_host.run(main())"
    " or on an asyncio.SelectorEventLoop"
)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs as `asyncio.run(main)` does, on a loop that links can use; returns what `main` returns.

    Ctrl-C cancels `main` first and raises KeyboardInterrupt at its end, on every CPython, which
    ends a program without a traceback. SIGTERM and SIGHUP do the same, and raise SystemExit of
    128 + signal, unless the program has a meaning of its own for them, or ignores them.
    """
    whole = interruptible(main)
    try:
        return run_on_selector(whole) if sys.platform == "win32" else asyncio.run(whole)
    except KeyboardInterrupt:
        raise _Interrupted(KILLED + signal.SIGINT) from None


class _Interrupted(SystemExit, KeyboardInterrupt):
    """The KeyboardInterrupt of a program that has ended in order. As a SystemExit, too, it has the
    status that shells know, and shows no traceback."""


def run_on_selector(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs as `asyncio.run(main)` does, on a selector loop whatever the platform's own is."""
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(main)
    else:  # asyncio.run of 3.10 asks the policy, and nothing else, for its loop
        before = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(_SelectorPolicy())
        try:
            return asyncio.run(main)
        finally:
            asyncio.set_event_loop_policy(before)


if sys.version_info < (3, 11):  # policies are deprecated from 3.14 on

    class _SelectorPolicy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return asyncio.SelectorEventLoop()


def running_loop() -> asyncio.AbstractEventLoop:
    """The running loop. Raises Unsupported where it cannot watch sockets, with what to do."""
    loop = asyncio.get_running_loop()
    if type(loop).add_reader is asyncio.AbstractEventLoop.add_reader:  # it was left out
        raise Unsupported(_ADVICE.format(type(loop).__name__))
    return loop


class Background:
    """A loop that links can use, in a thread of its own, for programs that wait for one thing
    after the other; a context manager that ends it."""

    def __enter__(self) -> Background:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Returns the result of `main`. An interrupted wait, as by Ctrl-C, cancels it, and it has
        ended when this raises."""
        job = _Job(main)
        try:
            self._loop.call_soon_threadsafe(job.begin)
            while not wait([job.outcome], _LOOK_S).done:
                continue
            return job.outcome.result()
        except BaseException:
            self._loop.call_soon_threadsafe(job.cancel)
            wait([job.outcome], _PATIENCE_S)
            raise


class _Job(Generic[Result]):
    """A coroutine on the loop of another thread. It is there before the loop knows of it: a wait
    may be interrupted at any instruction, and what had no name yet could not be cancelled."""

    def __init__(self, main: Coroutine[Any, Any, Result]) -> None:
        self.outcome: Future[Result] = Future()
        self._main = main
        self._task: asyncio.Task[Result] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._main)
        self._task.add_done_callback(self._end)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:
            self._main.close()
            self.outcome.set_exception(asyncio.CancelledError())

    def _end(self, task: asyncio.Task[Result]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())
