"""A board's session goes from its cable to the network: the board only follows."""

import asyncio
import os

import compiled_modules
from board.supervisor import Supervisor
from cables import Network
from dsoftbus.const import LINK_DATAGRAM, LINK_LINE
from dsoftbus_host.bare_bus import BareBus
from free_ports import free_port
from portable import TIMEOUT_S

SECRET = bytes(range(32))
MAIN = """
import asyncio

from dsoftbus.const import SMALL
from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.console_port import ConsolePort


async def main():
    bus = BareBus(bytes(range(32)), "board", SMALL, ANYONE)
    serve_echo(bus)
    bus.call("where")(lambda connection, _value: connection.path)
    bus.open_serial(ConsolePort())
    await bus.listen("127.0.0.1", int(open("port").read()), "udp")
    print("ready")
    await asyncio.Event().wait()


asyncio.run(main())
"""


async def echo(stream, size: int = 3000) -> None:
    data = os.urandom(size)
    _, back = await asyncio.gather(stream.write(data), stream.readexactly(size))
    assert back == data


async def story(board, port: int) -> None:
    async with BareBus(SECRET) as known:
        public = known.public
    async with BareBus(os.urandom(32)) as bus:
        network = Network(port)
        peer = bus.node.discover().know(public)
        peer.line = (LINK_LINE, board.port, 0)
        peer.fixed = (LINK_DATAGRAM, "127.0.0.1", network.port)
        line = bus.open_serial(board.port)
        moved = asyncio.Event()
        bus.on_moved = lambda _connection: moved.set()
        connection = await bus.reach(peer.id)
        async with await connection.open("echo") as stream:
            await echo(stream)
            assert await connection.call("where") == "serial line"
            board.to_board = board.to_host = lambda _data: b""
            bus.moving.plugged(line, False)  # as when the host sees its port go
            await moved.wait()
            await echo(stream)
            assert connection.path == f"udp 127.0.0.1:{network.port}"
            where = await connection.call("where", timeout_ms=20000)
            assert where.startswith("udp 127.0.0.1:")
            board.to_board = board.to_host = bytes
            moved.clear()
            bus.moving.plugged(line, True)
            await moved.wait()
            await echo(stream)
            network.cut()
            await echo(stream)
            assert await connection.call("where", timeout_ms=20000) == "serial line"
        network.close()
        await connection.close()


def test_from_the_cable_to_udp_and_back(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    port = free_port()
    (tmp_path / "port").write_text(str(port))
    with Supervisor(tmp_path, heap="1M", modules=compiled_modules.path()) as board:
        board.wait_for(b"ready")
        asyncio.run(asyncio.wait_for(story(board, port), TIMEOUT_S))
