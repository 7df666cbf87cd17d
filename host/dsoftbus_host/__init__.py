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

from dsoftbus import lazy

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

_HOMES = {
    "dsoftbus": {
        **dict.fromkeys(("ANYONE", "HOST", "SMALL", "TINY"), "const"),
        **dict.fromkeys(("BusError", "LocalError", "PeerError", "Unsupported"), "errors"),
        "CallError": "service.status",
    },
    "dsoftbus_aio": {"Connection": "connection", "Peer": "peer", "BusStream": "stream"},
    "dsoftbus_host": {"BareBus": "bare_bus", "Bus": "bus", "run": "event_loop"},
}
_FINDERS = {package: lazy(package, home, globals()) for package, home in _HOMES.items()}


if not TYPE_CHECKING:  # a checker shall know what is there

    def __getattr__(name: str) -> object:
        if name == "__version__":  # pyproject.toml has it and nothing else, and few ask
            from importlib.metadata import version

            return version("dsoftbus")
        package = next((of for of, home in _HOMES.items() if name in home), __name__)
        return _FINDERS[package](name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
