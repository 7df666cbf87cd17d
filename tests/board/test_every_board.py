"""The node of every board starts from its own files, and serves over its cable; also where there
is no network at all."""

import asyncio
import os
import re

import pytest

from board.supervisor import Supervisor
from dsoftbus.errors import PEER_NOT_ALLOWED, PeerError
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import provision, remote
from dsoftbus_host.board.make import boards
from portable import TIMEOUT_S

NO_SOCKETS = "raise ImportError(\"no module named 'socket'\")\n"
HEAP = "320k"


async def echoed(board, secret: bytes, public: bytes, data: bytes) -> bytes:
    async with BareBus(secret) as bus:
        connection = await bus.open_serial(board.port).connect(public)
        async with connection, await connection.open("echo") as stream:
            _, back = await asyncio.gather(stream.write(data), stream.readexactly(len(data)))
            return back


@pytest.mark.parametrize("name", list(boards.every()))
def test_a_board_starts_as_a_node(name, flash_of):
    folder, secret = flash_of(name), os.urandom(32)
    if "udp" not in boards.find(name).slices:
        (folder / "lib/socket.py").write_text(NO_SOCKETS)
    with Supervisor(folder, heap=HEAP) as board:
        with remote.connected(board.port) as there:
            public = provision.provision(there, BareBus(secret).public, "laptop").public
            said = there.start()
        assert said.startswith("dsoftbus ") and "line on the console" in said, said
        talk = echoed(board, secret, public, b"hello")
        assert asyncio.run(asyncio.wait_for(talk, TIMEOUT_S)) == b"hello"


def test_what_a_board_has_not_is_named(flash_of):
    folder = flash_of("rpi_pico")
    (folder / "lib/socket.py").write_text(NO_SOCKETS)
    (folder / "config.json").write_text(
        '{"serial": "uart", "port": 80, "wifi": ["home", ""], "watchdog_ms": 8000}'
    )
    with Supervisor(folder, heap=HEAP) as board, remote.connected(board.port) as there:
        said = there.start()
    assert said.startswith("dsoftbus ")
    for missing in (
        "failed: sockets: this port has no module socket",
        "failed: UART: this port's module machine has no UART",
        "failed: watchdog: this port's module machine has no WDT",
    ):
        assert missing in said
    assert "failed: Wi-Fi ImportError" in said  # the board's slices have none


def test_a_second_start_needs_no_more_heap_than_the_first(flash_of):
    """The trust store that is there by then is read in a buffer of its own size."""
    folder = flash_of("rpi_pico")
    with Supervisor(folder, heap="240k") as board:
        for _ in range(2):
            with remote.connected(board.port) as there:
                provision.provision(there, BareBus(os.urandom(32)).public, "laptop")
                assert "line on the console" in there.start()


def test_the_least_node_lets_in_whom_it_was_told_of_and_nobody_else(flash_of, command):
    folder = flash_of("pybv11")
    (folder / "config.json").write_text('{"name": "meter", "port": 80, "files": "files"}')
    with Supervisor(folder, heap="200k") as board:
        said, status = command("token", board.port)
        assert status == 0 and "meter" in said and "it takes no invitations" in said
        assert "failed: files: this board's node has a cable and nothing else" in said
        public = bytes.fromhex(re.search(r"\b[0-9a-f]{64}\b", said)[0])
        with pytest.raises(PeerError) as refused:
            asyncio.run(
                asyncio.wait_for(echoed(board, os.urandom(32), public, b"hello"), TIMEOUT_S)
            )
        assert refused.value.peer_code == PEER_NOT_ALLOWED
        for _ in range(3):  # of two that it holds, the newest stay
            with remote.connected(board.port) as there:
                secret = os.urandom(32)
                provision.provision(there, BareBus(secret).public, "laptop")
                there.start()
        assert len((folder / "dsoftbus.allowed").read_bytes()) == 64
        data = os.urandom(5000)
        talk = echoed(board, secret, public, data)
        assert asyncio.run(asyncio.wait_for(talk, TIMEOUT_S)) == data


def test_a_program_on_the_least_node(flash_of):
    folder = flash_of("pybv11")
    (folder / "app.py").write_text("""
from dsoftbus.const import EV_OPENED

def on_event(session, event):
    if event.kind == EV_OPENED:
        event.stream.accept()
        event.stream.send(b"21.5")
        event.stream.finish()

turns = 0

def turn(loop):
    global turns
    turns += 1
    if turns == 1:
        print("first turn")
""")
    secret = os.urandom(32)
    with Supervisor(folder, heap="200k") as board:
        with remote.connected(board.port) as there:
            public = provision.provision(there, BareBus(secret).public, "laptop").public
            there.start()
        board.wait_for(b"first turn")

        async def ask() -> bytes:
            async with BareBus(secret) as bus:
                connection = await bus.open_serial(board.port).connect(public)
                async with connection, await connection.open("temperature") as stream:
                    return await stream.read()

        assert asyncio.run(asyncio.wait_for(ask(), TIMEOUT_S)) == b"21.5"
