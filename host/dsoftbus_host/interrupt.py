"""Ctrl-C, SIGTERM and SIGHUP end a program in one order on every CPython: first its `main`, which
closes its bus, then the rest.

Ctrl-C raises KeyboardInterrupt. The others raise SystemExit with the status that a shell gives a
program they have killed, 128 and the signal's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")
KILLED = 128  # and the number of the signal: the exit status of a program that it has ended
_ENDS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP


async def interruptible(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs `main` to its end and returns its result; raises KeyboardInterrupt after a Ctrl-C, and
    SystemExit after a SIGTERM or SIGHUP.

    The first signal cancels `main`, which so closes its bus, and every session tells its peer; a
    second Ctrl-C ends the program where it stands. `asyncio.run` does the same with Ctrl-C since
    CPython 3.11. Before, it interrupts whatever runs, and cancels every task at once: a handler
    may reset its stream before its bus closes the session.
    """
    with _Interrupts() as interrupts:
        try:
            return await main
        except asyncio.CancelledError:
            if interrupts.number:
                raise _ended_by(interrupts.number) from None
            raise


@contextlib.contextmanager
def signals_end() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP unwind this program as Ctrl-C does, whatever it is at, so that
    it puts in order what it has begun. Those that are ignored (`nohup`) stay so. After the first
    the program is about to end, and others are ignored, afterwards, too."""
    unwind = _Unwind()
    taken = _take(_ENDS, unwind)
    try:
        yield
    finally:
        _restore(dict.fromkeys(taken, signal.SIG_IGN) if unwind.told else taken)


def _ended_by(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(KILLED + number)


class _Unwind:
    """The meaning of signals of which the first ends the program."""

    told = False  # by this, or by what a loop has heard

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.told:
            self.told = True
            raise _ended_by(number)


_Handler = Callable[[int, FrameType | None], None]
_Meanings = dict[int, Any]


def _take(numbers: Iterable[int], handler: _Handler) -> _Meanings:
    """Gives those of these signals to `handler` for which the program has no meaning of its own;
    returns what they meant. Only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {number: signal.getsignal(number) for number in numbers}
    plain = {number: meant for number, meant in before.items() if _is_plain(number, meant)}
    for number in plain:
        signal.signal(number, handler)
    return plain


def _is_plain(number: int, meant: Any) -> bool:
    python = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    return meant == python or isinstance(meant, _Unwind)


def _restore(taken: _Meanings) -> None:
    for number, meant in taken.items():
        signal.signal(number, meant)


class _Interrupts:
    """While entered, these signals cancel the task that entered, unless the program has meanings
    of its own for them. `number` is the first that came, or 0."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> _Interrupts:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._taken = _take((signal.SIGINT, *_ENDS), self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for meant in self._taken.values():
            if self.number and isinstance(meant, _Unwind):
                meant.told = True  # the loop's own end may not be cut short
        _restore(self._taken)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.number or self._task is None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return  # a terminal that closes, and a service's manager, say it twice
        self.number = number
        self._loop.call_soon_threadsafe(self._task.cancel)
