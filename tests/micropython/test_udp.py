"""A CPython node and a MicroPython node over UDP, each in its own process."""

import asyncio

import nodes
from bad_path import Copier, Proxy
from nodes import MB, ServingNode, digest, make_file, with_host


async def exchange(bus, board, port, file, back):
    """`file` to the board and back again over UDP, with equal hashes."""
    key = bytes.fromhex(board.key)
    session = await bus.connect("127.0.0.1", port, key, link="udp")
    (sent,) = await session.send(file)
    assert sent.digest == digest(file)
    assert digest(board.folder / file.name) == digest(file)
    await session.fetch(file.name, back)
    assert digest(back / file.name) == digest(file)


def test_8_mb_both_ways(tmp_path):
    file = make_file(tmp_path / "host.bin", 8 * MB)
    (tmp_path / "back").mkdir()
    with ServingNode(tmp_path / "board", "--link", "udp") as board:
        with_host(lambda bus: exchange(bus, board, board.port, file, tmp_path / "back"))


def test_2_mb_both_ways_through_a_bad_path(tmp_path):
    file = make_file(tmp_path / "host.bin", 2 * MB)
    (tmp_path / "back").mkdir()

    async def test(bus):
        proxy = Proxy(board.port)
        await exchange(bus, board, proxy.port, file, tmp_path / "back")
        proxy.close()

    with ServingNode(tmp_path / "board", "--link", "udp") as board:
        with_host(test)


def test_copies_from_elsewhere_bring_nothing_there(tmp_path):
    """The board's packets go to its peer, though copies of all that it gets come first."""
    file = make_file(tmp_path / "host.bin", MB)
    (tmp_path / "back").mkdir()

    async def test(bus):
        copier = Copier(board.port)
        await exchange(bus, board, copier.port, file, tmp_path / "back")
        assert copier.sent_bytes > MB
        assert 0 < copier.got_bytes < 5000
        copier.close()

    with ServingNode(tmp_path / "board", "--link", "udp") as board:
        with_host(test)


def test_the_board_connects(tmp_path):
    file = make_file(tmp_path / "board.bin", 2 * MB)
    for folder in ("served", "back"):
        (tmp_path / folder).mkdir()

    async def test(bus):
        bus.share(tmp_path / "served")
        port = await bus.listen(link="udp")
        where = (f"127.0.0.1:{port}", bus.public.hex(), "--key", tmp_path / "key", "--link")
        run = asyncio.to_thread
        sent = await run(nodes.run, "send", file, *where, "udp")
        assert sent.returncode == 0, sent.stderr
        assert digest(tmp_path / "served" / file.name) == digest(file)
        fetched = await run(
            nodes.run, "fetch", file.name, *where, "auto", "--dir", tmp_path / "back"
        )
        assert fetched.returncode == 0, fetched.stderr
        assert digest(tmp_path / "back" / file.name) == digest(file)

    with_host(test)
