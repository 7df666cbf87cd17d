"""A board's start: the large pieces of the heap first (`start_order`), and an end that says what
was lacking.

Nothing of the project is imported here before the start is under way, so that a lack of memory
at any import is met, and everything that was loaded can leave the heap.
"""

import gc
import os
import sys

LACKS = "dsoftbus.lacks"  # how many starts in a row have lacked memory; there only after one
_PART = 4


def run(node) -> None:
    """Runs `node()`. A lack of memory, at any time, is printed; then the board restarts, a bounded
    number of times in a row (`no_memory`)."""
    try:
        _load()
        node()
        return
    except MemoryError as error:
        lack = error
    free, piece = gc.mem_free(), _largest()
    _leave()
    try:
        from dsoftbus_mpy.device.no_memory import give_up  # only who lacks it pays for it
    except MemoryError:  # what chance has left on the stack can keep all that was loaded
        print("no node: no memory:", lack)
        return
    give_up(lack, free, piece)


def _load() -> None:
    from dsoftbus_mpy.device.start_order import load  # for a while, as `overlay` says

    load(None)


def lacked() -> bool:
    """Returns whether the start before this one lacked memory."""
    try:
        os.stat(LACKS)
    except OSError:
        return False
    return True


def _largest() -> int:
    """About the largest free piece, in bytes."""
    size = gc.mem_free()
    while size > _PART:
        try:
            bytearray(size)
            break
        except MemoryError:
            size -= size // _PART
    return size


def _ours() -> str:
    """A module of ours that is there still, or ""."""
    for name in sys.modules:
        if name.startswith("dsoftbus"):
            return name
    return ""


def _leave() -> None:
    """Lets go of everything that was loaded, without taking any memory first."""
    name = _ours()
    while name:
        del sys.modules[name]
        name = _ours()
    gc.collect()
    if "asyncio" in sys.modules:
        sys.modules["asyncio"].new_event_loop()  # its queue holds the node's tasks
    gc.collect()
