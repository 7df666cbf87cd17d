"""A board with only a cable is found and reached by others on the network, through a bridge."""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import compiled_modules
from board.conftest import HEAP
from board.supervisor import Supervisor
from command import quick_command
from commands import environment
from dsoftbus.const import LINK_DATAGRAM
from dsoftbus.errors import END_LOCAL
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.command import main
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from host.test_bridge import flood
from nodes import KEY, digest, echoed, make_file
from nodes import run as micropython

WAIT_S = 60
SIZE = 250_000
# Serves, greets the nodes `host` and `desk-9` when it hears of them, and notes who greets it.
MAIN = """
import asyncio

from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy import console_port, folder
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_aio.line_discovery import LineDiscovery
from dsoftbus_mpy.device.boot_counter import count_start


async def greet(bus, line, peer):
    async with await line.connect(peer.public, peer.line[2]) as connection:
        async with await connection.open("greeting") as stream:
            await stream.write(b"hello, " + peer.name.encode())
            await stream.finish()
            await stream.readexactly(2)


async def note(connection, stream):
    said = await stream.readexactly(13)
    with open("greeted", "w") as file:
        file.write(said.decode() + " " + connection.peer_id)
    await stream.write(b"ok")
    await stream.finish()


async def main():
    with open("key", "rb") as file:
        key = file.read()
    bus = BareBus(key, "desk-%d" % key[0], allow=ANYONE)
    serve_echo(bus)
    bus.share(folder.make("files"))
    bus.on_stream("greeting", note)
    peers = bus.node.discover()
    port = bus.open_serial(console_port.ConsolePort())
    line = LineDiscovery(bus, port, count_start("starts"), ("echo",))
    print("ready")
    greeted = []
    while True:
        for peer in peers:
            if peer.id not in greeted and peer.line and peer.name in ("host", "desk-9"):
                greeted.append(peer.id)
                bus.spawn(greet(bus, line, peer))
        await asyncio.sleep_ms(50)


asyncio.run(main())
"""
BOARD = BareBus(KEY).public


@contextlib.contextmanager
def started(folder: Path, key: bytes = KEY):
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "key").write_bytes(key)
    with Supervisor(folder, heap="2M", modules=compiled_modules.path()) as supervisor:
        supervisor.wait_for(b"ready")
        yield supervisor


@pytest.fixture
def board(tmp_path):
    with started(tmp_path / "board") as supervisor:
        yield supervisor


@pytest.fixture
def discovery_port() -> int:
    return free_port()


class Bridge:
    """`dsoftbus bridge` as a process."""

    def __init__(self, discovery_port: int, *paths: str, port: int = 0) -> None:
        words = ("bridge", *paths, "--host", "127.0.0.1", "--interface", "127.0.0.1/8")
        numbers = ("--discovery-port", str(discovery_port), "--port", str(port))
        self._command = (*quick_command(), *words, *numbers)

    def __enter__(self) -> "Bridge":
        unbuffered = environment(PYTHONUNBUFFERED="1")
        self._process = subprocess.Popen(
            self._command, env=unbuffered, stdout=subprocess.PIPE, stderr=None, text=True
        )
        line = self.until("waiting for a board")
        self.port = int(line.split("UDP")[1])
        return self

    def until(self, text: str) -> str:
        """The next line with this text."""
        for line in self._process.stdout:
            if text in line:
                return line
        raise AssertionError(f"the bridge ended, and did not say {text}")

    def kill(self) -> None:
        self._process.kill()

    def __exit__(self, *exc: object) -> None:
        """Its last words are `summary`."""
        self._process.send_signal(signal.SIGINT)
        try:
            self.summary, _ = self._process.communicate(timeout=WAIT_S)
        finally:
            self._process.kill()  # one that stays would take the terminals of other tests


def nearby(tmp_path: Path, discovery_port: int, name: str = "laptop") -> Bus:
    node = Bus(
        name,
        key=os.urandom(32),
        trust=StoreFile(tmp_path / "trust.json"),
        on_event=lambda event: None,
        host="127.0.0.1",
        interfaces=[LOOPBACK],
        discovery_port=discovery_port,
    )
    node.guard.store.add(Entry(BOARD, "desk-0", [grant("allow both *")]))
    return node


