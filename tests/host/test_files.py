"""The file streams between hosts: every size, every lie, and nothing half."""

import asyncio
import errno
import hashlib
import os
import random

import pytest

from backend import run
from dsoftbus.base.codec import put_u32
from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import (
    BAD_STATE,
    FILE_EXISTS,
    INVALID_STREAM_NAME,
    MALFORMED,
    NO_SUCH_SERVICE,
    OVERSIZE,
    STREAM_CANCELLED,
    STREAM_REFUSED,
    BusError,
    LocalError,
)
from dsoftbus_host import files
from dsoftbus_host.bare_bus import ANYONE, BareBus
from node_pair import HOST, A, B, C, refused

GIB = 1 << 30
WINDOW = LIMITS.stream_credit
EDGES = {0, 1, 31, 32, 33, 32767, 32768, 32769}
EDGES |= {n + d for n in (WINDOW, 2 * WINDOW, LIMITS.stream_buffer) for d in (-37, -36, -4, 0, 1)}


class Served:
    """A node that serves a folder, and one that has a session with it."""

    def __init__(self, tmp_path, secret: bytes = B) -> None:
        self.folder = tmp_path / "served"
        self.folder.mkdir(exist_ok=True)
        self.stored = []
        self.transfers = []
        self.errors = []
        self.bus = BareBus(A, allow=ANYONE)
        self.bus.on_error = self.errors.append
        self._client = BareBus(secret)

    async def __aenter__(self):
        files.FileService(self.bus, self.folder, self._on_transfer)
        port = await self.bus.listen(HOST)
        self.session = await self._client.connect(HOST, port, self.bus.public)
        self.other = await self._client.connect(HOST, port, self.bus.public)
        return self

    async def __aexit__(self, *_):
        await self._client.close()
        await self.bus.close()

    def _on_transfer(self, transfer) -> None:
        self.transfers.append((transfer.verb, transfer.name, transfer.code))
        if transfer.verb != "fetch" and not transfer.code:
            self.stored.append(transfer.name)

    @property
    def names(self) -> list:
        return sorted(os.listdir(self.folder))


def with_served(tmp_path, test) -> None:
    async def main():
        async with Served(tmp_path) as served:
            await test(served)

    run(main())


def make_file(path, size: int):
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def digest(path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def head(size: int) -> bytes:
    out = bytearray(4)
    put_u32(out, 0, size)
    return bytes(out)


@pytest.mark.parametrize("size", sorted(EDGES))
def test_every_size_there_and_back(tmp_path, size):
    file = make_file(tmp_path / "sent.bin", size)
    told = []

    async def test(served):
        assert await files.send(served.session, file, lambda *n: told.append(n)) == digest(file)
        assert served.stored == served.names == ["sent.bin"]
        back = tmp_path / "back"
        back.mkdir()
        assert await files.fetch(served.session, "sent.bin", back) == digest(file)
        assert digest(back / "sent.bin") == digest(served.folder / "sent.bin") == digest(file)
        assert os.listdir(back) == ["sent.bin"]

    with_served(tmp_path, test)
    assert told[0] == (0, size)
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_a_file_of_1_gib_is_named_as_too_long_by_both_ends(tmp_path):
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, GIB)

    async def test(served):
        await refused(OVERSIZE, files.send(served.session, huge))
        huge.rename(served.folder / "huge")
        await refused(OVERSIZE, files.fetch(served.session, "huge", tmp_path))
        stream = await served.session.open("file/lie")
        await stream.write(GIB.to_bytes(4, "big"))
        await refused(OVERSIZE, stream.read())
        assert served.names == ["huge"]

    with_served(tmp_path, test)


OUTSIDE = (
    "",
    ".",
    "..",
    ".hidden",
    "../up",
    "/etc/passwd",
    "a\\b",
    "x" * 57,
    "é" * 29,
    "a/../b",
    "a//b",
    "a/",
    "/a",
    "a/.b",
    "/".join("a" * 9),
)
NO_TEXT = ("nul\0", "escape\x1b[2J", "delete\x7f", "c1\x9b2J", "surrogate\udcff")


