"""dsoftbus on CPython: all that a program imports stands here.

    from dsoftbus_host import Bus, run

    async def main():
        async with Bus("attic") as bus: ...

    run(main())

`docs/api.md` has each name with its arguments, units and errors. On a board the same names come
from `dsoftbus_mpy`.

Each is loaded when it is asked for: a program that wants one part of this package, a key or a
trust store, starts in a third of the time that the whole bus takes.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    __version__: str

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

_HOME = {
    **dict.fromkeys(("ANYONE", "HOST", "SMALL", "TINY"), "dsoftbus.const"),
    **dict.fromkeys(("BusError", "LocalError", "PeerError", "Unsupported"), "dsoftbus.errors"),
    "CallError": "dsoftbus.service.status",
    "Connection": "dsoftbus_aio.connection",
    "Peer": "dsoftbus_aio.peer",
    "BusStream": "dsoftbus_aio.stream",
    "BareBus": "dsoftbus_host.bare_bus",
    "Bus": "dsoftbus_host.bus",
    "run": "dsoftbus_host.event_loop",
}


def _loaded(name: str) -> object:
    """Loads what a program asks for by this name."""
    import importlib

    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "__version__":  # pyproject.toml has it and nothing else, and few ask
        from importlib.metadata import version

        return version("dsoftbus")
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # a checker shall know what is there

    def __getattr__(name: str) -> object:
        found = globals()[name] = _loaded(name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
