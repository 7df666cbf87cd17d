"""dsoftbus on CPython: all that a program imports stands here.

    from dsoftbus_host import Bus, run

    async def main():
        async with Bus("attic") as bus: ...

    run(main())

`docs/api.md` has each name with its arguments, units and errors. On a board the same names come
from `dsoftbus_mpy`.
"""

from dsoftbus.const import ANYONE, HOST, SMALL, TINY
from dsoftbus.errors import BusError, LocalError, PeerError, Unsupported
from dsoftbus.service.status import CallError
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.peer import Peer
from dsoftbus_aio.stream import BusStream
from dsoftbus_host import files, key_file
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bus import Bus
from dsoftbus_host.event_loop import run

__all__ = [
    "ANYONE",
    "HOST",
    "SMALL",
    "TINY",
    "BareBus",
    "Bus",
    "BusError",
    "BusStream",
    "CallError",
    "Connection",
    "LocalError",
    "Peer",
    "PeerError",
    "Unsupported",
    "__version__",
    "files",
    "key_file",
    "run",
]


def __getattr__(name: str) -> str:
    """`__version__`, which pyproject.toml has and nothing else: looking it up takes a sixth of a
    command's start, and few ask."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("dsoftbus")
