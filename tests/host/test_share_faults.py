"""Opponents of a share: lies, cuts at every byte, files that change, media that fill."""

import os

import pytest

from backend import run
from dsoftbus.const import SHARE_STREAM
from dsoftbus.errors import (
    MALFORMED,
    NO_SUCH_SERVICE,
    OVERSIZE,
    STREAM_REFUSED,
)
from dsoftbus.share.messages import put_header
from dsoftbus_aio.services.share_moving import read_header
from dsoftbus_host.bare_bus import ANYONE, BareBus
from node_pair import HOST, A, C, refused
from shared import asked, digest, make_file, putting, sha, with_served

OUTSIDE = (
    "",
    ".",
    "..",
    ".hidden",
    ".file.abcdefgh.part",
    "../up",
    "/etc/passwd",
    "a\\b",
    "x" * 241,
    "é" * 121,
    "a/../b",
    "a//b",
    "a/",
    "/a",
    "a/.b",
    "/".join("a" * 9),
    "nul",
    "COM1.txt",
    "a:b",
    "trailing.",
    "trailing ",
    "nul\0",
    "escape\x1b[2J",
    "delete\x7f",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_are_not_allowed(tmp_path, name):
    file = make_file(tmp_path / "file", 10)

    async def test(served):
        await refused(STREAM_REFUSED, served.session.fetch(name, tmp_path))
        if name:  # which is the file's own
            await refused(STREAM_REFUSED, served.session.send(file, name=name))
        for request in (("put", name, 3, True), ("get", name, [])):
            await refused(STREAM_REFUSED, (await asked(served.session, *request)).read())
        assert served.names == []

    with_served(tmp_path, test)


def test_a_file_whose_name_cannot_be_said_is_not_sent(tmp_path):
    file = tmp_path / os.fsdecode(b"latin-\xe9")
    file.touch()

    async def test(served):
        await refused(STREAM_REFUSED, served.session.send(file))

    with_served(tmp_path, test)


def test_what_is_no_file_is_neither_fetched_nor_replaced(tmp_path):
    file = make_file(tmp_path / "file", 10)

    async def test(served):
        (served.folder / "folder").mkdir()
        (served.folder / "other").touch()
        os.mkfifo(served.folder / "pipe")
        (served.folder / "link").symlink_to(served.folder / "other")
        for name in ("folder", "pipe", "link", "other/x"):
            await refused(STREAM_REFUSED, served.session.send(file, name=name, replace=True))
        for name in ("missing", "folder", "pipe", "link", "other/x"):
            await refused(NO_SUCH_SERVICE, served.session.fetch(name, tmp_path))
        with pytest.raises(FileNotFoundError):
            await served.session.send(tmp_path / "missing")
        with pytest.raises(FileNotFoundError):
            await served.session.send(served.folder / "pipe")

    with_served(tmp_path, test)


@pytest.mark.parametrize("name", ["link/file", "file/file", "sub/link/x"])
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
        for replace in (False, True):
            await refused(STREAM_REFUSED, served.session.send(file, name=name, replace=replace))
        (tmp_path / "back").mkdir()
        await refused(NO_SUCH_SERVICE, served.session.fetch(name, tmp_path / "back"))

    with_served(tmp_path, test)
    assert os.listdir(outside) == ["file"]


@pytest.mark.parametrize("made", ["link", "folder", "pipe", "hard link"])
def test_what_lies_in_the_place_of_a_partial_file_is_not_written_to(tmp_path, made):
    file = make_file(tmp_path / "file", 10)
    other = make_file(tmp_path / "other", 10)
    before = digest(other)

    async def test(served):
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        if made == "link":
            part.symlink_to(other)
        elif made == "hard link":
            part.hardlink_to(other)
        elif made == "pipe":
            os.mkfifo(part)
        else:
            part.mkdir()
        await refused(STREAM_REFUSED, served.session.send(file))
        assert served.names == [part.name]

    with_served(tmp_path, test)
    assert digest(other) == before


REQUESTS = (
    None,
    [],
    ["put"],
    ["put", "x", 3],
    ["put", "x", -1, False],
    ["put", "x", (1 << 53) + 1, False],
    ["put", "x", 3, 0],
    ["put", 3, 3, False],
    ["put", "x", 3, False, 1],
    ["get", "x"],
    ["get", "x", None],
    ["get", "x", [[4096, b"short"]]],
    ["get", "x", [[0, bytes(32)]]],
    ["get", "x", [[4096, bytes(32)], [8192, bytes(32)]]],
    ["get", "x", [[4096, bytes(32)], [4096, bytes(32)]]],
    ["get", "x", [[9 - n, bytes(32)] for n in range(5)]],
    ["list", "x", 3],
    ["erase", "x", ""],
)


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_requests_that_are_none(tmp_path, request_):
    async def test(served):
        make_file(served.folder / "x", 10_000)
        stream = await served.session.open(SHARE_STREAM)
        await stream.write(put_header(request_))
        await refused(MALFORMED, stream.read())
        assert served.names == ["x"]

    with_served(tmp_path, test)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\0\0", MALFORMED), (b"\4\1", OVERSIZE), (b"\xff\xff", OVERSIZE), (b"\0\1\xff", MALFORMED)],
)
def test_headers_that_are_none(tmp_path, data, code):
    async def test(served):
        stream = await served.session.open(SHARE_STREAM)
        await stream.write(data)
        await refused(code, stream.read())

    with_served(tmp_path, test)


