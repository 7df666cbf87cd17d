"""The hash beside a transfer: one thread at a time, whole at the end, and no descriptor lost."""

import asyncio
import os
import threading

import pytest

from dsoftbus.errors import SHARE_CHANGED, LocalError
from dsoftbus.share.marks import FileHash
from dsoftbus_host.storage import following_hash
from dsoftbus_host.storage.following_hash import FollowingHash
from portable import TIMEOUT_S
from shared import make_file, sha

MB = 1 << 20
SIZE = 5 * MB + 17


class Gate:
    """Reads of the thread wait until this is open; `at_once` is how many waited together."""

    def __init__(self, monkeypatch) -> None:
        self.open = threading.Event()
        self.reading = threading.Event()
        self.inside = self.at_once = 0
        self._read = os.pread
        monkeypatch.setattr(following_hash.os, "pread", self)

    def __call__(self, *arguments) -> bytes:
        self.inside += 1
        self.at_once = max(self.at_once, self.inside)
        self.reading.set()
        assert self.open.wait(TIMEOUT_S)
        self.inside -= 1
        return self._read(*arguments)


def passed(hashing: FollowingHash, begin: int, end: int) -> None:
    for at in range(begin, end, 65536):
        size = min(65536, end - at)
        hashing.passed(memoryview(bytes(size)), at + size)


@pytest.mark.parametrize("begin", [0, MB, SIZE])
def test_it_is_the_hash_of_the_whole(tmp_path, begin):
    path = make_file(tmp_path / "file", SIZE)
    data = path.read_bytes()

    async def main():
        before = FileHash([begin] if begin else [])
        while before.at < begin:
            before.update(data[before.at : before.at + before.room(begin)])
        with path.open("rb") as file:
            hashing = FollowingHash(file, before)
            passed(hashing, begin, SIZE)
            assert await hashing.digest() == sha(data)
            hashing.close()

    asyncio.run(main())


def test_one_thread_at_a_time_however_much_has_passed(tmp_path, monkeypatch):
    path = make_file(tmp_path / "file", SIZE)
    gate = Gate(monkeypatch)

    async def main():
        with path.open("rb") as file:
            hashing = FollowingHash(file, FileHash())
            passed(hashing, 0, MB - 1)
            assert not gate.reading.is_set()  # not worth a turn yet
            passed(hashing, MB - 1, 4 * MB)
            assert await asyncio.to_thread(gate.reading.wait, TIMEOUT_S)
            passed(hashing, 4 * MB, SIZE)
            gate.open.set()
            assert await hashing.digest() == sha(path.read_bytes())
            hashing.close()
        assert gate.at_once == 1

    asyncio.run(main())


def test_a_file_that_has_shrunk_has_no_hash(tmp_path):
    path = make_file(tmp_path / "file", SIZE)

    async def main():
        with path.open("rb") as file:
            hashing = FollowingHash(file, FileHash())
            os.truncate(path, MB)
            passed(hashing, 0, SIZE)
            with pytest.raises(LocalError) as caught:
                await hashing.digest()
            assert caught.value.code == SHARE_CHANGED
            hashing.close()

    asyncio.run(main())


def test_the_descriptor_stays_open_while_the_thread_reads_and_no_longer(tmp_path, monkeypatch):
    path = make_file(tmp_path / "file", SIZE)
    gate = Gate(monkeypatch)

    async def main():
        with path.open("rb") as file:
            hashing = FollowingHash(file, FileHash())
        passed(hashing, 0, SIZE)
        assert await asyncio.to_thread(gate.reading.wait, TIMEOUT_S)
        hashing.close()
        assert os.fstat(hashing._handle).st_size == SIZE
        gate.open.set()
        while True:
            try:
                os.fstat(hashing._handle)
            except OSError:
                return
            await asyncio.sleep(0.001)

    asyncio.run(main())


def test_work_that_has_ended_in_this_very_turn_of_the_loop(tmp_path):
    """The future is done, and what it calls then has not been called yet."""
    path = make_file(tmp_path / "file", SIZE)

    async def main():
        with path.open("rb") as file:
            hashing = FollowingHash(file, FileHash())
            passed(hashing, 0, 2 * MB)
            work = hashing._work
            while not work.done():
                await asyncio.sleep(0)
            seen = hashing._work is work
            passed(hashing, 2 * MB, SIZE)
            assert await hashing.digest() == sha(path.read_bytes())
            hashing.close()
        return seen

    assert any(asyncio.run(main()) for _ in range(20))
