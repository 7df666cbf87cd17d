"""A bridge between real sockets and a cable; the board at its end is a node of this host."""

import asyncio
import io
import os
import random
import socket
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner
from rich.console import Console

from dsoftbus.const import LINK_DATAGRAM, SMALL
from dsoftbus_host import files
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.bridge.bridge import Bridge, Status
from dsoftbus_host.bridge.relay import OVER_BUDGET, OVERSIZE
from dsoftbus_host.cli import bridge
from dsoftbus_host.cli.command import main
from dsoftbus_host.discovery.discovery import Discovery
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.upkeep.file_watch import FileWatch
from free_ports import free_port
from host.test_serial_port import Cable

TIMEOUT_S = 60


class Plugs:
    """Two names of serial ports, joined by a cable that can be replaced."""

    def __init__(self, folder):
        self.names = [str(folder / "near"), str(folder / "far")]
        self.plug()

    def plug(self):
        self._cable = Cable()
        for name, path in zip(self.names, self._cable.paths, strict=True):
            os.symlink(path, name)

    def pull(self):
        for name in self.names:
            os.unlink(name)
        self._cable.close()


@pytest.fixture
def plugs(tmp_path):
    joined = Plugs(tmp_path)
    yield joined
    joined.pull()


class Board:
    """A node on the far end of the cable, with a board's limits; it announces itself there."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def __aenter__(self):
        self.bus = BareBus(os.urandom(32), "desk", SMALL, ANYONE)
        files.serve_echo(self.bus)
        self.events = []
        self._watch = FileWatch(self.bus, self.events.append)
        self._watch.start()
        # A port of its own: on the network nobody hears this one.
        self._discovery = Discovery(self.bus, self._watch, 0, ("echo",), [LOOPBACK], free_port())
        self._discovery.start()
        self.line = self.bus.open_serial(self._path)
        self._discovery.add_line(self.line)
        return self

    async def __aexit__(self, *_):
        self._discovery.stop()
        await self.bus.close()
        self._watch.stop()


@asynccontextmanager
async def bridged(plugs, discovery_port: int):
    async with Board(plugs.names[1]) as board:
        bridge = Bridge(
            plugs.names[0],
            host="127.0.0.1",
            interfaces=[LOOPBACK],
            discovery_port=discovery_port,
        )
        try:
            await until(lambda: bridge.status.id == board.bus.id)
            yield bridge, board
        finally:
            bridge.close()


async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)


async def echo(connection, data: bytes) -> bytes:
    async with await connection.open("echo") as stream:
        reading = asyncio.create_task(stream.read())
        await stream.write(data)
        await stream.finish()
        return await reading


def run(scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario, TIMEOUT_S))


@asynccontextmanager
async def looking(discovery_port: int):
    """A node on the network that listens and looks around: (bus, table of peers)."""
    async with BareBus(os.urandom(32), "laptop", allow=ANYONE) as bus:
        files.serve_echo(bus)
        port = await bus.listen("127.0.0.1", 0, "udp")
        with FileWatch(bus, lambda event: None) as watch:
            kinds = (LINK_DATAGRAM,)
            with Discovery(bus, watch, port, ("echo",), [LOOPBACK], discovery_port, kinds):
                yield bus


def test_each_finds_the_other_and_either_may_begin(plugs):
    async def scenario():
        port = free_port()
        async with bridged(plugs, port) as (bridge, board), looking(port) as bus:
            await until(lambda: bus.node.peers.get(board.bus.id))
            ((kind, host, udp),) = bus.node.peers.get(board.bus.id).routes()
            assert (kind, host, udp) == (LINK_DATAGRAM, "127.0.0.1", bridge.port)
            connection = await bus.connect(host, udp, board.bus.public, link="udp")
            data = os.urandom(200_000)
            assert await echo(connection, data) == data
            await until(lambda: board.bus.node.peers.get(bus.id))
            _, _, channel = board.bus.node.peers.get(bus.id).line
            assert channel > 0
            back = await board.line.connect(bus.public, channel=channel)
            assert await echo(back, data) == data
            assert bridge.status.live == 2 and not bridge.status.drops

    run(scenario())


def test_a_peer_that_changes_its_address_keeps_its_session(plugs):
    async def scenario():
        async with (
            bridged(plugs, free_port()) as (bridge, board),
            BareBus(os.urandom(32), allow=ANYONE) as bus,
        ):
            connection = await bus.connect("127.0.0.1", bridge.port, board.bus.public, link="udp")
            assert await echo(connection, b"before") == b"before"
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            connection.port.rebind(sock)
            assert await echo(connection, b"after") == b"after"
            assert bridge.status.live == 2

    run(scenario())


def test_a_cable_that_is_pulled_and_put_back_in_the_midst_of_a_transfer(plugs):
    async def scenario():
        port = free_port()
        async with bridged(plugs, port) as (bridge, board), looking(port) as bus:
            connection = await bus.connect("127.0.0.1", bridge.port, board.bus.public, link="udp")
            data = os.urandom(600_000)
            echoing = asyncio.create_task(echo(connection, data))
            before = bridge.status.to_board
            await until(lambda: bridge.status.to_board > before + 200)
            plugs.pull()
            await until(lambda: not bridge.status.plugged)
            assert not bridge.status.id
            plugs.plug()
            await until(lambda: bridge.status.id == board.bus.id)
            assert await echoing == data

    run(scenario())


def test_a_bridge_that_is_gone_and_back_finds_its_sessions_again(plugs):
    async def scenario():
        port = free_port()
        async with (
            bridged(plugs, port) as (bridge, board),
            BareBus(os.urandom(32), allow=ANYONE) as bus,
        ):
            connection = await bus.connect("127.0.0.1", bridge.port, board.bus.public, link="udp")
            assert await echo(connection, b"before") == b"before"
            bridge.close()
            again = Bridge(
                plugs.names[0],
                host="127.0.0.1",
                port=bridge.port,
                interfaces=[LOOPBACK],
                discovery_port=port,
            )
            data = os.urandom(50_000)
            assert await echo(connection, data) == data
            again.close()

    run(scenario())


def test_a_flood_from_the_network_leaves_a_transfer_its_cable(plugs):
    async def scenario():
        async with (
            bridged(plugs, free_port()) as (bridge, board),
            BareBus(os.urandom(32), allow=ANYONE) as bus,
        ):
            connection = await bus.connect("127.0.0.1", bridge.port, board.bus.public, link="udp")
            flooding = asyncio.create_task(flood(bridge.port))
            data = os.urandom(200_000)
            assert await echo(connection, data) == data
            flooding.cancel()
            drops = bridge.status.drops
            assert drops[OVER_BUDGET] > 100 and drops[OVERSIZE] > 100
            assert bridge.status.cookies_asked > 100
            assert len(board.bus.node.sessions) <= SMALL.sessions + SMALL.half_open

    run(scenario())


async def flood(port: int) -> None:
    """From forty addresses: openings, protected packets, and datagrams that are too long."""
    random_bytes = random.Random(1).randbytes
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]
    try:
        while True:
            for sock in sockets:
                sock.setblocking(False)
                number = random_bytes(4)[1:]
                for datagram in (
                    b"\1\0" + number + b"\1\1\1" + random_bytes(48),
                    b"\4\0" + number + random_bytes(400),
                    b"\4\0" + number + random_bytes(1000),
                ):
                    sock.sendto(datagram, ("127.0.0.1", port))
            await asyncio.sleep(0.01)
    finally:
        for sock in sockets:
            sock.close()


def test_a_network_node_never_sends_more_than_the_line_carries(plugs):
    """Both sides agree on a size in the handshake, whose packets are short."""

    async def scenario():
        async with (
            bridged(plugs, free_port()) as (bridge, board),
            BareBus(os.urandom(32), allow=ANYONE) as bus,
        ):
            connection = await bus.connect("127.0.0.1", bridge.port, board.bus.public, link="udp")
            assert 400 < connection.session.reliable.message_max < 479
            assert connection.send_datagram(bytes(connection.session.reliable.message_max))
            data = os.urandom(5000)
            assert await echo(connection, data) == data
            assert not bridge.status.drops

    run(scenario())


def test_the_command_says_what_it_does(plugs):
    words = ["bridge", *plugs.names, "--host", "127.0.0.1", "--interface", "127.0.0.1/8"]
    place = ["--discovery-port", str(free_port()), "--seconds", "0.3"]
    result = CliRunner().invoke(main, words + place)
    assert result.exit_code == 0, result.output
    for name in plugs.names:
        assert f"{name}: waiting for a board" in result.output
        assert f"{name}: 0 datagrams to the board, 0 from it, dropped: none" in result.output
    result = CliRunner().invoke(main, ["bridge", plugs.names[0] + "not"])
    assert result.exit_code == 1 and "not" in result.output


def test_the_live_table_names_the_board_and_every_reason():
    drops = Counter({OVER_BUDGET: 7, OVERSIZE: 1})
    said = Status("ttyX", 4000, True, "desk", "a" * 26, 2, 5, 10, 20, 0, 3, drops)
    shown = io.StringIO()
    unplugged = said._replace(plugged=False, id="")
    Console(file=shown, width=200).print(bridge.table([said, unplugged]))
    text = shown.getvalue()
    for part in ("desk", "2 of 5", "4000", "7 over budget, 1 longer than", "unplugged"):
        assert part in text
