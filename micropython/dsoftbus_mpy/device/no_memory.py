"""A board whose start lacked memory: it says so, and starts again a bounded number of times."""

import gc
import os
import time

import micropython

_CTRL_C = 3
_LACKS = "dsoftbus.lacks"  # of `startup`
_STARTS = 3  # more in a row; what chance has cut into pieces is whole after the first
_HELD_S = 60  # a start that held for so long was a good one
_SAID_MS = 200  # until what was printed is out on the cable
_LACK = """no node: no memory: %s
  %d of %d bytes of heap are free, the largest piece has about %d
  fewer slices, a smaller app.py, or the code in flash: docs/boards.md"""


def give_up(lack, free: int, piece: int) -> None:
    """Prints what is lacking and resets; after too many such starts in a row it returns, which
    leaves the REPL. The count is a file that is written only here."""
    print(_LACK % (str(lack), free, gc.mem_free() + gc.mem_alloc(), piece))
    if hasattr(micropython, "kbd_intr"):
        micropython.kbd_intr(_CTRL_C)  # a node that had the console has turned it off
    count = _count() + 1
    if count > _STARTS:
        forget()  # the next power-on may try as often
        print("this was start %d of those without memory: it stays at the REPL" % count)
        return
    reset = _reset()
    if reset is None:
        print("this port cannot reset itself: it stays at the REPL")
        return
    try:
        with open(_LACKS, "w") as file:
            file.write(str(count))
    except OSError as error:  # starts that nobody counts would never end
        print("it stays at the REPL:", repr(error))
        return
    print("it starts again, try %d of %d" % (count, _STARTS))
    time.sleep_ms(_SAID_MS)
    reset()


async def held() -> None:
    """Forgets the starts that lacked memory, once this one has held."""
    import asyncio

    await asyncio.sleep(_HELD_S)
    forget()


def holding(turn):
    """The same for a bare loop: what it is to call in place of `turn`."""
    begun = time.ticks_ms()
    open_yet = [True]

    def watched(loop) -> None:
        if open_yet and time.ticks_diff(time.ticks_ms(), begun) >= _HELD_S * 1000:
            open_yet.clear()
            forget()
        turn(loop)

    return watched


def forget() -> None:
    try:
        os.remove(_LACKS)
    except OSError:
        pass


def _count() -> int:
    try:
        with open(_LACKS) as file:
            return int(file.read(4))
    except (OSError, ValueError):
        return 0


def _reset():
    try:
        machine = __import__("machine")
    except ImportError:
        return None
    return getattr(machine, "reset", None)
