"""A board's start: the large pieces of the heap first, and an end that says what was lacking.

Nothing of the project is imported here before the start is under way, so that a lack of memory
at any import is met, and everything that was loaded can leave the heap.
"""

import gc
import os
import sys

LACKS = "dsoftbus.lacks"  # how many starts in a row have lacked memory; there only after one
# The order in which a node takes the heap: (slice as a board has it, the setting that wants it).
# A heap that holds trust, keys and a configuration has no large piece left, so what needs some
# comes before those are read, and what needs the largest comes first. What is not installed is
# left out; from sources, and frozen, only the kernels matter.
_ORDER = (
    ("dsoftbus_thumb", ""),  # machine code: one piece for each function, 1 KB, 5 KB as viper's
    ("dsoftbus_kernels", ""),
    ("dsoftbus_machine", ""),
    ("dsoftbus_core", ""),  # the names of all: their pools grow by doubling, up to 2 KB
    ("dsoftbus_trust", ""),  # tables of globals and of names
    ("dsoftbus_board_node", ""),
    ("dsoftbus_cable_node", ""),
    ("dsoftbus_line", "serial"),  # the code of links: config.json is read by now, nothing else
    ("dsoftbus_serial", "serial"),
    ("dsoftbus_udp", "port"),
    ("dsoftbus_tcp", "port"),
    ("dsoftbus_wifi", "wifi"),
    ("dsoftbus_discovery", "port"),
    ("dsoftbus_line_discovery", "serial"),
    ("dsoftbus_echo", "echo"),
    ("dsoftbus_files", "files"),
)
# Of what is free after the start: a collection each time this part of it has been taken. Without
# one the heap is filled to its end with what lives long between what does not.
_PART = 4


def run(node) -> None:
    """Runs `node()`. What lacks memory, at any time, is said; then the board starts again, a
    bounded number of times in a row (`no_memory`)."""
    try:
        load(None)
        node()
        return
    except MemoryError as error:
        lack = error
    free, piece = gc.mem_free(), _largest()
    _leave()
    from dsoftbus_mpy.no_memory import give_up  # only who lacks it pays for it

    give_up(lack, free, piece)


def load(settings) -> None:
    """Loads what these settings want of the order; without settings what every node wants."""
    for name, wanted in _ORDER:
        if settings[wanted] if settings and wanted else settings is None and not wanted:
            try:
                __import__(name)
            except (ImportError, ValueError):  # not installed, or machine code of another kind
                pass
            gc.collect()
    if settings:
        gc.threshold(gc.mem_free() // _PART)


def lacked() -> bool:
    """Whether the start before this one lacked memory."""
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
