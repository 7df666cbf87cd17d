"""The end of a board's sessions before it starts again, so that their peers know."""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus_aio.bus import BaseBus


_REPLY_MS = 300  # until the answer is with who has asked for it
_CLOSE_MS = 400  # until its sessions have been closed in order


async def restart(bus: "BaseBus", reset: "Callable[[], None]") -> None:
    """Closes the sessions of `bus`, and resets the board."""
    await bus.runtime.sleep(_REPLY_MS)
    for connection in bus.connections():
        connection.begin_close()
    await bus.runtime.sleep(_CLOSE_MS)
    reset()
