"""The whole story of README on the board in CI: installed, provisioned, found and
paired with over its cable; bytes both ways over a line that spoils one in a hundred; a reset and
the session that comes back by itself.

`make story` has it with 1 MB each way, which takes about a minute over such a line, and with a
second board that is as slow as a Pico (DSOFTBUS_STORY_BYTES, DSOFTBUS_STORY_SLOW). Each step is
printed before it is done, and its result behind it, which `make story` shows.
"""

import asyncio
import math
import os
import random
import re

import pytest
from click.testing import CliRunner

from board.slow import SlowBoard
from board.supervisor import Supervisor
from dsoftbus.const import HOST
from dsoftbus_aio.reconnecting_session import ReconnectingSession
from dsoftbus_host import key_file
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli.command import main
from dsoftbus_host.storage.trust_file import StoreFile

SIZE = int(os.environ.get("DSOFTBUS_STORY_BYTES", "100000"))
SLOW_SIZE = 5000
SLOW_TURN_MS = 20
TIMEOUT_S = 120 + SIZE // 1000
SPOILT_EVERY = 100
PARTS, PART_MIN = 10, 1000  # of a transfer, for who looks on; bytes
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
    """Spoils each byte with a chance of one in SPOILT_EVERY: draws how far the next one is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.spoilt = 0
        self._next = self._gap()

    def _gap(self) -> int:
        return int(self._random.expovariate(-math.log1p(-1 / SPOILT_EVERY)))

    def __call__(self, data: bytes) -> bytes:
        noisy = bytearray(data)
        while self._next < len(noisy):
            noisy[self._next] ^= self._random.randrange(1, 256)
            self.spoilt += 1
            self._next += 1 + self._gap()
        self._next -= len(noisy)
        return bytes(noisy)


class Laptop:
    """The commands of one user, whose files are in `folder`."""

    def __init__(self, folder) -> None:
        folder.mkdir()
        self.name = folder.name
        self.key, self.trust = folder / "key", folder / "trust"
        self._files = ("--key", str(self.key), "--trust", str(self.trust))

    def run(self, *words: str) -> str:
        tell(f"{self.name}$ dsoftbus {' '.join(words)}")
        own = self._files if words[:2] == ("board", "token") or words[0] != "board" else ()
        result = CliRunner().invoke(main, [*words, *own])
        tell(*filter(str.strip, result.output.splitlines()), indent="    ")
        assert result.exit_code == 0, result.output
        return result.output


def tell(*lines: str, indent: str = "") -> None:
    """At once, for `make story` is watched while it runs."""
    for line in lines:
        print(indent + line, flush=True)


async def echoed(connection, data: bytes) -> bytes:
    async with await connection.open("echo") as stream:
        _, back = await asyncio.gather(stream.write(data), received(stream, len(data)))
    return back


async def received(stream, size: int) -> bytes:
    back = b""
    while len(back) < size:
        back += await stream.readexactly(min(max(size // PARTS, PART_MIN), size - len(back)))
        if size > PART_MIN:
            tell(f"{len(back)} of {size} bytes are back", indent="    ")
    return back


async def exchanged(board, secret: bytes, public: bytes, data: bytes) -> None:
    async with BareBus(secret) as bus, await bus.open_serial(board.port).connect(public) as there:
        tell(f"{len(data)} bytes each way, with one byte in {SPOILT_EVERY} of the line spoilt")
        board.to_board, board.to_host = noise = Noise(1), Noise(2)
        assert await echoed(there, data) == data
        tell(
            f"all as they were; {sum(way.spoilt for way in noise)} bytes were spoilt",
            indent="    ",
        )
        assert all(way.spoilt > len(data) / SPOILT_EVERY / 2 for way in noise)
        board.to_board = board.to_host = bytes


async def come_back(board, secret: bytes, public: bytes) -> None:
    async with BareBus(secret, profile=Hasty) as bus:
        line = bus.open_serial(board.port)
        async with ReconnectingSession(bus, lambda: line.connect(public)) as keeper:
            connection = await keeper.connected()
            tell("the board is reset in the midst of a session")
            starts = board.starts
            await connection.open("reset")
            await connection.ended()
            again = await keeper.connected()
            assert again is not connection and board.starts == starts + 1
            assert await echoed(again, b"there again") == b"there again"
            tell("the session has come back by itself", indent="    ")


async def talk(board, secret: bytes, public: bytes, data: bytes) -> None:
    await exchanged(board, secret, public, data)
    await come_back(board, secret, public)


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
    program = tmp_path / "app.py"
    program.write_text(APP)
    tell("", "A board with nothing on it, at the end of a cable")
    with make_board(folder, heap="400k") as board:
        cable = ("--serial", board.port, *alone)
        assert "started" in laptop.run("board", "install", board.port, "--board", "unix")
        assert "hall" in laptop.run("board", "config", board.port, "name=hall", "discovery=true")
        assert "1 file written" in laptop.run("board", "put", board.port, str(program))
        invited = re.search(r"dsoftbus:\S{80,}", laptop.run("board", "token", board.port))[0]
        found = laptop.run("discover", "--seconds", "4", *cable)
        assert "hall" in found and "trusted" in found
        assert "paired with hall" in phone.run("pair", invited, *cable)
        (hall,) = StoreFile(phone.trust).store
        data = random.Random(size).randbytes(size)
        secret = key_file.load_or_make(phone.key)
        talking = talk(board, secret, hall.public, data)
        asyncio.run(asyncio.wait_for(talking, TIMEOUT_S))
