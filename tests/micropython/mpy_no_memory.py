"""A start that lacked memory: what is printed, counted and forgotten."""

import asyncio
import sys

from dsoftbus_mpy.device import no_memory, startup
from support import Skip

LACKS = no_memory._LACKS


class Machine:
    """The module that boards have, with a reset that comes back."""

    def __init__(self):
        self.resets = 0

    def reset(self):
        self.resets += 1


def counted() -> bool:
    return startup.lacked()


def setup_function(_=None):
    no_memory.forget()


def lack(times: int) -> int:
    """Returns how many resets there are after this number of starts that lack memory."""
    before, sys.modules["machine"] = sys.modules.get("machine"), Machine()
    try:
        for _ in range(times):
            no_memory.give_up(MemoryError("here"), 100, 50)
        return sys.modules["machine"].resets
    finally:
        if before is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = before


def test_resets_in_a_row_are_bounded():
    no_memory.forget()
    for times, resets in ((1, 1), (2, 2), (1, 0)):
        assert lack(times) == resets
    assert not counted()  # the next power-on may try as often


def test_a_start_that_held_forgets_them():
    if not hasattr(asyncio, "run"):
        raise Skip("this port's asyncio runs nothing to its end")
    no_memory._HELD_S = 0
    lack(1)
    assert counted()
    asyncio.run(no_memory.held())
    assert not counted()
    lack(1)
    turns = []
    turn = no_memory.holding(turns.append)
    turn("loop")
    turn("loop")
    assert not counted() and turns == ["loop", "loop"]
    no_memory._HELD_S = 60
    lack(1)
    no_memory.holding(turns.append)("loop")
    assert counted()
    no_memory.forget()


def test_a_count_that_is_damaged_is_none():
    with open(LACKS, "w") as file:
        file.write("many")
    assert lack(1) == 1
    no_memory.forget()
