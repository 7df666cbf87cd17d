"""A board with only a cable is found there, and reached by its name."""

import asyncio
import os

import pytest
from click.testing import CliRunner

import compiled_modules
from board.conftest import HEAP
from board.supervisor import Supervisor
from dsoftbus.const import LINK_LINE
from dsoftbus.errors import OTHER_KEY, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import install, provision, remote
from dsoftbus_host.board.make import boards
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.command import main
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from nodes import KEY, echoed
from portable import TIMEOUT_S

MAIN = """
import micropython

micropython.kbd_intr(-1)  # what the host still sends must not interrupt the start
import asyncio

from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy import console_port
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.device.boot_counter import count_start
from dsoftbus_aio.line_discovery import LineDiscovery


async def main():
    bus = BareBus(bytes(range(32)), "desk", allow=ANYONE)
    serve_echo(bus)
    port = bus.open_serial(console_port.ConsolePort())
    LineDiscovery(bus, port, count_start("starts"), ("echo",))
    print("ready")
    await asyncio.Event().wait()


asyncio.run(main())
"""
BOARD_ID = device_id(BareBus(KEY).public)


@pytest.fixture
def board(tmp_path):
    (tmp_path / "board").mkdir()
    (tmp_path / "board/main.py").write_text(MAIN)
    with Supervisor(tmp_path / "board", "1M", compiled_modules.path()) as supervisor:
        supervisor.wait_for(b"ready")
        yield supervisor


def test_discover_lists_the_board_with_its_port(board, tmp_path):
    words = ("discover", "--serial", board.port, "--interface", "127.0.0.1/8", "--seconds", "4")
    files = ("--key", str(tmp_path / "key"), "--trust", str(tmp_path / "trust"))
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, [*words, *files, "--discovery-port", str(free_port())]
    )
    assert result.exit_code == 0, result.output
    last = result.output.splitlines()
    assert any(
        "desk" in line and BOARD_ID in line and f"serial {board.port}" in line for line in last
    )


def test_a_paired_peer_is_reached_by_name_and_after_a_reset(board, tmp_path):
    async def scenario():
        file = StoreFile(tmp_path / "trust.json")
        nearby = Bus(
            "laptop",
            key=os.urandom(32),
            trust=file,
            on_event=lambda event: None,
            listen=False,
            interfaces=[LOOPBACK],
            discovery_port=free_port(),
            serial=[board.port],
        )
        nearby.guard.store.add(Entry(BareBus(KEY).public, "desk", [grant("allow both *")]))
        async with nearby:
            device = await nearby.heard("desk")
            connection = await nearby.reach(device)
            assert connection.session.route == (LINK_LINE, board.port, 0)
            assert await echoed(connection) == b"hello"
            heard = nearby.peers.get(device).heard
            board.reset()
            await until(lambda: nearby.peers.get(device).heard > heard)
            connection.abort(0)
            again = await nearby.reach(device)
            assert again is not connection
            assert await echoed(again) == b"hello"

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))


def test_a_board_that_has_a_new_key_is_named_with_it(board, tmp_path):
    async def scenario():
        file = StoreFile(tmp_path / "trust.json")
        place = {"interfaces": [LOOPBACK], "discovery_port": free_port(), "serial": [board.port]}
        nearby = Bus(
            "laptop",
            key=os.urandom(32),
            trust=file,
            on_event=lambda event: None,
            listen=False,
            **place,
        )
        before = BareBus(os.urandom(32)).public  # what the board had when it was trusted
        nearby.guard.store.add(Entry(before, "desk", [grant("allow both *")]))
        async with nearby:
            await until(lambda: nearby.peers.get(BOARD_ID) is not None)
            with pytest.raises(LocalError) as unheard:
                await nearby.heard("desk", 0.1)
            assert unheard.value.code == OTHER_KEY and BOARD_ID in str(unheard.value)

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))


def test_the_least_node_is_found_too_where_it_has_the_slice(tmp_path):
    folder, secret = tmp_path / "board", os.urandom(32)
    least = boards.find("pybv11")
    least = least._replace(slices=(*least.slices, "line-announcements"))
    config = b'{"name": "least"}'
    files = install.files_for(least, "x64") | {"main.py": least.main, "config.json": config}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

    async def scenario(port: str, public: bytes):
        file = StoreFile(tmp_path / "trust.json")
        file.store.add(Entry(public, "least", [grant("allow both *")]))
        place = {"interfaces": [LOOPBACK], "discovery_port": free_port(), "serial": [port]}
        nearby = Bus(
            "laptop", key=secret, trust=file, on_event=lambda event: None, listen=False, **place
        )
        async with nearby:
            assert await echoed(await nearby.reach(await nearby.heard("least"))) == b"hello"

    with Supervisor(folder, heap=HEAP) as board:
        with remote.connected(board.port) as there:
            public = provision.provision(there, BareBus(secret).public, "laptop").public
            there.start()
        asyncio.run(asyncio.wait_for(scenario(board.port, public), TIMEOUT_S))


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.02)
