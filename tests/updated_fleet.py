"""Simulated boards and real ones beside each other, and one command that updates all of them."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import NamedTuple

from commands import run
from dsoftbus_host import BareBus
from dsoftbus_host.upkeep import next_key
from updated_boards import program, simulated, trusted
from updated_processes import ProcessBoard

VERSION = "2.0"


class Figures(NamedTuple):
    """The end of a command: how long it took, what it said, and how often boards started."""

    seconds: float
    status: int
    said: str
    complaints: str
    starts: int


async def campaign(
    folder: Path, image: Path, count: int, real: int, at_a_time: int, port: int
) -> Figures:
    """Updates so many simulated boards and so many real ones, with the files of `image`. Two of
    each do not bear the new version: it ends one whenever it is started there, and takes the other
    off the network. Raises AssertionError where a board does not run what it should."""
    key, trust = folder / "own.key", folder / "own.trust"
    public = BareBus(next_key.load(key)).public
    with contextlib.ExitStack() as running:
        places = [(image, folder / f"real{n:02}", n, public, port) for n in range(real)]
        processes = [running.enter_context(ProcessBoard(*place)) for place in places]
        async with simulated(folder, count, public, port) as boards:
            every = [*boards, *processes]
            trusted(trust, every)
            ending, deaf = [boards[7], *processes[:1]], [boards[31], *processes[1:2]]
            app = folder / "app"
            app.mkdir()
            (app / "app.py").write_bytes(program(ending, deaf))
            (app / "data.bin").write_bytes(bytes(range(256)) * 40)
            words = ("update", "--all", app, "--version", VERSION, "--trial", 30)
            place = ("--key", key, "--trust", trust, "--discovery-port", port)
            more = ("--interface", "127.0.0.1/8", "--at-a-time", at_a_time, "--wait", 60)
            start = time.monotonic()
            done = await asyncio.to_thread(run, *words, *place, *more)
            seconds = time.monotonic() - start
            for board in every:
                assert board.version == ("root" if board in ending + deaf else VERSION), board.name
            starts = sum(board.starts for board in every)
            return Figures(seconds, done.returncode, done.stdout, done.stderr, starts)