def run(scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario, WAIT_S))


async def both_ways(connection, size: int) -> None:
    """`size` bytes there and back, with equal hashes."""
    data = random.Random(size).randbytes(size)
    async with await connection.open("echo") as stream:
        writing = asyncio.create_task(stream.write(data))
        back = hashlib.sha256(await stream.readexactly(size)).digest()
        await writing
    assert back == hashlib.sha256(data).digest()


def test_the_board_is_found_and_reached_by_name(board, tmp_path, discovery_port):
    async def scenario():
        async with nearby(tmp_path, discovery_port) as node:
            device = await node.heard("desk-0", 20)
            assert device == device_id(BOARD)
            connection = await node.reach(device)
            assert connection.session.route[0] == LINK_DATAGRAM
            assert await echoed(connection) == b"hello"
            await both_ways(connection, SIZE)

    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        run(scenario())
    assert "dropped: none" in bridge.summary


def test_a_micropython_node_stores_and_fetches_a_file_over_udp(board, tmp_path, discovery_port):
    path = make_file(tmp_path / "file", SIZE)
    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        place = (f"127.0.0.1:{bridge.port}", BOARD.hex(), "--link", "udp")
        options = ("--key", tmp_path / "caller.key")
        done = micropython("send", path, *place, *options)
        assert done.returncode == 0, done.stderr
        assert digest(board.folder / "files/file") == digest(path)
        (tmp_path / "back").mkdir()
        done = micropython("fetch", "file", *place, *options, "--dir", tmp_path / "back")
        assert done.returncode == 0, done.stderr
        assert digest(tmp_path / "back/file") == digest(path)


def test_the_board_begins_a_session_with_a_node_that_it_hears_of(board, tmp_path, discovery_port):
    async def scenario():
        greetings: asyncio.Queue = asyncio.Queue()

        async def greeted(connection, stream):
            greetings.put_nowait((connection.peer_id, await stream.read()))
            await stream.write(b"ok")

        async with nearby(tmp_path, discovery_port, "host") as node:
            node.on_stream("greeting", greeted)
            assert await greetings.get() == (device_id(BOARD), b"hello, host")

    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        run(scenario())


def test_what_passes_the_cable_is_not_readable(board, tmp_path, discovery_port):
    """Everything that the bridge has passes the cable; the name is announced, the rest sealed."""
    seen = {"to board": b"", "to host": b""}

    def tap(way: str):
        def note(data: bytes) -> bytes:
            seen[way] += data
            return data

        return note

    board.to_board, board.to_host = tap("to board"), tap("to host")
    secret = b"WHAT NOBODY BUT THE BOARD MAY READ "

    async def scenario():
        async with nearby(tmp_path, discovery_port) as node:
            connection = await node.reach(await node.heard("desk-0", 20))
            async with await connection.open("echo") as stream:
                await stream.write(secret * 20)
                assert await stream.readexactly(len(secret) * 20) == secret * 20

    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        run(scenario())
    for data in seen.values():
        assert len(data) > 1000 and secret[:12] not in data and b"NOBODY" not in data
    assert b"desk-0" in seen["to host"]  # the tap hears


def test_a_bridge_that_is_killed_and_started_again(board, tmp_path, discovery_port):
    passed = bytearray()
    board.to_board = lambda data: passed.extend(data) or data

    async def scenario():
        first = stack.enter_context(Bridge(discovery_port, board.port))
        first.until("desk-0")
        async with nearby(tmp_path, discovery_port) as node:
            device = await node.heard("desk-0", 20)
            connection = await node.reach(device)
            echoing = asyncio.create_task(both_ways(connection, SIZE))
            while len(passed) < SIZE // 4:
                await asyncio.sleep(0.01)
            assert not echoing.done()
            first.kill()
            stack.enter_context(Bridge(discovery_port, board.port, port=first.port))
            await echoing
            assert node.connections(device) == [connection]

    with contextlib.ExitStack() as stack:
        run(scenario())


