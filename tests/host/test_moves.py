"""One session between two processes goes from a cable to a network and back, in mid-transfer."""

import asyncio
import contextlib
import hashlib
import os
import sys
from pathlib import Path

from cables import Network, PluggedCable
from dsoftbus.const import LINK_DATAGRAM, LINK_LINE
from dsoftbus_host.bare_bus import BareBus
from portable import TIMEOUT_S

NODE = Path(__file__).parent.parent / "moving_node.py"
SECRET = bytes(range(32))


@contextlib.asynccontextmanager
async def node(cable):
    """The other process; gives its UDP port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(NODE), SECRET.hex(), cable.paths[1], stdout=asyncio.subprocess.PIPE
    )
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


class Transfer:
    """Bytes that go out on `echo`, and come back, until it is told to end."""

    def __init__(self, connection):
        self.connection = connection
        self.sent = hashlib.sha256()
        self.back = hashlib.sha256()
        self.received = 0
        self._ends = False
        self._progress = asyncio.Event()

    async def run(self):
        async with await self.connection.open("echo") as stream:
            await asyncio.gather(self._send(stream), self._receive(stream))
        assert self.sent.digest() == self.back.digest()

    async def goes_on(self, n=20_000):
        """Waits until so much more is back."""
        wanted = self.received + n
        while self.received < wanted:
            self._progress.clear()
            await self._progress.wait()

    def end(self):
        self._ends = True

    async def _send(self, stream):
        while not self._ends:
            data = os.urandom(4096)
            self.sent.update(data)
            await stream.write(data)
        await stream.finish()

    async def _receive(self, stream):
        while data := await stream.read(4096):
            self.back.update(data)
            self.received += len(data)
            self._progress.set()


class Moved:
    """The paths that a bus's sessions have come to."""

    def __init__(self, bus):
        self._changed = asyncio.Event()
        self.paths = []
        bus.on_moved = self._note

    def _note(self, connection):
        self.paths.append(connection.path)
        self._changed.set()

    async def to(self, kind):
        while not (self.paths and self.paths[-1].startswith(kind)):
            self._changed.clear()
            await self._changed.wait()


async def ticks(connection, numbers):
    async for update in connection.subscribe("tick"):
        assert not update.lost
        numbers.append(update.value)


async def story(cable):
    async with node(cable) as port, BareBus(os.urandom(32)) as bus:
        network = Network(port)
        moved = Moved(bus)
        async with BareBus(SECRET) as known:
            public = known.public
        peer = bus.node.discover().know(public)
        peer.line = (LINK_LINE, cable.paths[0], 0)
        peer.fixed = (LINK_DATAGRAM, "127.0.0.1", network.port)
        bus.open_serial(cable.paths[0])
        connection = await bus.reach(peer.id)
        assert connection.path == "serial " + cable.paths[0], "what can move, on the best link"
        assert await connection.call("where") == "serial " + cable.paths[1]
        numbers = []
        transfer = Transfer(connection)
        tasks = [asyncio.ensure_future(transfer.run())]
        tasks.append(asyncio.ensure_future(ticks(connection, numbers)))
        try:
            await transfer.goes_on()
            cable.pull()
            await moved.to("udp")
            assert connection.path == f"udp 127.0.0.1:{network.port}"
            await transfer.goes_on()
            assert (await connection.call("where")).startswith("udp 127.0.0.1:")
            cable.plug()
            await moved.to("serial")
            await transfer.goes_on()
            assert await connection.call("where") == "serial " + cable.paths[1]
            network.cut()
            await transfer.goes_on()
            transfer.end()
            await tasks[0]
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), "each tick, once"
            assert connection.cause is None and connection.session.moves == 2
        finally:
            for task in tasks:
                task.cancel()
            network.close()


def test_a_transfer_goes_from_a_cable_to_udp_and_back(tmp_path):
    cable = PluggedCable(tmp_path)
    asyncio.run(asyncio.wait_for(story(cable), TIMEOUT_S))
    cable.pull()
