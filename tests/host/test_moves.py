"""One session between two processes goes from a cable to a network and back, in mid-transfer."""

import asyncio
import contextlib
import hashlib
import os
import sys
from pathlib import Path

import pytest

from cables import Network, PluggedCable
from dsoftbus.const import (
    EV_MOVED,
    LINK_BROKER,
    LINK_DATAGRAM,
    LINK_LINE,
    LINK_STREAM,
    SUITE_CHACHA_SHA256,
)
from dsoftbus_host import Bus
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.crypto import suite
from moving_node import moving_group
from portable import TIMEOUT_S
from real_brokers import mosquitto

NODE = Path(__file__).parent.parent / "moving_node.py"
SECRET = bytes(range(32))
PUBLIC = suite(SUITE_CHACHA_SHA256).keypair(SECRET).public


@contextlib.asynccontextmanager
async def node(*arguments):
    """The other process; gives its UDP port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(NODE), SECRET.hex(), *arguments), stdout=asyncio.subprocess.PIPE
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
        self._others = bus.on_moved
        self.paths = []
        bus.on_moved = self._note

    def _note(self, connection):
        if self._others is not None:
            self._others(connection)
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


class Story:
    """A session with the node, and what goes on in it; `paths` are where the session was."""

    def __init__(self, bus, cable, port, broker=""):
        self.bus = bus
        self.cable = cable
        self.network = Network(port)
        self.moved = Moved(bus)
        peer = bus.node.discover().know(PUBLIC)
        peer.line = (LINK_LINE, cable.paths[0], 0)
        peer.fixed = (LINK_DATAGRAM, "127.0.0.1", self.network.port)
        bus.open_serial(cable.paths[0])
        if broker:
            peer.broker = (LINK_BROKER, "home", 0)
            self.group = bus.open_group(moving_group(broker))
        self.id = peer.id
        self.numbers = []
        self.tasks = []

    async def __aenter__(self):
        self.connection = await self.bus.reach(self.id)
        self.transfer = Transfer(self.connection)
        self.tasks.append(asyncio.ensure_future(self.transfer.run()))
        self.tasks.append(asyncio.ensure_future(ticks(self.connection, self.numbers)))
        await self.transfer.goes_on()
        return self

    async def on(self, here, there):
        """The session has come to paths of these kinds, and all goes on."""
        await self.moved.to(here)
        assert self.connection.path.startswith(here)
        await self.transfer.goes_on()
        assert (await self.connection.call("where", timeout_ms=20000)).startswith(there)

    async def __aexit__(self, *error):
        try:
            if error[0] is None:
                self.transfer.end()
                await self.tasks[0]
                numbers = self.numbers
                assert numbers == list(range(numbers[0], numbers[-1] + 1)), "each tick, once"
                assert self.connection.cause is None
        finally:
            for task in self.tasks:
                task.cancel()
            self.network.close()


async def cable_and_network(cable):
    events = []
    async with (
        node(cable.paths[1]) as port,
        Bus(
            "mover", key=os.urandom(32), allow=ANYONE, listen=False, on_event=events.append
        ) as bus,
        Story(bus, cable, port) as story,
    ):
        assert story.connection.path == "serial " + cable.paths[0]
        assert await story.connection.call("where") == "serial " + cable.paths[1]
        cable.pull()
        await story.on("udp", "udp")
        assert story.connection.path == f"udp 127.0.0.1:{story.network.port}"
        cable.plug()
        await story.on("serial", "serial")
        story.network.cut()
        await story.transfer.goes_on()
        assert story.connection.session.moves == 2
    told = [event for event in events if event.kind == EV_MOVED]
    assert [event.name.split()[0] for event in told] == ["udp", "serial"]
    assert {event.peer for event in told} == {story.id}


async def all_three(cable, broker):
    async with (
        node(cable.paths[1], broker) as port,
        BareBus(os.urandom(32)) as bus,
        Story(bus, cable, port, broker) as story,
    ):
        assert await story.group.link.connection.wait_open(bus.now() + 60000)
        cable.pull()
        await story.on("udp", "udp")
        story.network.cut()
        await story.on("mqtt home", "mqtt home")
        cable.plug()
        await story.on("serial", "serial")
        kinds = [path.split()[0] for path in story.moved.paths]
        assert kinds == ["udp", "mqtt", "serial"]


@pytest.fixture
def cable(tmp_path):
    cable = PluggedCable(tmp_path)
    yield cable
    cable.pull()


def test_a_transfer_goes_from_a_cable_to_udp_and_back(cable):
    asyncio.run(asyncio.wait_for(cable_and_network(cable), TIMEOUT_S))


def test_a_transfer_goes_from_a_cable_to_udp_to_a_broker_and_back(cable, tmp_path):
    with mosquitto(tmp_path) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        asyncio.run(asyncio.wait_for(all_three(cable, url), TIMEOUT_S))


def test_each_kind_of_session_says_its_path():
    async def story():
        async with BareBus(SECRET, allow=ANYONE) as one, BareBus(os.urandom(32)) as other:
            for link in ("tcp", "udp"):
                port = await one.listen("127.0.0.1", link=link)
                async with await other.connect("127.0.0.1", port, PUBLIC, link=link) as connection:
                    assert connection.path == f"{link} 127.0.0.1:{port}"
                    accepted = await one.accept()
                    assert accepted.path.startswith({"tcp": "from 127.0.0.1", "udp": "udp "}[link])

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))


def test_the_order_of_routes_changes_only_where_there_are_links_of_several_kinds():
    async def story():
        async with BareBus(SECRET) as bus:
            tcp, udp = (LINK_STREAM, "h", 1), (LINK_DATAGRAM, "h", 1)
            line, broker = (LINK_LINE, "/dev/x", 0), (LINK_BROKER, "home", 0)
            ordered = bus.moving.ordered
            assert ordered([tcp, udp]) == [tcp, udp]
            assert ordered([broker, tcp, udp, line]) == [line, udp, tcp, broker]
            assert ordered([line]) == [line] and ordered([]) == []

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))
