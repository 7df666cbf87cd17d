"""Shares between hosts: every size, folders, lists, and files that go on where they stopped."""

import asyncio
import os
import random

import pytest

from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import (
    FILE_EXISTS,
    NO_SUCH_SERVICE,
    SHARE_BUSY,
    STREAM_REFUSED,
    LocalError,
)
from dsoftbus.share.messages import put_header
from dsoftbus_aio.services.share_moving import read_header
from dsoftbus_host import files
from dsoftbus_host.storage.shared_folder import CHUNK_BYTES
from node_pair import refused
from shared import Served, asked, digest, make_file, put, putting, sha, with_served

WINDOW = LIMITS.stream_credit
EDGES = {0, 1, 31, 32, 33, 4095, 4096, 4097, 32767, 32768, 32769}
EDGES |= {n + d for n in (WINDOW, LIMITS.stream_buffer, CHUNK_BYTES) for d in (-37, -1, 0, 1)}


@pytest.mark.parametrize("size", sorted(EDGES))
def test_every_size_there_and_back(tmp_path, size):
    file = make_file(tmp_path / "sent.bin", size)
    told = []

    async def test(served):
        [sent] = await served.session.send(file, progress=lambda *n: told.append(n))
        assert (sent.name, sent.size, sent.digest, sent.sent) == (
            *("sent.bin", size, digest(file), size),
        )
        assert served.names == ["sent.bin"]
        back = tmp_path / "back"
        back.mkdir()
        [fetched] = await served.session.fetch("sent.bin", back)
        assert fetched.digest == digest(back / "sent.bin") == digest(file)
        assert os.listdir(back) == ["sent.bin"]
        assert served.transfers == [("put", "sent.bin", 0), ("get", "sent.bin", 0)]

    with_served(tmp_path, test)
    assert told[0] == (0, size)
    assert told[-1] == (size, size)
    assert told == sorted(told)


@pytest.mark.parametrize("have", [1, 4095, 4096, 4097, 65536, 200_000, 299_999, 300_000])
def test_what_was_cut_goes_on(tmp_path, have):
    file = make_file(tmp_path / "file", 300_000)
    data = file.read_bytes()
    told = []

    async def test(served):
        stream = await put(served.session, "file", data, cut=have)
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        await served.until(lambda: part.exists() and part.stat().st_size == have)
        stream.reset()
        await served.until(lambda: served.transfers)
        assert served.names == [part.name]
        [sent] = await served.other.send(file, progress=lambda *n: told.append(n))
        assert sent.digest == digest(served.folder / "file") == digest(file)
        assert served.names == ["file"]
        assert sent.sent == len(data) - have // 4096 * 4096 == len(data) - told[0][0]

    with_served(tmp_path, test)


def test_what_was_cut_in_a_fetch_goes_on(tmp_path):
    back = tmp_path / "back"
    back.mkdir()

    async def test(served):
        data = make_file(served.folder / "file", 300_000).read_bytes()
        (back / f".file.{served.bus.id[:8]}.part").write_bytes(data[:123_456])
        [fetched] = await served.session.fetch("file", back)
        assert fetched.digest == digest(back / "file") == sha(data)
        assert fetched.sent == 300_000 - 30 * 4096
        assert os.listdir(back) == ["file"]

    with_served(tmp_path, test)


def test_a_partial_file_of_another_content_costs_time_and_no_wrong_byte(tmp_path):
    file = make_file(tmp_path / "file", 300_000)

    async def test(served):
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        for have in (b"x" * 10_000, file.read_bytes()[:150_000] + b"x" * 150_000, b"x" * 400_000):
            part.write_bytes(have)
            [sent] = await served.session.send(file, replace=True)
            assert digest(served.folder / "file") == digest(file)
            assert served.names == ["file"]
            (served.folder / "file").unlink()
        part.write_bytes(file.read_bytes()[:150_000] + b"x" * 150_000)
        [sent] = await served.session.send(file)
        assert sent.sent == 300_000 - 300_000 // 4096 // 2 * 4096  # a half agreed

    with_served(tmp_path, test)


def test_no_peer_goes_on_with_anothers(tmp_path):
    file = make_file(tmp_path / "file", 300_000)

    async def test(served):
        stream = await put(served.session, "file", file.read_bytes(), cut=100_000)
        await served.until(lambda: served.names)
        stream.reset()
        await served.until(lambda: served.transfers)
        [sent] = await (await served.stranger()).send(file)
        assert sent.sent == 300_000

    with_served(tmp_path, test)


