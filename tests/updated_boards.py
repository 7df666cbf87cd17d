"""Simulated boards that are updated: nodes of CPython that start again as boards do.

Each has a flash in memory, the start program, and programs that it runs: `async def main(bus)` may
do with the node what it likes, and SystemExit is a reset. The time of a trial is over at once when
nobody can reach the node any more.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus, Bus, key_file
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from update_board import Board, Flash

START_S = 0.3
GOOD = b"async def main(bus):\n    pass\n"
_PROGRAM = """
async def main(bus):
    if bus.id in %r:
        raise SystemExit
    if bus.id in %r:
        await bus.close()
"""


def program(ending: Iterable = (), deaf: Iterable = ()) -> bytes:
    """A program that ends some boards whenever it is started there, and takes others off the
    network."""
    ids = [[device_id(board.public) for board in boards] for boards in (ending, deaf)]
    return (_PROGRAM % tuple(ids)).encode()


class SimulatedBoard:
    """One of them, within `async with`."""

    def __init__(self, folder: Path, number: int, host: bytes, discovery_port: int) -> None:
        self.name = f"board{number:02}"
        self.key = folder / f"{self.name}.key"  # beside it are its starts, for announcements
        self.public = BareBus(key_file.load_or_make(self.key)).public
        self.flash = Flash()
        self.place = _Place(self.flash, self)
        self.starts = 0
        self.port = 0  # the same at all starts, as a board's
        self._host = host
        self._trust = folder / f"{self.name}.trust"
        self._port = discovery_port
        self._bus: Bus | None = None
        self._task: asyncio.Task | None = None

    async def __aenter__(self) -> "SimulatedBoard":
        self.trust(self._host, "allow both *", "allow in update")
        await self._start()
        return self

    def trust(self, public: bytes, *rights: str) -> None:
        """Gives a node these rights, and no others."""
        store = StoreFile(self._trust)
        store.store.add(Entry(public, "host", [grant(text) for text in rights]))
        store.save()

    async def __aexit__(self, *_) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.end()

    def restart(self) -> None:
        """Does what a reset does; it may come from within the node."""
        self._task = asyncio.ensure_future(self._again())

    async def _again(self) -> None:
        await self.end()
        await asyncio.sleep(START_S)
        await self._start()

    async def end(self) -> None:
        """Switches it off."""
        if self._bus is not None:
            await self._bus.close()
            self._bus = None

    async def _start(self) -> None:
        self.starts += 1
        self.place.start()
        program = self.place.runs("app").get("app.py", GOOD)
        names: dict = {}
        exec(program, names)
        self._bus = bus = Bus(
            self.name,
            key=self.key,
            trust=self._trust,
            host="127.0.0.1",
            port=self.port,
            interfaces=[LOOPBACK],
            discovery_port=self._port,
            serial=(),
        )
        bus.updates(self.place)
        await bus.__aenter__()
        self.port = bus.port
        try:
            await names["main"](bus)
        except SystemExit:
            self.restart()
        if self.place.on_trial:
            after_s = 0 if bus.closed else self.place.trial_s
            asyncio.get_running_loop().call_later(after_s, self._end_trial, self.starts)

    def _end_trial(self, start: int) -> None:
        if self.starts == start and self.place.on_trial:
            self.restart()

    @property
    def version(self) -> str:
        """The version that runs."""
        slot = self.place.running("app")
        return "root" if slot == "r" else self.place.version(slot)


class _Place(Board):
    """A board whose reset is the end of its node, and its next start."""

    def __init__(self, flash: Flash, board: SimulatedBoard) -> None:
        super().__init__(flash)
        self._board = board

    @property
    def trial_s(self) -> int:
        return self.records.read()[1]["trial_s"]

    def version(self, slot: str) -> str:
        text = self.flash.files[f"app_{slot}/manifest.json"].decode()
        return text.split('"')[3]

    def reset(self) -> None:
        self.resets += 1
        self._board.restart()


@contextlib.asynccontextmanager
async def simulated(folder: Path, count: int, host: bytes, discovery_port: int):
    """So many boards, which trust `host`."""
    async with contextlib.AsyncExitStack() as running:
        boards = []
        for number in range(count):
            board = SimulatedBoard(folder, number, host, discovery_port)
            boards.append(await running.enter_async_context(board))
        yield boards


def trusted(path: Path, boards: list) -> None:
    """Writes the trust store of a host that has paired with them."""
    store = StoreFile(path)
    for board in boards:
        store.store.add(Entry(board.public, board.name, [grant("allow both *")], int(time.time())))
    store.save()
