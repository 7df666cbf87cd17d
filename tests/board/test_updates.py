"""Updates of a board of the unix port: whole ones, ones that are of no use, and power cuts."""

from __future__ import annotations

import asyncio

import pytest

from board.updated import BROKEN, UnixBoard, cut_at, of_no_use, program
from portable import TIMEOUT_S
from updating import ask, update

HASTY = """
import asyncio
async def _hasty(seconds, sleep=asyncio.sleep):
    await sleep(min(seconds, 1))
asyncio.sleep = _hasty
"""


def run(story) -> None:
    asyncio.run(asyncio.wait_for(story, TIMEOUT_S))


@pytest.fixture
def folder(flash):
    (flash / "app.py").write_bytes(program("root"))
    return flash


def test_a_board_is_updated_twice_and_goes_back(folder):
    async def story():
        async with UnixBoard(folder) as board:
            await board.start()
            assert await board.runs() == "root"
            for version in ("1.0", "1.1"):
                session = await board.session()
                files = {"app.py": program(version), "data/same": b"same" * 500}
                sent = await update(session, "app", version, files)
                assert (sent > 2000) == (version == "1.0")  # the second copies what is the same
                await board.reset()
                assert await board.runs() == version
                session = await board.session()
                assert (await ask(session, "state"))["trial"] is True
                await ask(session, "confirm", {"version": version})
                await board.start()
                assert await board.runs() == version
            session = await board.session()
            await ask(session, "rollback", {"track": "app"})
            await board.reset()
            assert await board.runs() == "1.0"
            await board.start()  # nobody has confirmed it
            assert await board.runs() == "1.1"

    run(story())


@pytest.mark.parametrize("what", ["raises at its import", "has no network", "hangs"])
def test_a_version_that_is_of_no_use_gives_way_to_the_old_one(folder, what):
    """The others: `make soak-updates`."""

    async def story():
        async with UnixBoard(folder) as board:
            await of_no_use(board, BROKEN[what])

    run(story())


def test_a_trial_that_nobody_confirms_ends_by_itself(folder):
    """Its 300 seconds pass in 1: this board's sleeps are short."""

    async def story():
        async with UnixBoard(folder) as board:
            await board.start()
            (folder / "main.py").write_text(HASTY + (folder / "main.py").read_text())
            await update(await board.session(), "app", "1.0", {"app.py": program("1.0")})
            await board.reset()
            assert "on trial for 300 s" in board.said
            await board.reset()
            assert await board.runs() == "root"

    run(story())


@pytest.mark.parametrize("step", [8, 21])
def test_power_that_goes_while_a_board_is_updated(folder, step):
    """Each other step: `make soak-updates`; and in memory, `tests/host/test_update_cuts.py`."""

    async def story():
        async with UnixBoard(folder) as board:
            assert await cut_at(board, step)

    run(story())


def test_dsoftbus_itself_is_updated_and_comes_back_where_it_cannot_start(folder):
    """Code that is the same is copied by the board; `main.py` fails with what is broken."""
    same = {"dsoftbus_core.mpy": (folder / "lib/dsoftbus_core.mpy").read_bytes()}

    async def story():
        async with UnixBoard(folder) as board:
            await board.start()
            sent = await update(await board.session(), "system", "2.0", {**same, "mine.py": b""})
            assert sent < 400
            await board.reset()
            session = await board.session()
            assert (await ask(session, "state"))["system"]["trial"] is True
            await ask(session, "confirm", {"version": "2.0"})
            broken = {"dsoftbus_core.mpy": b"no code", "mine.py": b""}
            await update(session, "system", "2.1", broken)
            await board.reset()
            assert "incompatible .mpy" in board.said and "started\n" not in board.said
            await board.start()
            told = (await ask(await board.session(), "state"))["system"]
            assert (told["version"], told["slot"], told["failed"]) == ("2.0", "a", "2.1")

    run(story())
