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
from updated_processes import TRIAL_S, ProcessBoard

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
    public = BareBus(next_key.load(folder / "own.key")).public
    with contextlib.ExitStack() as running:
        places = [(image, folder / f"real{n:02}", n, public, port) for n in range(real)]
        processes = [running.enter_context(ProcessBoard(*place)) for place in places]
        async with simulated(folder, count, public, port) as boards:
            every = [*boards, *processes]
            trusted(folder / "own.trust", every)
            ending, deaf = [boards[7], *processes[:1]], [boards[31], *processes[1:2]]
            words = ("--all", _app(folder, ending, deaf), "--at-a-time", at_a_time)
            found = await _updated(folder, port, every, *words)
            for board in every:
                assert board.version == ("root" if board in ending + deaf else VERSION), board.name
            return found


async def renewal(folder: Path, image: Path, real: int, port: int) -> Figures:
    """Gives so many real boards dsoftbus itself anew. Raises AssertionError as `campaign`."""
    public = BareBus(next_key.load(folder / "own.key")).public
    with contextlib.ExitStack() as running:
        places = [(image, folder / f"renewed{n:02}", n, public, port) for n in range(real)]
        processes = [running.enter_context(ProcessBoard(*place)) for place in places]
        trusted(folder / "own.trust", processes)
        found = await _updated(folder, port, processes, "real*", "--system")
        for board in processes:
            active, trial, _, _ = board.state("system")
            assert (active, trial, board.version) == ("a", "", "root"), board.name
            assert (board.folder / "lib_a/dsoftbus_profile.py").exists()
        return found


def _app(folder: Path, ending: list, deaf: list) -> Path:
    app = folder / "app"
    app.mkdir()
    (app / "app.py").write_bytes(program(ending, deaf))
    (app / "data.bin").write_bytes(bytes(range(256)) * 40)
    return app


async def _updated(folder: Path, port: int, boards: list, *words: object) -> Figures:
    place = ("--key", folder / "own.key", "--trust", folder / "own.trust", "--wait", 60)
    network = ("--discovery-port", port, "--interface", "127.0.0.1/8")
    more = ("--version", VERSION, "--trial", TRIAL_S)
    start = time.monotonic()
    done = await asyncio.to_thread(run, "update", *words, *place, *network, *more)
    seconds = time.monotonic() - start
    starts = sum(board.starts for board in boards)
    return Figures(seconds, done.returncode, done.stdout, done.stderr, starts)
