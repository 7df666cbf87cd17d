"""A board's node, as its `config.json` says: what `board.run` runs.

`board_start` begins it, and leaves the heap once that is done; the part that stays is here.
"""

import asyncio
import sys

from dsoftbus.const import EV_DENIED, EV_PAIR_FAILED, EV_PAIRED
from dsoftbus.errors import BusError
from dsoftbus_mpy.base.overlay import unload

_WORDS = {EV_PAIRED: "paired", EV_PAIR_FAILED: "not paired", EV_DENIED: "denied"}
# What only the start needs, as linked slices are called.
_STARTED = ("dsoftbus_board_start", "dsoftbus_setup", "dsoftbus_needs")


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    _kernels()
    settings = _settings()
    _load(settings)
    try:
        asyncio.run(_run(settings))
    except BusError as error:  # no noise, no heap, a damaged key: the REPL is what is left
        print("no node:", error.detail or repr(error))


# Each a function of its own, and what they import with it: frames that stay would keep all of it.


def _kernels() -> None:
    """Loads them where the order of `startup` has not found them."""
    from dsoftbus_mpy.crypto import suite

    suite()


def _settings() -> dict:
    from dsoftbus_mpy.device.setup import settings

    return settings()


def _load(settings) -> None:
    from dsoftbus_mpy.device.start_order import load

    load(settings)


async def _run(settings) -> None:
    bus = await _started(settings)
    for name in _STARTED:
        sys.modules.pop(name, None)
    unload(bus.node)
    await asyncio.Event().wait()


async def _started(settings):
    from dsoftbus_mpy.device.board_start import made

    node = made(settings, Heard())
    await node.start()
    return node.bus


class Heard:
    """Prints the news that a running node has of its network and of its peers."""

    def __init__(self):
        self.discovery = None  # on a network, once it is there

    def on_network(self, address: str) -> None:
        print("network", address)
        if self.discovery is not None:
            self.discovery.rejoin()

    def on_no_network(self, error) -> None:
        print("no network:", error.detail or repr(error))

    def on_event(self, event) -> None:
        if event.kind in _WORDS:
            print(_WORDS[event.kind], event.peer, repr(event.name), event.code or "")