@pytest.mark.parametrize("name", OUTSIDE + NO_TEXT)
def test_names_that_are_not_allowed(tmp_path, name):
    async def test(served):
        await refused(STREAM_REFUSED, files.fetch(served.session, name, tmp_path))
        if name in NO_TEXT:  # no stream can be called so
            await refused(INVALID_STREAM_NAME, served.session.open("file/" + name))
            return
        for service in ("file/", "fetch/"):
            if len((service + name).encode()) <= 64:
                stream = await served.session.open(service + name)
                await refused(STREAM_REFUSED, stream.read())
        assert served.names == []

    with_served(tmp_path, test)


def test_a_file_whose_name_cannot_be_said_is_not_sent(tmp_path):
    file = tmp_path / os.fsdecode(b"latin-\xe9")
    file.touch()

    async def test(served):
        await refused(STREAM_REFUSED, files.send(served.session, file))

    with_served(tmp_path, test)


@pytest.mark.parametrize("name", ["ünïcode €", "a b", "[bold]", "-rf", "x" * 56, "é" * 28, "a.b"])
def test_names_that_are(tmp_path, name):
    file = make_file(tmp_path / name, 100)

    async def test(served):
        await files.send(served.session, file)
        assert served.names == [name]

    with_served(tmp_path, test)


def test_of_two_who_send_one_name_the_second_is_refused(tmp_path):
    file = make_file(tmp_path / "same", 10)

    async def test(served):
        first = await served.session.open("file/same")
        await first.write(head(3) + b"on")
        await first.accepted()
        await refused(STREAM_REFUSED, files.send(served.other, file))
        await refused(STREAM_REFUSED, files.send(served.session, file))
        await first.write(b"e")
        await first.finish()
        assert await first.readexactly(32) == hashlib.sha256(b"one").digest()
        assert (served.folder / "same").read_bytes() == b"one"
        await refused(FILE_EXISTS, files.send(served.other, file))
        await files.send(served.other, file, replace=True)  # its turn now
        assert digest(served.folder / "same") == digest(file)

    with_served(tmp_path, test)


def test_two_may_fetch_into_one_folder(tmp_path):
    async def test(served):
        file = make_file(served.folder / "same", 1_000_000)
        both = [
            files.fetch(s, "same", tmp_path, replace=True) for s in (served.session, served.other)
        ]
        assert await asyncio.gather(*both) == [digest(file)] * 2
        assert digest(tmp_path / "same") == digest(file)
        assert sorted(os.listdir(tmp_path)) == ["same", "served"]

    with_served(tmp_path, test)


@pytest.mark.parametrize(
    ("size", "data", "code"),
    [(10, b"short", MALFORMED), (5, b"too long", MALFORMED), (0, b"x", MALFORMED)],
)
def test_a_sender_that_lies_about_the_size(tmp_path, size, data, code):
    async def test(served):
        (served.folder / "kept").write_bytes(b"as it was")
        stream = await served.session.open("replace/kept")
        await stream.write(head(size) + data)
        await stream.finish()
        await refused(code, stream.read())
        assert (served.folder / "kept").read_bytes() == b"as it was"
        assert served.names == ["kept"]
        assert served.stored == []

    with_served(tmp_path, test)


@pytest.mark.parametrize("sent", [b"", b"\0\0", head(10), head(10) + b"12345"])
@pytest.mark.parametrize("end", ["finish", "reset", "session"])
def test_a_sender_that_stops(tmp_path, sent, end):
    async def test(served):
        stream = await served.session.open("file/half")
        await stream.write(sent)
        await stream.accepted()
        if end == "finish":
            await stream.finish()
            await refused(MALFORMED, stream.read())
        elif end == "reset":
            stream.reset()
        else:
            await served.session.close()
        while not served.errors:
            await asyncio.sleep(0.001)
        assert served.names == []

    with_served(tmp_path, test)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", MALFORMED),
        (head(5) + b"four", MALFORMED),
        (head(4) + b"four", MALFORMED),
        (head(4) + b"four" + bytes(32), MALFORMED),
        (head(4) + b"four" + hashlib.sha256(b"four").digest() + b"more", MALFORMED),
        (GIB.to_bytes(4, "big"), OVERSIZE),
    ],
)
def test_a_server_that_lies(tmp_path, answer, code):
    async def lie(_session, stream):
        await stream.write(answer)

    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(C) as client:
            server.on_stream("fetch/file", lie)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            await refused(code, files.fetch(session, "file", tmp_path))

    run(test())
    assert os.listdir(tmp_path) == []


