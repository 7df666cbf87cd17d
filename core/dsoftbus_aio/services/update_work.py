"""Work on the flash for calls and files of an update: its turns, and the code of its failure."""

import asyncio

from dsoftbus.errors import STREAM_CANCELLED, UPDATE_FILE, UPDATE_NO_SPACE, BusError

if False:  # for types
    from collections.abc import Iterator

_NO_SPACE = 28  # ENOSPC, which MicroPython does not name


async def turns(steps: "Iterator[None]") -> None:
    """Does the work, with a turn for others after each step."""
    for _ in steps:
        await asyncio.sleep(0)


def code_of(error: Exception) -> int:
    """The code of an error of the bus, or of the flash."""
    if isinstance(error, BusError):
        return error.code
    if isinstance(error, OSError):
        return UPDATE_NO_SPACE if error.args[:1] == (_NO_SPACE,) else UPDATE_FILE
    return STREAM_CANCELLED
