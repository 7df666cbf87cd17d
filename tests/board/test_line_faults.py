"""Faults of a cable under a session with the board in CI, through pyserial: noise, halves of
frames, an end at another speed, a plug that is pulled, text in between, a reset. It goes on where
it was, or its end is told within the keepalive bound; nothing that was acknowledged is lost."""

import asyncio
import contextlib
import random
import time

import pytest

import compiled_modules
from board.supervisor import Supervisor
from board.test_serial import HOST_SECRET, MAIN, SECRET, Noise
from dsoftbus.const import HOST, KEEPALIVE_DEAD
from dsoftbus.errors import END_KEEPALIVE, PeerError
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.links.reopening_port import BytePort

SIZE = 100_000
LIMIT_S = 90  # ends what hangs; nothing is held to a time
SLACK_S = 10  # for a machine that has other things to do
PAUSE_S = 1.0  # how long a trouble lasts
TEXT = b'\r\nMicroPython v1.29 on 2026-11-23; board\r\nType "help()" for more.\r\n>>> \x04\x04>'


class Attentive(HOST):
    keepalive_ms = 1000


class Hasty(HOST):
    """Times for a session that is to end."""

    keepalive_ms = 300


@pytest.fixture
def board(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    with Supervisor(tmp_path, heap="1M", modules=compiled_modules.path()) as supervisor:
        supervisor.wait_for(b"ready")
        yield supervisor


@contextlib.asynccontextmanager
async def talking(board, profile=Attentive):
    """(line, session) with the board."""
    async with BareBus(HOST_SECRET, profile=profile) as bus:
        line = bus.open_serial(board.port)
        connection = await line.connect(BareBus(SECRET).public, 20000)
        yield line, connection


async def exchange(connection, flowing: asyncio.Event, size: int = SIZE) -> None:
    """Bytes there and back, up to the stream's end; `flowing` is set after the first of them."""
    data = random.Random(size).randbytes(size)
    back = bytearray()

    async def write() -> None:
        await stream.write(data)
        await stream.finish()

    async with await connection.open("echo") as stream:
        writing = asyncio.create_task(write())
        try:
            while chunk := await stream.read(4096):
                back += chunk
                flowing.set()
        finally:
            writing.cancel()
    assert back == data


def survives(board, trouble) -> None:
    """The transfer that `trouble(line)` befalls ends well, and so does one after it."""

    async def scenario() -> None:
        flowing = asyncio.Event()
        async with talking(board) as (line, connection):
            transfer = asyncio.create_task(exchange(connection, flowing))
            await flowing.wait()
            await trouble(line)
            await transfer
            assert connection.cause is None
            await exchange(connection, flowing, 2000)

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_bursts_of_noise(board):
    async def trouble(line) -> None:
        for every in (100, 3, 100):
            board.to_board, board.to_host = Noise(every, every), Noise(every + 1, every)
            board.to_board.on = board.to_host.on = True
            await asyncio.sleep(PAUSE_S / 2)
        board.to_board = board.to_host = bytes
        assert line._link.line.frames.dropped > 0

    survives(board, trouble)


class Halves:
    """Lets go of the second half of what passes, now and then."""

    def __init__(self) -> None:
        self.cut = 0
        self._count = 0

    def __call__(self, data: bytes) -> bytes:
        self._count += 1
        if self._count % 5 or len(data) < 2:
            return data
        self.cut += 1
        return data[: len(data) // 2]


def test_halves_of_frames(board):
    async def trouble(line) -> None:
        board.to_board, board.to_host = ways = Halves(), Halves()
        await asyncio.sleep(PAUSE_S)
        board.to_board = board.to_host = bytes
        assert all(way.cut for way in ways)

    survives(board, trouble)


class OtherSpeed:
    """A receiver that samples at another rate: its bytes mean nothing."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.garbled = 0

    def __call__(self, data: bytes) -> bytes:
        self.garbled += len(data)
        return self._random.randbytes(len(data) // 2)


def test_an_end_at_another_speed_for_a_while(board):
    async def trouble(line) -> None:
        board.to_board, board.to_host = ways = OtherSpeed(1), OtherSpeed(2)
        await asyncio.sleep(2 * PAUSE_S)
        board.to_board = board.to_host = bytes
        assert all(way.garbled for way in ways)

    survives(board, trouble)


def test_text_of_programs_and_of_the_repl_in_between(board):
    class Texts:
        """Puts text before what passes: a program prints, and somebody types at the other end."""

        def __init__(self) -> None:
            self.left = 20

        def __call__(self, data: bytes) -> bytes:
            self.left -= 1
            return TEXT + data if self.left > 0 else data

    async def trouble(line) -> None:
        board.to_board, board.to_host = ways = Texts(), Texts()
        while any(way.left > 0 for way in ways):
            await asyncio.sleep(0.02)

    survives(board, trouble)


def test_a_plug_that_is_pulled_and_put_back(board, monkeypatch):
    """The port vanishes under the host: reads and writes fail, and it cannot be opened."""
    out = []
    gone = OSError(5, "the device is gone")

    def failing(method):
        def call(*arguments):
            if out:
                raise gone
            return method(*arguments)

        return call

    for name in ("__init__", "readinto", "write"):
        monkeypatch.setattr(BytePort, name, failing(getattr(BytePort, name)))

    async def trouble(line) -> None:
        out.append(True)
        board.to_board = board.to_host = lambda data: b""  # what was on its way is lost
        while line._link._port is not None:  # noticed when something is next to be sent
            await asyncio.sleep(0.05)
        await asyncio.sleep(PAUSE_S)  # in which it is looked for
        out.clear()
        board.to_board = board.to_host = bytes

    survives(board, trouble)


def test_a_plug_that_stays_out_ends_the_session_within_the_keepalive_bound(board):
    async def scenario() -> None:
        flowing = asyncio.Event()
        async with talking(board, Hasty) as (_, connection):
            transfer = asyncio.create_task(exchange(connection, flowing, 10 * SIZE))
            await flowing.wait()
            board.to_board = board.to_host = lambda data: b""
            began = time.monotonic()
            with pytest.raises(PeerError) as ended:
                await transfer
            took_s = time.monotonic() - began
            assert ended.value.code == connection.cause.code == END_KEEPALIVE
            assert took_s < KEEPALIVE_DEAD * Hasty.keepalive_ms / 1000 + SLACK_S
            board.to_board = board.to_host = bytes  # or closing waits until the line gives up

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_a_board_that_is_reset_in_mid_transfer(board):
    """Its session is lost, which shows within the keepalive bound; the next one begins at once."""

    async def scenario() -> None:
        flowing = asyncio.Event()
        async with talking(board, Hasty) as (line, connection):
            transfer = asyncio.create_task(exchange(connection, flowing, 10 * SIZE))
            await flowing.wait()
            board.reset()
            again = await line.connect(BareBus(SECRET).public, 30000)
            await exchange(again, flowing, 2000)
            with pytest.raises(PeerError) as ended:
                await transfer
            assert ended.value.code == END_KEEPALIVE

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))