def test_a_peer_goes_on_over_sessions(tmp_path):
    """The session is cut whenever some more has come."""
    file = make_file(tmp_path / "file", 3_000_000)
    starts, cuts = [], []

    async def test(served):
        def progress(done, _size):
            starts.append(done)
            if done > 700_000 * (len(cuts) + 1) and len(cuts) < 3:
                cuts.append(done)
                for connection in served.bus.connections():
                    connection.abort(0x55)

        known = served._client.node.discover().know(served.bus.public)
        known.fixed = (1, "127.0.0.1", served._port)
        peer = served._client.peer(served.bus.id)
        [sent] = await peer.send(file, progress=progress)
        assert sent.digest == digest(served.folder / "file") == digest(file)
        assert len(cuts) == 3
        cuts.append(0)
        (tmp_path / "back").mkdir()
        [fetched] = await peer.fetch("file", tmp_path / "back")
        assert fetched.digest == digest(file)
        assert [shared.name for shared in await peer.files()] == ["file"]

    with_served(tmp_path, test)


def test_what_is_there_already_is_not_sent(tmp_path):
    file = make_file(tmp_path / "file", 100_000)

    async def test(served):
        assert [shared.sent for shared in await served.session.send(file)] == [100_000]
        for replace in (False, True):
            assert [one.sent for one in await served.session.send(file, replace=replace)] == [0]
            back = await served.session.fetch("file", tmp_path, replace=replace)
            assert [one.sent for one in back] == [0]
        assert served.names == ["file"]

    with_served(tmp_path, test)


def test_of_a_file_that_has_grown_only_the_rest_is_sent(tmp_path):
    file = make_file(tmp_path / "log", 100_000)

    async def test(served):
        await served.session.send(file)
        with file.open("ab") as log:
            log.write(b"more")
        await refused(FILE_EXISTS, served.session.send(file))
        [sent] = await served.session.send(file, replace=True)
        assert sent.sent == 4
        assert digest(served.folder / "log") == digest(file)
        with (served.folder / "log").open("ab") as log:
            log.write(b" and more")
        await refused(FILE_EXISTS, served.session.fetch("log", tmp_path))
        [fetched] = await served.session.fetch("log", tmp_path, replace=True)
        assert fetched.sent == 9
        assert digest(served.folder / "log") == digest(file)

    with_served(tmp_path, test)


# What is there already


@pytest.mark.parametrize("replace", [False, True])
def test_nothing_is_replaced_unasked(tmp_path, replace):
    file = make_file(tmp_path / "file", 10)
    back = tmp_path / "back"
    back.mkdir()

    async def test(served):
        for folder in (served.folder, back):
            (folder / "file").write_bytes(b"as it was!")
        if replace:
            await served.session.send(file, replace=True)
            await served.session.fetch("file", back, replace=True)
        else:
            await refused(FILE_EXISTS, served.session.send(file))
            (served.folder / "file").write_bytes(b"as it is now")
            await refused(FILE_EXISTS, served.session.fetch("file", back))
        left = file.read_bytes() if replace else b"as it was!"
        assert (back / "file").read_bytes() == left
        assert served.names == os.listdir(back) == ["file"]

    with_served(tmp_path, test)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_to_be_meanwhile_is_not_replaced_either(tmp_path, monkeypatch, links):
    def no_links(*_):
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)

    async def test(served):
        stream = await put(served.session, "name", b"one", cut=2)
        await served.until(lambda: served.names)
        (served.folder / "name").write_bytes(b"mine")
        await stream.write(b"e" + sha(b"one"))
        await stream.finish()
        await refused(FILE_EXISTS, stream.read())
        assert (served.folder / "name").read_bytes() == b"mine"
        (served.folder / "name").unlink()
        await served.session.send(make_file(tmp_path / "name", 10))
        assert digest(served.folder / "name") == digest(tmp_path / "name")
        assert served.names == ["name"]

    with_served(tmp_path, test)


# Two at once