def test_a_put_that_is_cut_at_every_byte(tmp_path):
    """By its end in order, and by a reset: the file is never there, and what was cut goes on."""
    data = b"0123456789"
    whole = put_header(["put", "cut", len(data), False]) + put_header(0) + data + sha(data)

    async def test(served):
        for at in range(len(whole)):
            for reset in (False, True):
                stream = await served.session.open(SHARE_STREAM)
                await stream.write(whole[:at])
                if reset:
                    stream.reset()
                else:
                    await stream.finish()
                    await refused(MALFORMED, read_to_end(stream))
                assert "cut" not in served.names
        stream = await served.session.open(SHARE_STREAM)
        for at in range(len(whole)):
            await stream.write(whole[at : at + 1])
        await stream.finish()
        assert (await read_to_end(stream))[-3:] == put_header(0)
        assert served.names == ["cut"]
        assert (served.folder / "cut").read_bytes() == data

    with_served(tmp_path, test)


async def read_to_end(stream) -> bytes:
    found = b""
    while True:
        some = await stream.read(100)
        if not some:
            return found
        found += some


@pytest.mark.parametrize(
    ("size", "data", "hashed"),
    [
        (10, b"short", b"short"),
        (5, b"too long", b"too long"),
        (0, b"x", b""),
        (4, b"four", b"five"),
        (4, b"four", b"four" * 9),
    ],
)
def test_a_sender_that_lies(tmp_path, size, data, hashed):
    async def test(served):
        (served.folder / "kept").write_bytes(b"as it was here")
        stream, marks = await putting(served.session, "kept", size, True)
        assert marks == []
        await stream.write(put_header(0) + data + sha(hashed))
        await stream.finish()
        await refused(MALFORMED, stream.read())
        assert (served.folder / "kept").read_bytes() == b"as it was here"
        assert [name for name in served.names if name[0] != "."] == ["kept"]

    with_served(tmp_path, test)


@pytest.mark.parametrize("offset", [1, 4095, 8192, 100_000, -1, None, [0], True])
def test_an_offset_that_is_no_mark(tmp_path, offset):
    async def test(served):
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        part.write_bytes(bytes(5000))
        stream, marks = await putting(served.session, "file", 100_000)
        assert [mark[0] for mark in marks] == [4096]
        await stream.write(put_header(offset))
        await refused(MALFORMED, stream.read())
        assert served.names == [part.name]

    with_served(tmp_path, test)


