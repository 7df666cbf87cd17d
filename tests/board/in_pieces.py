"""One start of a board whose heap is in pieces, on MicroPython's unix port.

    micropython -X heapsize=N in_pieces.py SEED HELD CODE [LARGEST]

Fills the heap with blocks of random sizes, frees all but HELD of them at random (SEED), and runs
main.py. CODE bytes stand for the kernels' machine code, which this port keeps elsewhere: they are
taken in pieces when the kernels are imported. With LARGEST no free piece has more bytes, from the
moment on at which the order of `startup` has been loaded. The last lines say what was free: after
the start, or when the node gave up.
"""

import builtins
import gc
import random
import sys

import micropython

_LARGEST = 4096
_CODE_PIECE = 2048  # 1 KB of a 32-bit board's heap
_KERNELS = ("dsoftbus_kernels", "dsoftbus_thumb")

_print = print
_import = __import__


def cut(seed: int, pieces: int) -> None:
    """Leaves `pieces` of the least size in the heap, anywhere."""
    random.seed(seed)
    blocks = [None] * (gc.mem_free() // _LARGEST * 4)
    marks = [None] * len(blocks)
    n = 0
    try:
        while n < len(blocks):
            blocks[n] = bytearray(random.randrange(16, _LARGEST))
            marks[n] = (n,)
            n += 1
    except MemoryError:
        pass
    blocks = None
    gc.collect()
    held.extend([marks[random.randrange(n)] for _ in range(pieces)])


class Collector:
    """In the place of the module gc: `startup` sets the threshold when all is loaded."""

    def __init__(self, largest: int):
        self._largest = largest
        for name in ("collect", "mem_alloc", "mem_free", "enable", "disable", "isenabled"):
            setattr(self, name, getattr(gc, name))

    def threshold(self, amount: int) -> None:
        gc.threshold(amount)
        gc.collect()
        free = None
        try:
            while True:  # one block stays, the next one goes: they follow each other in the heap
                held[0] = (bytearray(self._largest), held[0])
                free = (bytearray(self._largest), free)
        except MemoryError:
            pass
        try:
            while True:
                held[0] = (held[0],)
        except MemoryError:
            pass
        free = None
        gc.collect()
        shown("loaded")


def shown(what: str) -> None:
    _print("heap", what, gc.mem_free())
    micropython.mem_info()


def print_hook(*words, **how):
    _print(*words, **how)
    if words and words[0] == "started":
        shown("started")
        sys.exit(0)


def import_hook(name, *rest):
    global code
    if name in _KERNELS and code:
        pieces, code = -(-code // _CODE_PIECE), 0
        held.extend([bytearray(_CODE_PIECE) for _ in range(pieces)])
    return _import(name, *rest)


held = []
code = int(sys.argv[3])
cut(int(sys.argv[1]), int(sys.argv[2]))
gc.collect()
shown("cut")
if len(sys.argv) > 4:
    held.insert(0, None)
    sys.modules["gc"] = Collector(int(sys.argv[4]))
builtins.print = print_hook
builtins.__import__ = import_hook
with open("main.py") as file:
    text = file.read()
exec(text, {"__name__": "__main__"})
gc.collect()
shown("ended")
