"""Instructions of a MicroPython node for a handshake, under callgrind: as `board` counts them."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import table

from board import HEAD, Board
from dsoftbus_host.bare_bus import ANYONE, BareBus

# It has done each kind of handshake before the one that counts: no code is loaded meanwhile.
NODE = (
    HEAD
    + """
from dsoftbus.resume.tickets import Tickets
from dsoftbus_mpy.bare_bus import BareBus

async def once(bus):
    connection = await bus.connect("127.0.0.1", PORT, bytes.fromhex("HUBKEY"))
    await connection.close()

async def one_kind(full, sleeper):
    bus = BareBus(bytes(range(32)), "board")
    tickets = bus.node.tickets = Tickets(bus.node, bus.now, wants_sleep=sleeper, takes=False)
    for _ in range(2):
        await once(bus)
    if full:
        tickets.forget(bytes.fromhex("HUBKEY"))
    print("ready")
    sys.stdin.readline()
    await once(bus)
    print("done")
    sys.stdin.readline()
    await bus.close()

async def main():
    for full, sleeper in KINDS:
        await one_kind(full, sleeper)

asyncio.run(main())
"""
)
KINDS = {"full": (True, False), "default": (False, False), "sleeper": (False, True)}


async def _counted(board: Board) -> tuple[int, int]:
    """The next handshake: (instructions of all but machine code, those of machine code)"""
    await asyncio.to_thread(board.said, b"ready")
    await board.count(True)
    os.write(board.outer, b"\n")
    await asyncio.to_thread(board.said, b"done")
    await board.count(False)
    found = await board.cost()
    os.write(board.outer, b"\n")
    return found


async def _of_each_kind(folder: Path) -> dict[str, tuple[int, int]]:
    async with BareBus(os.urandom(32), allow=ANYONE) as hub:
        text = NODE.replace("PORT", str(await hub.listen("127.0.0.1")))
        text = text.replace("HUBKEY", hub.public.hex())
        board = Board(text.replace("KINDS", repr(tuple(KINDS.values()))), folder)
        try:
            return {kind: await _counted(board) for kind in KINDS}
        finally:
            board.end()


def instructions(folder: Path) -> list[dict]:
    """A row for each kind of handshake and of code; none without valgrind."""
    if not shutil.which("valgrind"):
        return []
    found = asyncio.run(_of_each_kind(folder))
    rows = []
    for at, name in enumerate(("the interpreter", "machine code")):
        for kind in ("default", "sleeper"):
            value, full = found[kind][at], found["full"][at]
            rows.append(table.row(f"{name}, {kind}", value / 1e6, "million", "full", full / 1e6))
    return rows
