"""Calls and topics between processes on loopback: a hub in this one, and nodes that are killed and
start again, whose sessions are cut, and whose calls time out or are cancelled."""

import asyncio
import contextlib
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from dsoftbus.errors import BusError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.bare_bus import BareBus
from nodes import environment

NODES = 3
NEVER_RAN = (status.NO_METHOD, status.BUSY, status.NOT_MADE)
PROGRAM = Path(__file__).parent / "services_node.py"


class Child:
    """A node in a process of its own, which keeps its key."""

    def __init__(self, soak: "Soak", number: int) -> None:
        self.secret = bytes([number + 1]) * 32
        self.public = BareBus(self.secret).public
        self.log = soak.folder / f"node{number}"
        self.starts = 0
        self.hub = soak.bus
        self.connection = None
        self.process = None

    def start(self) -> None:
        self.starts += 1
        words = (self.secret.hex(), self.hub.public.hex(), self.log, self.starts)
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *map(str, words)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    async def connected(self):
        """The session with it, a new one where there is none."""
        if self.process is None:
            self.start()
            self.port = int(await asyncio.to_thread(self.process.stdout.readline))
        if self.connection is None or self.connection.cause is not None:
            self.connection = await self.hub.connect("127.0.0.1", self.port, self.public)
        return self.connection

    def ran(self) -> Counter:
        """The log tells how often each call was run, by id."""
        text = self.log.read_text() if self.log.exists() else ""
        return Counter(map(int, text.split()))


class Soak:
    def __init__(self, folder: Path, seed: int, nodes: int = NODES) -> None:
        self.folder = folder
        self.nodes = nodes
        self.random = random.Random(seed)
        self.ends = {}  # of calls, by id: 0, a status, or None where the program cancelled it
        self.updates = Counter()
        self.seen = {}  # (start, number) by peer and topic
        self.bus = None

    async def run(self, seconds: float) -> Counter:
        """Returns how many calls have ended in each way, and updates that came."""
        async with BareBus(bytes(31) + b"\1", "hub") as self.bus:
            children = [Child(self, i) for i in range(self.nodes)]
            watching = asyncio.ensure_future(self.watch())
            try:
                walks = (self.walk(child, seconds) for child in children)
                await asyncio.gather(*walks)
            finally:
                watching.cancel()
                for child in children:
                    child.kill()
            await asyncio.gather(watching, return_exceptions=True)
            if not watching.cancelled():
                watching.result()
        self.judge(sum((child.ran() for child in children), Counter()))
        labels = ("cancelled" if end is None else f"status {end:#x}" for end in self.ends.values())
        return Counter(labels) + self.updates

    async def walk(self, child: Child, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            connection = await child.connected()
            calls = [self.call(connection) for _ in range(self.random.randrange(1, 12))]
            burst = asyncio.gather(*calls)
            await asyncio.wait([burst], timeout=self.random.choice((0, 0.02, 0.2)))
            self.disturb(child)
            await burst
            await asyncio.sleep(0)

    def disturb(self, child: Child) -> None:
        what = self.random.randrange(20)
        if what == 0:
            child.kill()
        elif what == 1:
            child.connection.begin_close()

    async def call(self, connection) -> None:
        number = len(self.ends)
        self.ends[number] = None
        name = self.random.choice(("double", "slow", "slow", "fails", "other"))
        timeout_ms = self.random.choice((0, 0, 20, 500))
        call = connection.call(name, number, timeout_ms=timeout_ms)
        wait_s = self.random.choice((None, None, 0.01, 0.05))
        with contextlib.suppress(asyncio.TimeoutError):
            self.ends[number] = await asyncio.wait_for(self.ended(number, call), wait_s)

    async def ended(self, number: int, call) -> int:
        try:
            assert await call == 2 * number
        except CallError as error:
            if error.code == status.ERROR:
                assert (error.number, error.detail) == (number % 1000, "its own")
            return error.code
        except BusError:
            return status.NOT_MADE  # there was no session
        return status.OK

    async def watch(self) -> None:
        async for update in self.bus.subscribe("#"):
            start, number = update.value
            key = (update.peer.id, update.topic)
            before = self.seen.get(key)
            self.seen[key] = (start, number)
            self.updates["updates"] += 1
            if before is None:
                assert update.lost == 0, (key, update.lost)
            elif before[0] != start:
                assert update.lost is None and start > before[0], (key, before, start)
            else:
                assert update.lost == number - before[1] - 1, (key, before, number, update.lost)
                self.updates["lost"] += update.lost

    def judge(self, ran: Counter) -> None:
        """No call was run twice, those that have an answer once, and those that were not made
        never."""
        for number, end in self.ends.items():
            assert ran[number] <= 1, number
            if end in (status.OK, status.ERROR):
                assert ran[number] == 1, (number, end)
            elif end in NEVER_RAN:
                assert not ran[number], (number, end)