def test_a_board_that_is_reset_behind_the_bridge_is_reached_again(board, tmp_path, discovery_port):
    async def scenario():
        async with nearby(tmp_path, discovery_port) as node:
            device = await node.heard("desk-0", 20)
            connection = await node.reach(device)
            assert await echoed(connection) == b"hello"
            starts = board.starts
            board.reset()
            while board.starts == starts:
                await asyncio.sleep(0.02)
            board.wait_for(b"ready")
            heard = node.peers.get(device).heard
            while node.peers.get(device).heard == heard:
                await asyncio.sleep(0.02)
            connection.abort(END_LOCAL)
            again = await node.reach(device)
            assert await echoed(again) == b"hello"

    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        run(scenario())


def test_one_process_for_two_boards(board, tmp_path, discovery_port):
    async def scenario():
        async with nearby(tmp_path, discovery_port) as node:
            other_public = BareBus(other_key).public
            node.guard.store.add(Entry(other_public, "desk-9", [grant("allow both *")]))
            for name in ("desk-0", "desk-9"):
                connection = await node.reach(await node.heard(name, 20))
                assert await echoed(connection) == b"hello"

    other_key = b"\x09" * 32
    with (
        started(tmp_path / "other", other_key) as other,
        Bridge(discovery_port, board.port, other.port),
    ):
        run(scenario())
        run(from_board_to_board(other))


async def from_board_to_board(other: Supervisor) -> None:
    """Over one cable, through both bridges, over the other cable."""
    note = other.folder / "greeted"
    while not (note.exists() and note.read_text()):
        await asyncio.sleep(0.05)
    assert note.read_text() == f"hello, desk-9 {device_id(BOARD)}"


def test_the_commands_reach_an_installed_board_through_the_bridge(
    flash, command, tmp_path, discovery_port
):
    """Installed, provisioned over the cable; then the cable is the bridge's. A guest pairs by the
    token that the provisioning has shown."""
    config = {"name": "shelf", "files": "box", "grants": ["allow both *"]}
    (flash / "config.json").write_text(json.dumps(config))
    path = make_file(tmp_path / "file", 30_000)
    (tmp_path / "back").mkdir()
    place = ("--interface", "127.0.0.1/8", "--discovery-port", discovery_port)

    def run_command(*words: object, who: str = "host") -> str:
        own = ("--key", tmp_path / f"{who}.key", "--trust", tmp_path / f"{who}.trust")
        arguments = [str(word) for word in (*words, *own, *place)]
        result = CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    with Supervisor(flash, heap=HEAP) as board:
        output, status = command("token", board.port)
        assert status == 0, output
        with Bridge(discovery_port, board.port) as bridge:
            bridge.until("shelf")
            run_command("send", path, "shelf")
            assert digest(flash / "box/file") == digest(path)
            run_command("fetch", "file", "shelf", "--dir", tmp_path / "back")
            assert digest(tmp_path / "back/file") == digest(path)
            listed = run_command("discover", "--seconds", "3")
            assert f"udp://127.0.0.1:{bridge.port}" in listed and "trusted" in listed
            (invited,) = re.findall(r"^dsoftbus:\S+$", output, re.MULTILINE)
            assert "paired with shelf" in run_command("pair", invited, who="guest")
            (tmp_path / "guest").mkdir()
            run_command("fetch", "file", "shelf", "--dir", tmp_path / "guest", who="guest")
            assert digest(tmp_path / "guest/file") == digest(path)


def test_a_transfer_goes_on_through_a_flood(board, tmp_path, discovery_port):
    async def scenario(port: int):
        async with nearby(tmp_path, discovery_port) as node:
            connection = await node.reach(await node.heard("desk-0", 20))
            flooding = asyncio.create_task(flood(port))
            await both_ways(connection, SIZE)
            # Another one comes in meanwhile: it shows a cookie.
            async with BareBus(os.urandom(32)) as guest:
                other = await guest.connect("127.0.0.1", port, BOARD, 20000, link="udp")
                assert await echoed(other) == b"hello"
            flooding.cancel()

    with Bridge(discovery_port, board.port) as bridge:
        bridge.until("desk-0")
        run(scenario(bridge.port))
    assert "over budget" in bridge.summary
