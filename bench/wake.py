"""`make bench-wake`: a sensor's start, from its interpreter until it sleeps again, in parts.

The node is that of examples/sleeper on MicroPython's unix port, with the files that an
installation leaves; what stands in for the memory of an RTC has what it keeps. Its hub is in this
process. Three starts: one that has nothing (a full handshake), one with a ticket in default mode,
and one in sleeper mode.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import click
import table
from stopwatch import report

from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import linked_once  # noqa: E402 - after the path
from portable import micropython  # noqa: E402

OUTPUT = Path("build/bench/wake.json")
KEPT = "rtc"
LIMIT_S = 30  # ends what hangs
PARTS = {
    "start": "interpreter started",
    "code": "code imported",
    "made": "key, rules, what was kept",
    "link": "bus begun",
    "session": "session, handshake",
    "slept": "state delivered, goodbye said",
}
MODES = ("full handshake", "default mode", "sleeper mode")
PROGRAM = """
import time
said = [("start", time.time_ns())]
def note(what):
    said.append((what, time.time_ns()))

import asyncio
from dsoftbus_mpy import Bus
note("code")

async def main():
    bus = Bus("sensor", key=bytes(range(1, 33)), allow=(), sleeper=True)
    note("made")
    async with bus:
        bus.publish("temperature", 21.5)
        note("link")
        await bus.connect("127.0.0.1", PORT, bytes.fromhex("HUB"))
        note("session")
        await bus.sleep(600000)
        note("slept")

asyncio.run(main())
print(said)
"""


class Wakes:
    """A hub, and the folder of a board that wakes."""

    def __init__(self, folder: Path, interpreter: list[str]) -> None:
        self._folder = folder
        self._interpreter = interpreter

    async def __aenter__(self) -> Wakes:
        board = boards.find("unix")
        settings = json.dumps({"serial": "", "port": 1, "discovery": False}).encode()
        for path, data in (install.files_for(board, "x64") | {"config.json": settings}).items():
            (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / path).write_bytes(data)
        self._hub = BareBus(os.urandom(32), "hub", allow=ANYONE)
        self._port = await self._hub.listen("127.0.0.1")
        shutil.copy(ROOT / "tests/examples/machine.py", self._folder / "lib")
        text = PROGRAM.replace("PORT", str(self._port)).replace("HUB", self._hub.public.hex())
        (self._folder / "main.py").write_text(text)
        self._updates = self._hub.subscribe("temperature")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hub.close()

    def forget(self, mode: str) -> None:
        """The next start has nothing, and leaves a ticket for this mode."""
        (self._folder / KEPT).unlink(missing_ok=True)
        self._hub.node.tickets.agrees = mode == MODES[2]

    async def wake(self) -> list[float]:
        """Milliseconds of each of PARTS, and until the hub had the state."""
        begun = time.time_ns()
        process = await asyncio.create_subprocess_exec(
            *(*self._interpreter, "-X", "heapsize=1M", "main.py"),
            cwd=self._folder,
            env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
            stdout=asyncio.subprocess.PIPE,
        )
        update = asyncio.create_task(self._updates.__anext__())
        await asyncio.wait([update], timeout=LIMIT_S)
        delivered = time.time_ns()
        said = (await process.communicate())[0].decode()
        if not update.done():
            raise SystemExit(f"nothing was delivered: {said}")
        stamps = [begun, *(when for _, when in ast.literal_eval(said))]
        parts = [(after - before) / 1e6 for before, after in pairwise(stamps)]
        return [*parts, (delivered - begun) / 1e6]


async def _measured(rounds: int, folder: Path, interpreter: list[str]) -> dict[str, list]:
    found: dict[str, list] = {mode: [] for mode in MODES}
    async with Wakes(folder, interpreter) as wakes:
        for _ in range(rounds):
            for mode in MODES[1:]:
                wakes.forget(mode)
                found[MODES[0]].append(await wakes.wake())
                found[mode].append(await wakes.wake())
    return found


def measured(rounds: int, folder: Path, interpreter: list[str]) -> list[dict]:
    """A row for each part of each mode, beside the same part of a full handshake."""
    found = asyncio.run(_measured(rounds, folder, interpreter))
    names = (*PARTS.values(), "in all, until the hub has it")
    full = [table.median(values) for values in zip(*found[MODES[0]], strict=True)]
    return [
        table.row(f"{mode}: {name}", table.median(values), "ms", MODES[0], other)
        for mode in MODES[1:]
        for name, values, other in zip(names, zip(*found[mode], strict=True), full, strict=True)
    ]


@click.command()
@click.option("--rounds", default=15, help="starts of each kind")
def main(rounds: int) -> None:
    """Measures a sensor's start in parts."""
    linked_once.share()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(rounds, Path(folder), micropython())
    report(rows, OUTPUT)


if __name__ == "__main__":
    main()
