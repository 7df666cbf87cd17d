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

async def main():
    bus = BareBus(bytes(range(32)), "board")
    tickets = bus.node.tickets = Tickets(bus.node, bus.now, wants_sleep=SLEEPER, takes=False)
    for _ in range(2):
        await once(bus)
    if FULL:
        tickets.forget(bytes.fromhex("HUBKEY"))
    print("ready")
    sys.stdin.readline()
    await once(bus)
    print("done")
    sys.stdin.readline()

asyncio.run(main())
"""
)
KINDS = {"full": (True, False), "default": (False, False), "sleeper": (False, True)}


async def _counted(kind: str, folder: Path) -> tuple[int, int]:
    """(instructions of all but machine code, those of machine code)"""
    full, sleeper = KINDS[kind]
    async with BareBus(os.urandom(32), allow=ANYONE) as hub:
        text = NODE.replace("PORT", str(await hub.listen("127.0.0.1")))
        text = text.replace("HUBKEY", hub.public.hex())
        text = text.replace("SLEEPER", str(sleeper)).replace("FULL", str(full))
        folder = folder / kind
        folder.mkdir()
        board = Board(text, folder)
        await asyncio.to_thread(board.said, b"ready")
        await board.count(True)
        os.write(board.outer, b"\n")
        await asyncio.to_thread(board.said, b"done")
        await board.count(False)
        return board.cost()


def instructions(folder: Path) -> list[dict]:
    """A row for each kind of handshake and of code; none without valgrind."""
    if not shutil.which("valgrind"):
        return []
    found = {kind: asyncio.run(_counted(kind, folder)) for kind in KINDS}
    rows = []
    for at, name in enumerate(("the interpreter", "machine code")):
        for kind in ("default", "sleeper"):
            value, full = found[kind][at], found["full"][at]
            rows.append(table.row(f"{name}, {kind}", value / 1e6, "million", "full", full / 1e6))
    return rows