def test_a_server_that_says_that_it_stored_something_else(tmp_path):
    file = make_file(tmp_path / "file", 10)

    async def lie(_session, stream):
        await stream.read()
        await stream.write(bytes(32))

    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(C) as client:
            server.on_stream("file/file", lie)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            await refused(MALFORMED, files.send(session, file))

    run(test())


def test_what_is_no_file_is_not_there(tmp_path):
    async def test(served):
        (served.folder / "folder").mkdir()
        os.mkfifo(served.folder / "pipe")
        for name in ("missing", "folder", "pipe"):
            await refused(NO_SUCH_SERVICE, files.fetch(served.session, name, tmp_path))
        with pytest.raises(FileNotFoundError):
            await files.send(served.session, tmp_path / "missing")

    with_served(tmp_path, test)


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    file = make_file(tmp_path / "taken", 10)

    async def test(served):
        (served.folder / "taken").mkdir()
        await refused(STREAM_REFUSED, files.send(served.session, file))
        assert served.names == ["taken"]
        assert isinstance(served.errors[0], OSError)

    with_served(tmp_path, test)


class FullDisk:
    """`open` of a disk with room for some bytes."""

    def __init__(self, open_, room: int) -> None:
        self._open = open_
        self._room = room

    def __call__(self, path, mode="r", *rest, **options):
        file = self._open(path, mode, *rest, **options)
        if "x" not in mode:
            return file
        return _Filling(file, self._room)


class _Filling:
    def __init__(self, file, room: int) -> None:
        self._file = file
        self._room = room

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return self._file.write(data)


@pytest.mark.parametrize("room", [0, 1, 100_000])
def test_a_full_disk_resets_the_stream_and_leaves_nothing(tmp_path, monkeypatch, room):
    file = make_file(tmp_path / "big", 1_000_000)

    async def test(served):
        opened = files.Path.open
        monkeypatch.setattr(
            files.Path, "open", lambda path, mode="r": FullDisk(opened, room)(path, mode)
        )
        await refused(STREAM_REFUSED, files.send(served.session, file))
        assert isinstance(served.errors[0], OSError)
        assert served.names == []
        monkeypatch.undo()
        await files.send(served.session, file)
        assert served.names == ["big"]

    with_served(tmp_path, test)


def test_a_file_that_becomes_shorter_ends_its_transfer(tmp_path):
    file = make_file(tmp_path / "log", 1_000_000)

    async def test(served):
        def cut(done, _total):
            if done:
                os.truncate(file, 10)

        await refused(BAD_STATE, files.send(served.session, file, cut))
        while not served.errors:
            await asyncio.sleep(0.001)
        assert served.errors[0].code == STREAM_CANCELLED
        assert served.names == []

    with_served(tmp_path, test)


def test_a_transfer_that_is_cancelled_leaves_nothing(tmp_path):
    async def test(served):
        make_file(served.folder / "big", 8_000_000)
        begun = asyncio.Event()
        transfer = files.fetch(served.session, "big", tmp_path, lambda *_: begun.set())
        task = asyncio.ensure_future(transfer)
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert os.listdir(tmp_path) == ["served"]
        assert await files.fetch(served.session, "big", tmp_path) == digest(tmp_path / "big")

    with_served(tmp_path, test)


def test_the_echo_of_much(tmp_path):
    data = random.Random(1).randbytes(3_000_000)

    async def test(served):
        files.serve_echo(served.bus)
        stream = await served.session.open("echo")

        async def write():
            await stream.write(data)
            await stream.finish()

        writing = asyncio.ensure_future(write())
        assert await stream.read() == data
        await writing

    with_served(tmp_path, test)


