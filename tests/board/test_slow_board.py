"""Sessions with a board of real speed over its console: nothing stalls, nothing is given up. The
time it takes is for `tests/core/test_slow_board.py`, in virtual time: nothing here is held to a
time."""

import asyncio
import random

import pytest

import compiled_modules
from board.slow import SlowBoard
from board.test_serial import HOST_SECRET, MAIN, MINIMAL, SECRET, Noise
from dsoftbus_host.bare_bus import BareBus

LIMIT_S = 120  # ends what hangs
SIZES = (10, 300, 1000, 3000)


async def echoes(board, sizes, noise=None) -> None:
    async with BareBus(HOST_SECRET) as bus:
        port = bus.open_serial(board.port)
        board.keys = 2
        connection = await port.connect(BareBus(SECRET).public, LIMIT_S * 1000)
        if noise is not None:
            noise.on = True
        async with await connection.open("echo") as stream:
            for size in sizes:
                data = random.Random(size).randbytes(size)
                _, back = await asyncio.gather(stream.write(data), stream.readexactly(size))
                assert back == data
        if noise is None:
            line = port._link.line
            assert not line.abandoned
            # A machine that has other things to do for a second is one needless fragment.
            assert line.lost <= 3 + line._sends // 20
        else:
            noise.on = False
        await connection.close()


@pytest.mark.parametrize("turn_ms", [20, 100, 200])
@pytest.mark.parametrize("program", [MAIN, MINIMAL], ids=["bus", "minimal"])
def test_echoes_come_back_from_a_slow_board(tmp_path, program, turn_ms):
    (tmp_path / "main.py").write_text(program)
    with SlowBoard(tmp_path, "1M", turn_ms, compiled_modules.path()) as board:
        board.wait_for(b"ready")
        asyncio.run(asyncio.wait_for(echoes(board, SIZES), LIMIT_S))


def test_both_directions_at_once_with_a_slow_board(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    with SlowBoard(tmp_path, "1M", 20, compiled_modules.path()) as board:
        board.wait_for(b"ready")
        asyncio.run(asyncio.wait_for(echoes(board, (30_000,)), LIMIT_S))


def test_a_slow_board_on_a_noisy_cable(tmp_path):
    (tmp_path / "main.py").write_text(MINIMAL)
    with SlowBoard(tmp_path, "1M", 20, compiled_modules.path()) as board:
        board.wait_for(b"ready")
        board.to_board = board.to_host = noise = Noise(1, 200)
        asyncio.run(asyncio.wait_for(echoes(board, (1000, 3000), noise), LIMIT_S))
