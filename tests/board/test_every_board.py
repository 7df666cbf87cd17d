"""The node of every board starts from its own files, and serves over its cable; also where there
is no network at all."""

import asyncio
import os

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.board import boards, provision, remote
from dsoftbus_host.bus import Bus

NO_SOCKETS = "raise ImportError(\"no module named 'socket'\")\n"
HEAP = "320k"


async def echoed(board, secret: bytes, public: bytes, data: bytes) -> bytes:
    async with Bus(secret) as bus:
        connection = await bus.open_serial(board.port).connect(public)
        async with connection, await connection.open("echo") as stream:
            await stream.write(data)
            return await stream.readexactly(len(data))


@pytest.mark.parametrize("name", list(boards.every()))
def test_a_board_starts_as_a_node(name, flash_of):
    folder, secret = flash_of(name), os.urandom(32)
    if "udp" not in boards.find(name).slices:
        (folder / "lib/socket.py").write_text(NO_SOCKETS)
    with Supervisor(folder, heap=HEAP) as board:
        with remote.connected(board.port) as there:
            public = provision.provision(there, Bus(secret).public, "laptop")
            said = there.start()
        assert said.startswith("dsoftbus ") and "line on the console" in said, said
        talk = echoed(board, secret, public, b"hello")
        assert asyncio.run(asyncio.wait_for(talk, 30)) == b"hello"


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
                provision.provision(there, Bus(os.urandom(32)).public, "laptop")
                assert "line on the console" in there.start()