def test_errors_of_this_side_are_local(tmp_path):
    async def test(served):
        error = await refused(STREAM_REFUSED, files.fetch(served.session, "..", tmp_path))
        assert isinstance(error, LocalError)

    with_served(tmp_path, test)


# What is there already


@pytest.mark.parametrize("replace", [False, True])
def test_nothing_is_replaced_unasked(tmp_path, replace):
    file = make_file(tmp_path / "file", 10)
    back = tmp_path / "back"
    back.mkdir()

    async def test(served):
        for folder in (served.folder, back):
            (folder / "file").write_bytes(b"as it was")
        if replace:
            await files.send(served.session, file, replace=True)
            await files.fetch(served.session, "file", back, replace=True)
        else:
            await refused(FILE_EXISTS, files.send(served.session, file))
            await refused(FILE_EXISTS, files.fetch(served.session, "file", back))
        left = file.read_bytes() if replace else b"as it was"
        assert (served.folder / "file").read_bytes() == (back / "file").read_bytes() == left
        assert served.names == os.listdir(back) == ["file"]
        first = ("replace", "file", 0) if replace else ("file", "file", FILE_EXISTS)
        assert served.transfers == [first] + [("fetch", "file", 0)] * replace

    with_served(tmp_path, test)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_to_be_meanwhile_is_not_replaced_either(tmp_path, monkeypatch, links):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)

    async def test(served):
        stream = await served.session.open("file/name")
        await stream.write(head(3) + b"on")
        await stream.accepted()
        while not served.names:
            await asyncio.sleep(0.001)
        (served.folder / "name").write_bytes(b"mine")
        await stream.write(b"e")
        await stream.finish()
        await refused(FILE_EXISTS, stream.read())
        assert served.names == ["name"]
        assert (served.folder / "name").read_bytes() == b"mine"
        (served.folder / "name").unlink()
        await files.send(served.session, make_file(tmp_path / "name", 10))
        assert digest(served.folder / "name") == digest(tmp_path / "name")

    with_served(tmp_path, test)


# Folders


def test_a_name_may_lead_through_folders(tmp_path):
    file = make_file(tmp_path / "file", 1000)
    back = tmp_path / "back"
    back.mkdir()

    async def test(served):
        name = "photos/2026/a.jpg"
        await files.send(served.session, file, name=name)
        assert served.stored == [name]
        await refused(FILE_EXISTS, files.send(served.session, file, name=name))
        await files.fetch(served.session, name, back)
        await refused(FILE_EXISTS, files.fetch(served.session, name, back))
        assert digest(back / name) == digest(served.folder / name) == digest(file)
        await refused(NO_SUCH_SERVICE, files.fetch(served.session, "photos/2026", tmp_path))

    with_served(tmp_path, test)


@pytest.mark.parametrize("name", ["link/file", "file/file", "PHOTOS/../x", "sub/link/x"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    file = make_file(tmp_path / "file", 10)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")

    async def test(served):
        (served.folder / "link").symlink_to(outside)
        (served.folder / "sub").mkdir()
        (served.folder / "sub/link").symlink_to(outside)
        (served.folder / "file").write_bytes(b"no folder")
        for verb in ("file/", "replace/", "fetch/"):
            stream = await served.session.open(verb + name)
            await stream.finish()
            with pytest.raises(BusError) as error:
                await stream.read()
            assert error.value.code in (STREAM_REFUSED, NO_SUCH_SERVICE)
        with pytest.raises((BusError, OSError)):
            await files.send(served.session, file, name=name)

    with_served(tmp_path, test)
    assert os.listdir(outside) == ["file"]


def test_what_was_cut_off_in_a_folder_is_cleared_at_the_next_start(tmp_path):
    left = tmp_path / "served/photos/.a.jpg.0123abcd.part"
    left.parent.mkdir(parents=True)
    left.touch()

    async def test(served):
        assert os.listdir(left.parent) == []

    with_served(tmp_path, test)
