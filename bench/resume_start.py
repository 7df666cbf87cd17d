"""A MicroPython node on the unix port, from its start until a hub has its state: in parts."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from dsoftbus_host.bare_bus import ANYONE, BareBus  # noqa: E402 - after the path
from portable import micropython  # noqa: E402

SECRET = bytes(range(1, 33))
PARTS = ("start, code", "node, ticket", "session", "state delivered")
NODE = """
import sys
sys.path[:0] = ["ROOT/core", "ROOT/micropython"]
import asyncio
from dsoftbus.resume.tickets import Tickets
from dsoftbus_mpy.bare_bus import BareBus

HUB = bytes.fromhex("HUBKEY")

async def main():
    bus = BareBus(bytes.fromhex("SECRET"), "board")
    tickets = bus.node.tickets = Tickets(bus.node, bus.now, wants_sleep=True, takes=False)
    tickets.kept.store = lambda: open("TICKET", "wb").write(tickets.encode())
    try:
        tickets.restore(open("TICKET", "rb").read())
    except OSError:
        pass  # the first start
    bus.publish("temperature", 21.5)
    print("node")
    connection = await bus.connect("127.0.0.1", PORT, HUB, link="udp")
    print("session")
    await connection.ended()
    print(len(tickets.kept), [ticket.left for ticket in tickets.kept])

print("code")
asyncio.run(main())
"""


class Starts:
    """A hub, and a node that starts and delivers its state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ticket = folder / "ticket"

    async def __aenter__(self) -> Starts:
        self._hub = BareBus(os.urandom(32), allow=ANYONE)
        port = await self._hub.listen("127.0.0.1", link="udp")
        self._script = self._folder / "node.py"
        said = {
            "ROOT": ROOT,
            "HUBKEY": self._hub.public.hex(),
            "SECRET": SECRET.hex(),
            "TICKET": self._ticket,
            "PORT": port,
        }
        text = NODE
        for name, value in said.items():
            text = text.replace(name, str(value))
        self._script.write_text(text)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hub.close()

    async def start(self, full: bool) -> list[float]:
        """Milliseconds of each of PARTS, and of all."""
        if full:
            self._ticket.unlink(missing_ok=True)
        stamps = [time.perf_counter()]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *micropython(), str(self._script), stdout=pipe
        )
        for _ in range(2):
            await process.stdout.readline()  # type: ignore[union-attr] # it is a pipe
            stamps.append(time.perf_counter())
        connection = await self._hub.accept()
        stamps.append(time.perf_counter())
        async for _update in connection.subscribe("temperature"):
            break
        stamps.append(time.perf_counter())
        await connection.close()
        await process.wait()
        parts = [(stamps[i + 1] - stamps[i]) * 1000 for i in range(len(PARTS))]
        return [*parts, (stamps[-1] - stamps[0]) * 1000]


async def _measured(rounds: int, folder: Path) -> tuple[list[list[float]], list[list[float]]]:
    async with Starts(folder) as starts:
        full, sleeper = [], []
        for _ in range(rounds):
            full.append(await starts.start(True))
            sleeper.append(await starts.start(False))
    return full, sleeper


def started(rounds: int, folder: Path) -> list[dict]:
    """A row for each part: with a ticket in sleeper mode, beside a full handshake."""
    full, sleeper = asyncio.run(_measured(rounds, folder))
    found = []
    for name, ours, others in zip(
        (*PARTS, "in all"), zip(*sleeper, strict=True), zip(*full, strict=True), strict=True
    ):
        value, other = table.median(ours), table.median(others)
        found.append(table.row(f"unix port: {name}", value, "ms", "full handshake", other))
    return found
