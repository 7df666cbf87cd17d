"""Files that change while they are sent, media that fill, and transfers that are cancelled."""

import asyncio
import os

import pytest

from dsoftbus.errors import (
    SHARE_CHANGED,
    SHARE_NO_SPACE,
    STREAM_CANCELLED,
    STREAM_REFUSED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus_host.storage.partial_files import PartFile
from dsoftbus_host.storage.shared_folder import SharedFolder
from node_pair import refused
from shared import digest, make_file, with_served

# Files that change


@pytest.mark.parametrize("change", ["shrinks", "grows", "is written to", "is another"])
def test_a_file_that_changes_while_it_is_sent(tmp_path, change):
    file = make_file(tmp_path / "log", 1_000_000)

    def alter(done, _total) -> None:
        if not done:
            return
        if change == "shrinks":
            os.truncate(file, 10)
        elif change == "grows":
            with file.open("ab") as log:
                log.write(b"more")
        elif change == "is written to":
            os.utime(file, ns=(1, done))
        else:
            make_file(tmp_path / "other", 1_000_000).replace(file)

    async def test(served):
        if change == "is another":  # what was opened stays what it was
            await served.session.send(file, progress=alter)
            return
        error = await refused(SHARE_CHANGED, served.session.send(file, progress=alter))
        assert isinstance(error, LocalError)
        await served.until(lambda: served.transfers)
        assert served.transfers == [("put", "log", SHARE_CHANGED)]
        assert "log" not in served.names
        [sent] = await served.session.send(file)
        assert sent.digest == digest(served.folder / "log") == digest(file)

    with_served(tmp_path, test)


def test_a_file_that_changes_while_it_is_fetched(tmp_path):
    async def test(served):
        file = make_file(served.folder / "log", 1_000_000)
        error = await refused(
            SHARE_CHANGED,
            served.session.fetch(
                "log", tmp_path, progress=lambda done, _: done and os.utime(file, ns=(1, done))
            ),
        )
        assert isinstance(error, PeerError)
        assert "log" not in os.listdir(tmp_path)
        [fetched] = await served.session.fetch("log", tmp_path)
        assert fetched.digest == digest(file)

    with_served(tmp_path, test)


# Media that fill


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_medium_that_is_full_at_every_write(tmp_path, monkeypatch, where):
    """The transfer ends with its label, nothing is left, and with space it goes through."""
    size = 700_000
    file = make_file(tmp_path / "big", size)
    room = [0]
    whole = PartFile.write

    def write(part, view):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        room[0] -= 1
        whole(part, view)

    monkeypatch.setattr(PartFile, "write", write)

    async def test(served):
        back = tmp_path / "back"
        back.mkdir()
        if where == "here":
            make_file(served.folder / "big", size)
        for writes in range(100):
            room[0] = writes
            try:
                if where == "here":
                    await served.session.fetch("big", back)
                else:
                    await served.session.send(file)
            except PeerError as error:
                assert (where, error.code) == ("there", SHARE_NO_SPACE)
                assert served.names == []
            except OSError as error:
                assert (where, error.errno, os.listdir(back)) == ("here", 28, [])
            else:
                break
        assert writes > 2
        assert digest(served.folder / "big") == digest(file)
        assert where == "there" or digest(back / "big") == digest(file)

    with_served(tmp_path, test)


def test_a_file_that_has_no_room_is_refused_before_it_comes(tmp_path, monkeypatch):
    file = make_file(tmp_path / "big", 100_000)
    monkeypatch.setattr(SharedFolder, "free", lambda folder: 99_999)

    async def test(served):
        await refused(SHARE_NO_SPACE, served.session.send(file))
        assert served.names == []
        make_file(served.folder / "big", 100_000)
        (tmp_path / "back").mkdir()
        await refused(SHARE_NO_SPACE, served.session.fetch("big", tmp_path / "back"))
        assert os.listdir(tmp_path / "back") == []

    with_served(tmp_path, test)


def test_what_fails_at_the_end_is_not_acknowledged(tmp_path, monkeypatch):
    file = make_file(tmp_path / "file", 1000)

    def fails(*_):
        raise OSError(5, "Input/output error")

    async def test(served):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            await refused(STREAM_REFUSED, served.session.send(file))
        assert "file" not in served.names
        assert isinstance(served.errors[0], OSError)
        await served.session.send(file)

    with_served(tmp_path, test)


# Cancelled


@pytest.mark.parametrize("way", ["send", "fetch"])
def test_a_transfer_that_is_cancelled_at_every_turn_goes_on(tmp_path, way):
    """It is cancelled after so many turns of the loop, and another goes on; none is lost."""
    size = 600_000
    file = make_file(tmp_path / "big", size)
    back = tmp_path / "back"
    back.mkdir()

    async def test(served):
        if way == "fetch":
            make_file(served.folder / "big", size)
        for turns in range(0, 400, 7):
            move = (
                served.session.send(file) if way == "send" else served.session.fetch("big", back)
            )
            task = asyncio.ensure_future(move)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            except BusError as error:  # the one before has not quite left
                assert error.code in (0x48, STREAM_CANCELLED)
        await (served.other.send(file) if way == "send" else served.session.fetch("big", back))
        assert digest(served.folder / "big") == digest(file)
        assert way == "send" or digest(back / "big") == digest(file)
        assert served.names == ["big"]

    with_served(tmp_path, test)
