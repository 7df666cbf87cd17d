"""A session with the board in CI over its console, through pyserial: clean, and with noise."""

import asyncio
import os
import random

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.bus import Bus
from portable import ROOT

SECRET = bytes(range(32))
MAIN = f"""
import asyncio, sys
sys.path[:0] = ["{ROOT}/core", "{ROOT}/micropython"]
from dsoftbus_mpy import files, serial
from dsoftbus_mpy.bus import Bus


async def main():
    bus = Bus(bytes(range(32)), "board")
    files.serve_echo(bus)
    bus.open_serial(serial.ConsolePort())
    print("ready")
    await asyncio.Event().wait()


asyncio.run(main())
"""


class Noise:
    """Spoils one byte in `every`, from the moment that `on` is set."""

    def __init__(self, seed: int, every: int) -> None:
        self._random = random.Random(seed)
        self._every = every
        self.on = False

    def __call__(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        for i in range(len(spoilt)):
            if self.on and not self._random.randrange(self._every):
                spoilt[i] ^= self._random.randrange(1, 256)
        return bytes(spoilt)


@pytest.fixture
def board(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    with Supervisor(tmp_path, heap="1M") as supervisor:
        yield supervisor


async def echo(connection, data: bytes) -> bytes:
    async with await connection.open("echo") as stream:
        writing = asyncio.create_task(stream.write(data))
        back = await stream.readexactly(len(data))
        await writing
    return back


async def session(board, noise: Noise, size: int) -> None:
    data = random.Random(size).randbytes(size)
    async with Bus(os.urandom(32)) as bus:
        port = bus.open_serial(board.port)
        connection = await port.connect(Bus(SECRET).public, 20000)
        noise.on = True
        assert await echo(connection, data) == data
        noise.on = False
        await connection.close()


@pytest.mark.parametrize(("every", "size"), [(10**9, 100_000), (100, 12_000)])
def test_bytes_both_ways_over_the_console(board, every, size):
    board.wait_for(b"ready")
    board.to_board = board.to_host = noise = Noise(1, every)
    asyncio.run(asyncio.wait_for(session(board, noise, size), 60))
