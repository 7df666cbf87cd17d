"""The whole story of README on the board in CI: installed, provisioned, found and
paired with over its cable; bytes both ways over a line that spoils one in a hundred; a reset and
the session that comes back by itself.

1 MB each way takes about a minute over such a line: DSOFTBUS_STORY_BYTES makes it another number.
With DSOFTBUS_STORY_SLOW, as `make story` has it, the board of a second one is as slow as a Pico.
"""

import asyncio
import os
import random
import re

import pytest
from click.testing import CliRunner

from board.slow import SlowBoard
from board.supervisor import Supervisor
from dsoftbus.const import HOST
from dsoftbus_host import keys
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli import main
from dsoftbus_host.keeper import Keeper
from dsoftbus_host.store_file import StoreFile

SIZE = int(os.environ.get("DSOFTBUS_STORY_BYTES", "1000000"))
SLOW_SIZE = 5000
SLOW_TURN_MS = 20
TIMEOUT_S = 120 + SIZE // 1000
SPOILT_EVERY = 100
APP = """
import os

async def reset(session, stream):
    os.system("kill -KILL $PPID")  # the unix port has no machine.soft_reset()

async def main(bus):
    bus.on_stream("reset", reset)
"""


class Hasty(HOST):
    """Sees within seconds that nobody is there any more."""

    keepalive_ms = 500


class Noise:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.spoilt = 0

    def __call__(self, data: bytes) -> bytes:
        noisy = bytearray(data)
        for i in range(len(noisy)):
            if not self._random.randrange(SPOILT_EVERY):
                noisy[i] ^= self._random.randrange(1, 256)
                self.spoilt += 1
        return bytes(noisy)


class Laptop:
    """The commands of one user, whose files are in `folder`."""

    def __init__(self, folder) -> None:
        folder.mkdir()
        self.key, self.trust = folder / "key", folder / "trust"
        self._files = ("--key", str(self.key), "--trust", str(self.trust))

    def run(self, *words: str) -> str:
        own = self._files if words[:2] == ("board", "token") or words[0] != "board" else ()
        result = CliRunner().invoke(main, [*words, *own])
        assert result.exit_code == 0, result.output
        return result.output


async def echoed(connection, data: bytes) -> bytes:
    async with await connection.open("echo") as stream:
        _, back = await asyncio.gather(stream.write(data), stream.readexactly(len(data)))
    return back


async def exchange_and_come_back(board, secret: bytes, public: bytes, data: bytes) -> None:
    async with Bus(secret, profile=Hasty) as bus:
        line = bus.open_serial(board.port)
        async with Keeper(bus, lambda: line.connect(public)) as keeper:
            connection = await keeper.connected()
            board.to_board, board.to_host = noise = Noise(1), Noise(2)
            assert await echoed(connection, data) == data
            assert all(way.spoilt > len(data) / SPOILT_EVERY / 2 for way in noise)
            board.to_board = board.to_host = bytes
            starts = board.starts
            await connection.open("reset")
            await connection.ended()
            again = await keeper.connected()
            assert again is not connection and board.starts == starts + 1
            assert await echoed(again, b"there again") == b"there again"


def test_the_whole_story(tmp_path):
    story(tmp_path, Supervisor, SIZE)


@pytest.mark.skipif("DSOFTBUS_STORY_SLOW" not in os.environ, reason="for `make story`")
def test_the_whole_story_of_a_slow_board(tmp_path):
    story(tmp_path, lambda folder, heap: SlowBoard(folder, heap, SLOW_TURN_MS), SLOW_SIZE)


def story(tmp_path, make_board, size: int) -> None:
    laptop, phone = Laptop(tmp_path / "laptop"), Laptop(tmp_path / "phone")
    alone = ("--interface", "127.0.0.1/8", "--discovery-port", "1")  # the cable is all there is
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    with make_board(folder, heap="400k") as board:
        cable = ("--serial", board.port, *alone)
        assert "started" in laptop.run("board", "install", board.port, "--board", "unix")
        assert "hall" in laptop.run("board", "config", board.port, "name=hall", "discovery=true")
        invited = re.search(r"dsoftbus:\S{80,}", laptop.run("board", "token", board.port))[0]
        found = laptop.run("discover", "--seconds", "1.5", *cable)
        assert "hall" in found and "trusted" in found
        assert "paired with hall" in phone.run("pair", invited, *cable)
        (hall,) = StoreFile(phone.trust).store
        data = random.Random(size).randbytes(size)
        secret = keys.load_or_make(phone.key)
        talk = exchange_and_come_back(board, secret, hall.public, data)
        asyncio.run(asyncio.wait_for(talk, TIMEOUT_S))
