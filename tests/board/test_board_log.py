"""The log of an installed board: what it prints and what fails there, for who may read it."""

import pytest

from board.owned import own, read, talk
from board.supervisor import Supervisor
from dsoftbus.service import status
from dsoftbus.service.status import CallError

HEAP = "1M"
APP = """
import asyncio

async def fails():
    raise ValueError("in a task")

async def main(bus):
    print("hello", 21.5)
    bus.log("warning", "careful")
    asyncio.create_task(fails())
    @bus.call("flood")
    def flood(_connection, lines):
        for n in range(lines):
            print("line", n, "of a flood")
    @bus.call("fail")
    def fail(_connection, _value):
        raise RuntimeError("in a handler")
    await asyncio.sleep_ms(0)
    raise OSError("at the end")
"""


@pytest.fixture
def logging(flash):
    """The file system of a board that keeps a log, and lets its owner read it."""
    own(flash, "allow in logs", "allow in call/*", logs=True)
    (flash / "app.py").write_text(APP)
    return flash


def test_the_owner_reads_from_the_first_line_on(logging):
    with Supervisor(logging, heap=HEAP) as board:
        board.wait_for(b"started")
        found = talk(board, read)
    said = [(record.level, record.text) for record in found]
    assert said[0][1].startswith("dsoftbus ") and ("info", "hello 21.5") in said
    assert ("warning", "careful") in said and ("info", "started") in said
    for text in ("ValueError: in a task", "OSError: at the end"):
        assert ("error", text) in said
    assert [record.sequence for record in found] == list(range(1, len(found) + 1))


def test_an_app_that_cannot_be_imported_is_an_error(logging):
    (logging / "app.py").write_text("import nothing_of_this_name\n")
    with Supervisor(logging, heap=HEAP) as board:
        board.wait_for(b"started")
        found = talk(board, lambda connection: read(connection, level="error"))
    assert found[-1].text == "ImportError: no module named 'nothing_of_this_name'"


def test_a_flood_is_bounded_and_told(logging):
    async def story(connection):
        await connection.call("flood", 300)
        with pytest.raises(CallError):
            await connection.call("fail")
        return await read(connection)

    with Supervisor(logging, heap=HEAP) as board:
        board.wait_for(b"started")
        found = talk(board, story)
    assert found[0].lost > 200 and found[-1].text == "RuntimeError: in a handler"
    assert sum(len(record.text) + 6 for record in found) <= 2048


def test_the_log_goes_on_with_another_start(logging):
    with Supervisor(logging, heap=HEAP) as board:
        board.wait_for(b"started")
        (first,) = talk(board, lambda connection: read(connection, 1))
        board.reset()
        board.wait_for(b"started")
        (again,) = talk(board, lambda connection: read(connection, 1))
    assert first.start != again.start and first.text == again.text


def test_without_the_right_or_the_setting_there_is_none(flash):
    async def story(connection):
        with pytest.raises(CallError) as caught:
            await read(connection)
        return caught.value.code

    own(flash, "allow both *", logs=True)
    with Supervisor(flash, heap=HEAP) as board:
        board.wait_for(b"started")
        assert talk(board, story) == status.DENIED
        own(flash, "allow in logs", logs=False)
        board.reset()
        board.wait_for(b"started")
        assert talk(board, story) == status.NO_METHOD
