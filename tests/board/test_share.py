"""Files to a board and back, over a line that spoils one byte in a hundred, with resets of the
board in the midst. Its slices are as an installation leaves them.

`make story` has it with 1 MB each way and three resets, `make test` with less
(DSOFTBUS_STORY_BYTES). The tests of tests/micropython cut power on littlefs and FAT.
"""

import asyncio
import json
import os
import random

import pytest

from board.conftest import HEAP
from board.supervisor import Supervisor
from board.test_story import Hasty, Noise, tell
from dsoftbus.const import SHARE_STREAM
from dsoftbus.errors import FILE_EXISTS, SHARE_QUOTA, BusError
from dsoftbus.share.messages import put_header
from dsoftbus_aio.reconnecting_session import ReconnectingSession
from dsoftbus_aio.services.share_asking import Fetching, Sending, lasting
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import provision, remote

SIZE = int(os.environ.get("DSOFTBUS_STORY_BYTES", "30000"))
RESETS = 3 if SIZE > 500_000 else 1
TIMEOUT_S = 180 + SIZE // 1000
QUOTA = 2 * SIZE
# A reset costs what is on the line and in buffers on either side, and less than a mark's step.
COST_MAX = 48_000


APP = """
import sys

async def loaded(session, stream):
    await stream.write(" ".join(sys.modules).encode())

async def moves(session, stream):
    with open("made", "w") as file:
        file.write("made here")
    (sent,) = await session.send("made", "box/made")
    found = await session.files("box/*")
    await session.fetch("box", "files")
    await stream.write(repr([sent.size, [(f.name, f.size) for f in found]]).encode())

async def main(bus):
    bus.on_stream("loaded", loaded)
    bus.on_stream("moves", moves)
"""


class Resets:
    """Hears of a transfer's progress, and resets the board when so much of it has passed. `twice`
    are the bytes that passed again."""

    def __init__(self, board: Supervisor) -> None:
        self._board = board
        self._at = [SIZE * n // (RESETS + 1) for n in range(1, RESETS + 1)]
        self._done = 0
        self.twice = 0

    def __call__(self, done: int, size: int) -> None:
        assert 0 <= done <= size == SIZE
        if done < self._done:
            tell(f"goes on at {done} of {size}, where {self._done} had been said", indent="    ")
            self.twice += self._done - done
        self._done = done
        if self._at and done >= self._at[0]:
            self._at.pop(0)
            self._board.reset()


@pytest.fixture
def sharing(flash):
    """A board that shares a folder and trusts the host; (board, secret of the host, its key)."""
    settings = {"name": "hall", "files": "files", "quota": QUOTA}
    (flash / "config.json").write_text(json.dumps(settings))
    (flash / "app.py").write_text(APP)
    secret = os.urandom(32)
    with Supervisor(flash, heap=HEAP) as board:
        with remote.connected(board.port) as there:
            public = provision.provision(there, BareBus(secret).public, "laptop").public
            assert "line on the console" in there.start()
        yield board, secret, public


def with_peer(sharing, test, folder=None) -> None:
    """Runs `test(keeper)`, whose sessions with the board come back by themselves; the host shares
    `folder`."""
    board, secret, public = sharing

    async def talk():
        async with BareBus(secret, profile=Hasty) as bus:
            if folder is not None:
                bus.share(folder)
            line = bus.open_serial(board.port)
            async with ReconnectingSession(bus, lambda: line.connect(public)) as keeper:
                await test(keeper)

    asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))


def test_a_file_to_a_board_and_back_through_noise_and_resets(sharing, tmp_path):
    board = sharing[0]
    path = tmp_path / "there"
    path.write_bytes(random.Random(SIZE).randbytes(SIZE))

    async def test(keeper):
        await keeper.connected()
        board.to_board, board.to_host = Noise(1), Noise(2)
        files = keeper._bus.local_files()
        for errand, told in (
            (lambda told: Sending(files, path, "name", False, told), Resets(board)),
            (lambda told: Fetching(files, "name", tmp_path, False, told), Resets(board)),
        ):
            starts = board.starts
            (moved,) = await lasting(keeper, errand(told), TIMEOUT_S * 1000)
            assert moved.size == SIZE
            assert board.starts == starts + RESETS
            assert told.twice <= RESETS * COST_MAX, told.twice
        assert (board.folder / "files/name").read_bytes() == path.read_bytes()
        assert (tmp_path / "name").read_bytes() == path.read_bytes()
        assert os.listdir(board.folder / "files") == ["name"]

    with_peer(sharing, test)


def test_a_board_says_what_it_does_not_take(sharing, tmp_path):
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "large").write_bytes(bytes(QUOTA + 1))

    async def test(keeper):
        session = await keeper.connected()
        await session.send(tmp_path / "small", "in/a folder/small")
        assert [(f.name, f.size) for f in await session.files("in/**")] == [
            ("in/a folder/small", 5)
        ]
        (tmp_path / "small").write_bytes(b"other")
        for path, name, code in (
            ("small", "in/a folder/small", FILE_EXISTS),
            ("large", "large", SHARE_QUOTA),
        ):
            with pytest.raises(BusError) as refused:
                await session.send(tmp_path / path, name)
            assert refused.value.code == code
        await session.send(tmp_path / "small", "in/a folder/small", replace=True)
        (back,) = await session.fetch("in", tmp_path)
        assert (tmp_path / back.name).read_bytes() == b"other"

    with_peer(sharing, test)


def test_what_serves_a_share_is_in_the_heap_while_it_is_used(sharing, tmp_path):
    (tmp_path / "small").write_bytes(b"small")

    async def loaded(session) -> bool:
        async with await session.open("loaded") as stream:
            await stream.finish()
            return "dsoftbus_sharing" in (await stream.read()).decode().split()

    async def test(keeper):
        session = await keeper.connected()
        assert not await loaded(session)
        coming = [await begun(session, name) for name in ("one", "other")]
        assert await loaded(session)
        await session.send(tmp_path / "small")
        coming.pop().reset()
        assert await loaded(session)
        coming.pop().reset()
        while await loaded(session):
            await asyncio.sleep(0.05)
        await session.fetch("small", tmp_path, replace=True)

    with_peer(sharing, test)


async def begun(session, name: str):
    """A stream on which the board waits for a file."""
    stream = await session.open(SHARE_STREAM)
    await stream.write(put_header(["put", name, 10, False]))
    await stream.readexactly(len(put_header([])))
    return stream


def test_a_program_on_a_board_sends_lists_and_fetches(sharing, tmp_path):
    board = sharing[0]

    async def test(keeper):
        session = await keeper.connected()
        async with await session.open("moves") as stream:
            await stream.finish()
            said = (await stream.read()).decode()
        assert said == "[9, [('box/made', 9)]]"
        for folder in (tmp_path, board.folder / "files"):
            assert (folder / "box/made").read_text() == "made here"

    with_peer(sharing, test, tmp_path)