def test_of_two_who_store_one_name_the_second_is_refused(tmp_path):
    file = make_file(tmp_path / "same", 10)

    async def test(served):
        first = await put(served.session, "same", b"one", cut=2)
        await served.until(lambda: served.names)
        await refused(SHARE_BUSY, (await served.stranger()).send(file))
        await refused(SHARE_BUSY, served.session.send(file))
        await first.write(b"e" + sha(b"one"))
        await first.finish()
        assert await read_header(first) == 0
        assert (served.folder / "same").read_bytes() == b"one"
        await (await served.stranger()).send(file, replace=True)  # its turn now
        assert digest(served.folder / "same") == digest(file)

    with_served(tmp_path, test)


def test_a_peer_that_comes_back_takes_its_own_place(tmp_path):
    file = make_file(tmp_path / "same", 100_000)

    async def test(served):
        old = await put(served.session, "same", file.read_bytes(), cut=50_000)
        part = served.folder / f".same.{served.peer_id[:8]}.part"
        await served.until(lambda: part.exists() and part.stat().st_size == 50_000)
        [sent] = await served.other.send(file)
        assert sent.sent == 100_000 - 12 * 4096
        await refused(SHARE_BUSY, old.read())
        assert digest(served.folder / "same") == digest(file)

    with_served(tmp_path, test)


def test_two_programs_that_fetch_one_file_into_one_folder_do_not_mix(tmp_path):
    async def test(served):
        make_file(served.folder / "same", 1_000_000)
        both = [s.fetch("same", tmp_path) for s in (served.session, served.other)]
        found = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(one, LocalError) for one in found) == [False, True]
        assert digest(tmp_path / "same") == digest(served.folder / "same")
        assert sorted(os.listdir(tmp_path)) == ["same", "served"]

    with_served(tmp_path, test)


def test_several_at_once_in_one_session(tmp_path):
    async def test(served):
        files = [make_file(tmp_path / f"f{n}", 200_000 + n) for n in range(20)]
        await asyncio.gather(*[served.session.send(file) for file in files])
        assert all(digest(served.folder / file.name) == digest(file) for file in files)

    with_served(tmp_path, test)


# Folders and lists


def make_tree(folder) -> dict:
    sizes = {"a.txt": 3, "a/b.txt": 5, "a/c/d.jpg": 7, "a-b/x": 0, "b.jpg": 9, "é/ü": 1}
    for name, size in sizes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_file(path, size)
    (folder / ".hidden").write_bytes(b"x")
    (folder / "a/.hidden").mkdir()
    (folder / "a/.hidden/x").write_bytes(b"x")
    (folder / "link").symlink_to(folder / "a.txt")
    (folder / "way").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe")
    (folder / "bad:name").write_bytes(b"x")
    (folder / ".a.txt.abcdefgh.part").write_bytes(b"x")
    return sizes


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["a-b/x", "a.txt", "a/b.txt", "a/c/d.jpg", "b.jpg", "é/ü"]),
        ("**", ["a-b/x", "a.txt", "a/b.txt", "a/c/d.jpg", "b.jpg", "é/ü"]),
        ("*", ["a.txt", "b.jpg"]),
        ("a", ["a/b.txt", "a/c/d.jpg"]),
        ("a/*", ["a/b.txt"]),
        ("a/**", ["a/b.txt", "a/c/d.jpg"]),
        ("**/*.jpg", ["a/c/d.jpg", "b.jpg"]),
        ("a.txt", ["a.txt"]),
        ("?/?", ["é/ü"]),
        ("nothing", []),
        ("nothing*", []),
    ],
)
def test_lists(tmp_path, pattern, names):
    async def test(served):
        sizes = make_tree(served.folder)
        found = await served.session.files(pattern)
        assert [(one.name, one.size) for one in found] == [(name, sizes[name]) for name in names]

    with_served(tmp_path, test)


def test_a_list_of_many_goes_in_headers(tmp_path):
    async def test(served):
        names = sorted(f"{n:04}-" + "x" * (n % 200) for n in range(500))
        for name in names:
            (served.folder / name).touch()
        assert [one.name for one in await served.session.files()] == names
        stream = await asked(served.session, "list", "", names[-3])
        assert [item[0] for item in await read_header(stream)] == names[-2:]
        assert await read_header(stream) == []
        for pattern in ("../*", "a//b", "/", "x" * 255, "\0"):
            await refused(
                STREAM_REFUSED, (await asked(served.session, "list", pattern, "")).read()
            )

    with_served(tmp_path, test)


