"""A peer that sends 100 KB as fast as it can ends no session of a board with little memory.

The board is the unix port's, whose words are twice as long; what is free is counted once it has
started, before a session and its handshake.
"""

import asyncio
import hashlib
import os
import random
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.bare_bus import BareBus
from portable import micropython

PROGRAM = Path(__file__).parent / "fast_peer.py"
ROOM = 400 << 10  # bytes of a heap that surely is enough
FREE = {"tcp": 41 << 10, "serial": 37 << 10, "udp": 42 << 10}
SIZE = 100_000
LIMIT_S = 90  # ends what hangs
PUBLIC = BareBus(b"b" * 32).public


@contextmanager
def board(folder: Path, link: str, heap: int):
    """A running board: its words after `started`, and its serial port where it has one."""
    if link == "serial":
        (folder / "main.py").write_text("import fast_peer\nfast_peer.begin('serial')\n")
        with Supervisor(folder, str(heap)) as supervisor:
            supervisor.wait_for(b"ready")
            said = supervisor._said.decode()
            yield said[said.index("started") :].split()[1:], supervisor.port
        return
    command = (*micropython(), "-X", f"heapsize={heap}", "fast_peer.py", link)
    environment = {**os.environ, "MICROPYPATH": "lib:.frozen"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, text=True) as process:
        try:
            yield process.stdout.readline().split()[1:], None
        finally:
            process.kill()


async def send(link: str, words: list, serial: str | None) -> bytes:
    data = random.Random(1).randbytes(SIZE)
    async with BareBus(b"h" * 32) as bus:
        if serial:
            connection = await bus.open_serial(serial).connect(PUBLIC, LIMIT_S * 1000)
        else:
            port = int(words[2])
            connection = await bus.connect("127.0.0.1", port, PUBLIC, LIMIT_S * 1000, link=link)
        async with await connection.open("sink") as stream:
            await stream.write(data)
            await stream.finish()
            assert await stream.readexactly(32) == hashlib.sha256(data).digest()
        assert connection.cause is None


@pytest.mark.parametrize("link", FREE)
def test_a_fast_peer_ends_no_session_of_a_board_with_little_memory(image, tmp_path, link):
    folder = tmp_path / "board"
    shutil.copytree(image, folder)
    shutil.copy(PROGRAM, folder)
    with board(folder, link, ROOM) as (words, _):
        free, held = map(int, words[:2])
    heap = (held + FREE[link]) * ROOM // (free + held)
    with board(folder, link, heap) as (words, serial):
        assert abs(int(words[0]) - FREE[link]) < 1024
        asyncio.run(asyncio.wait_for(send(link, words, serial), LIMIT_S))