def test_who_agrees_with_a_mark_and_sends_another_file(tmp_path):
    """The marks are the receiver's, so that the lie is found at the end, and what it left goes."""
    data = os.urandom(50_000)

    async def test(served):
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        part.write_bytes(bytes(40_960))
        stream, _marks = await putting(served.session, "file", 50_000)
        await stream.write(put_header(40_960) + data[40_960:] + sha(data))
        await stream.finish()
        await refused(MALFORMED, stream.read())
        assert served.names == []

    with_served(tmp_path, test)


def test_who_agrees_with_a_file_that_it_has_not(tmp_path):
    async def test(served):
        make_file(served.folder / "file", 10_000)
        stream, marks = await putting(served.session, "file", 10_000)
        assert marks[0] == [10_000, digest(served.folder / "file")]
        await stream.write(put_header(10_000) + bytes(32))
        await stream.finish()
        await refused(MALFORMED, stream.read())

    with_served(tmp_path, test)


class Lying:
    """A node whose share says these bytes, and ends."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    async def serve(self, _connection, stream) -> None:
        await read_header(stream)
        await stream.write(self._said)


GET_LIES = (
    b"",
    put_header([4]),
    put_header([4, 4]),
    put_header([4, 1]),
    put_header([-4, 0]),
    put_header([1 << 60, 0]),
    put_header([4, 0]) + b"fou",
    put_header([4, 0]) + b"four",
    put_header([4, 0]) + b"four" + bytes(32),
    put_header([4, 0]) + b"four" + sha(b"four") + b"more",
)


@pytest.mark.parametrize("said", GET_LIES)
def test_a_share_that_lies_to_who_fetches(tmp_path, said):
    with_lying(said, lambda session: refused(MALFORMED, session.fetch("file", tmp_path)))
    assert [name for name in os.listdir(tmp_path) if name[0] != "."] == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        put_header(0),
        put_header([[4, bytes(31)]]),
        put_header([[n, bytes(32)] for n in (9, 8, 7, 6, 5)]),
        put_header([]) + put_header(1),
        put_header([]) + put_header([]),
        put_header([]),
    ],
)
def test_a_share_that_lies_to_who_sends(tmp_path, said):
    file = make_file(tmp_path / "file", 10)
    with_lying(said, lambda session: refused(MALFORMED, session.send(file)))


def test_marks_of_more_than_the_file_has_are_passed_over(tmp_path):
    file = make_file(tmp_path / "file", 10_000)
    marks = [[1 << 53, bytes(32)], [20_000, bytes(32)], [4096, sha(file.read_bytes()[:4096])]]
    offsets = []

    async def serve(_connection, stream) -> None:
        await read_header(stream)
        await stream.write(put_header(marks))
        offsets.append(await read_header(stream))
        while await stream.read(1000):
            pass
        await stream.write(put_header(0))

    with_serving(serve, lambda session: session.send(file))
    assert offsets == [4096]


LIST_LIES = (
    put_header(3),
    put_header([["b", 1], ["a", 1]]),
    put_header([["a", 1], ["a", 1]]),
    put_header([["../a", 1]]),
    put_header([["a", -1]]),
    put_header([["a"]]),
    put_header([["a", 1]]),
    put_header([["b", 1]]) + put_header([["a", 1]]),
)


@pytest.mark.parametrize("said", LIST_LIES)
def test_a_share_that_lies_to_who_lists(said):
    with_lying(said, lambda session: refused(MALFORMED, session.files()))


def with_lying(said: bytes, ask) -> None:
    with_serving(Lying(said).serve, ask)


def with_serving(serve, ask) -> None:
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(C) as client:
            server.on_stream(SHARE_STREAM, serve)
            port = await server.listen(HOST)
            await ask(await client.connect(HOST, port, server.public))

    run(test())