def test_a_folder_there_and_back(tmp_path):
    told = []

    async def test(served):
        sizes = make_tree(make_folder(tmp_path / "tree"))
        del sizes["a.txt"]  # bad:name is no name for a peer's file: see below
        (tmp_path / "tree/bad:name").unlink()
        sent = await served.session.send(
            tmp_path / "tree", name="kept", progress=lambda *n: told.append(n)
        )
        assert {one.name for one in sent} == {f"kept/{name}" for name in (*sizes, "a.txt")}
        back = make_folder(tmp_path / "back")
        await served.session.fetch("kept", back)
        for name in sizes:
            assert digest(back / "kept" / name) == digest(tmp_path / "tree" / name)
        found = await served.session.fetch("kept/**/*.jpg", make_folder(tmp_path / "some"))
        assert [one.name for one in found] == ["kept/a/c/d.jpg", "kept/b.jpg"]
        again = await served.session.send(tmp_path / "tree", name="kept")
        assert sum(one.sent for one in again) == 0

    with_served(tmp_path, test)
    assert told == sorted(told)
    assert told[-1] == (25, 25)


def make_folder(path):
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "name", ["ünïcode €", "a b", "[bold]", "-rf", "x" * 240, "é" * 120, "a.b"]
)
def test_names_of_files(tmp_path, name):
    file = make_file(tmp_path / "file", 100)

    async def test(served):
        await served.session.send(file, name=name)
        assert served.names == [name]
        await served.session.fetch(name, make_folder(tmp_path / "back"))
        assert os.listdir(tmp_path / "back") == [name]

    with_served(tmp_path, test)


def test_the_longest_path(tmp_path):
    name = "/".join(["x" * 36] * 6 + ["y" * 33])
    assert len(name) == 255
    file = make_file(tmp_path / "file", 100)

    async def test(served):
        await served.session.send(file, name=name)
        assert [one.name for one in await served.session.files()] == [name]
        await refused(STREAM_REFUSED, served.session.send(file, name=name + "y"))

    with_served(tmp_path, test)


# Quota and space


def test_the_quota_counts_what_is_there_and_what_is_on_its_way(tmp_path):
    async def test(served):
        await refused(0x47, served.session.send(make_file(tmp_path / "a", 1001)))
        await served.session.send(make_file(tmp_path / "b", 400))
        on_way, _ = await putting(served.session, "c", 500)
        await refused(0x47, served.session.send(make_file(tmp_path / "d", 101)))
        await served.session.send(make_file(tmp_path / "e", 100))
        on_way.reset()
        await served.until(lambda: ("put", "c", 0x40) in served.transfers)
        await served.session.send(make_file(tmp_path / "f", 500))
        await served.session.send(make_file(tmp_path / "g", 500), name="f", replace=True)
        await refused(0x47, served.session.send(make_file(tmp_path / "h", 1)))
        assert served.names == ["b", "e", "f"]

    with_served(tmp_path, test, quota=1000)


def test_partial_files_count_to_the_quota_and_their_own_rest_does_not_count_twice(tmp_path):
    file = make_file(tmp_path / "file", 10_000)

    async def test(served):
        stream = await put(served.session, "file", file.read_bytes(), cut=9000)
        part = served.folder / f".file.{served.peer_id[:8]}.part"
        await served.until(lambda: part.exists() and part.stat().st_size == 9000)
        stream.reset()
        await served.until(lambda: served.transfers)
        await refused(0x47, served.session.send(make_file(tmp_path / "other", 1001)))
        await served.session.send(file)
        assert served.names == ["file"]

    with_served(tmp_path, test, quota=10_000)


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


def test_a_node_that_shares_nothing_says_so(tmp_path):
    async def test(served):
        del served.bus.handlers["dsoftbus/share"]
        await refused(NO_SUCH_SERVICE, served.session.files())

    with_served(tmp_path, test)


def test_a_bus_shares_one_folder(tmp_path):
    async def test(served):
        with pytest.raises(LocalError):
            served.bus.share(served.folder)
        with pytest.raises(OSError):
            served._client.share(tmp_path / "missing")
        assert isinstance(served, Served)
        stream, marks = await putting(served.session, "x", 0)
        assert marks == []
        await stream.write(put_header(0) + sha(b""))
        await stream.finish()
        assert await read_header(stream) == 0

    with_served(tmp_path, test)
