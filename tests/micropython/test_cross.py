"""A CPython node and a MicroPython node, each in its own process, over loopback."""

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

import nodes
from dsoftbus.share.messages import put_header
from dsoftbus_host.bare_bus import BareBus
from nodes import MB, ServingNode, digest, make_file, with_host

HEAP_OF_A_SMALL_NODE = "300k"
MANY = (str(Path(__file__).with_name("serve_many.py")),)


@pytest.fixture
def board(tmp_path):
    with ServingNode(tmp_path / "board") as node:
        yield node


async def session_with(bus, node):
    return await bus.connect("127.0.0.1", node.port, bytes.fromhex(node.key))


def test_the_host_stores_and_fetches(tmp_path, board):
    file = make_file(tmp_path / "host.bin", 8 * MB)
    (tmp_path / "back").mkdir()

    async def test(bus):
        session = await session_with(bus, board)
        assert session.peer_id == board.id
        (sent,) = await session.send(file)
        assert sent.digest == digest(file)
        assert digest(board.folder / file.name) == digest(file)
        await session.fetch(file.name, tmp_path / "back")
        assert digest(tmp_path / "back" / file.name) == digest(file)

    with_host(test)


def test_the_board_stores_and_fetches(tmp_path):
    file = make_file(tmp_path / "board.bin", 8 * MB)
    for folder in ("served", "back"):
        (tmp_path / folder).mkdir()

    async def test(bus):
        bus.share(tmp_path / "served")
        where = (f"127.0.0.1:{await bus.listen()}", bus.public.hex(), "--key", tmp_path / "key")
        run = asyncio.to_thread
        sent = await run(nodes.run, "send", file, *where)
        assert sent.returncode == 0, sent.stderr
        assert digest(tmp_path / "served" / file.name) == digest(file)
        fetched = await run(nodes.run, "fetch", file.name, *where, "--dir", tmp_path / "back")
        assert fetched.returncode == 0, fetched.stderr
        assert digest(tmp_path / "back" / file.name) == digest(file)

    with_host(test)


def test_a_reader_that_does_not_read_holds_up_nobody(board):
    make_file(board.folder / "big.bin", 4 * MB)

    async def test(bus):
        slow = await session_with(bus, board)
        unread = await slow.open("dsoftbus/share")
        await unread.write(put_header(["get", "big.bin", []]))
        await unread.finish()
        async with BareBus(bytes(range(1, 33))) as other:
            session = await session_with(other, board)
            for size in (1, 1000, 50_000):
                echo = await session.open("echo")
                data = random.Random(size).randbytes(size)
                writing = asyncio.ensure_future(echo.write(data))
                assert await echo.readexactly(size) == data
                await writing
                await echo.finish()
                assert await echo.read() == b""
        whole = (await unread.read())[len(put_header([4 * MB, 0])) : -32]
        assert hashlib.sha256(whole).digest() == digest(board.folder / "big.bin")

    with_host(test)


def test_two_hundred_sessions_in_a_small_heap(tmp_path):
    with ServingNode(tmp_path / "board", heap=HEAP_OF_A_SMALL_NODE, program=MANY) as board:

        async def test(bus):
            for _ in range(200):
                async with await session_with(bus, board) as session:
                    echo = await session.open("echo")
                    await echo.write(b"again")
                    await echo.finish()
                    assert await echo.read() == b"again"

        with_host(test)
