"""Shares between two nodes on MicroPython, and what a peer gets wrong."""

import asyncio
import os

from flash import Flash

from dsoftbus.errors import (
    BAD_ARGUMENT,
    FILE_EXISTS,
    MALFORMED,
    NO_SUCH_SERVICE,
    SHARE_BUSY,
    SHARE_NO_SPACE,
    SHARE_QUOTA,
    STREAM_REFUSED,
    BusError,
    LocalError,
)
from dsoftbus.share.messages import put_header
from support import Random, Skip

try:
    import socket  # noqa: F401 - without it there is no bus
except ImportError:
    raise Skip("this port has no sockets")

from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy import folder, key_file
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.base import secret_files

FOLDER = "/ram"


QUOTA = 30_000
DATA = Random(5)(9000)


def with_session(test, sessions: int = 1, quota=None) -> None:
    """Runs `test(session, ...)` against a node that shares an empty folder on FAT, and that the
    sessions belong to one peer of."""

    async def main():
        server, client = BareBus(Random(1)(32), allow=ANYONE), BareBus(Random(2)(32))
        async with server, client:
            server.on_error = lambda error: None  # what peers do wrong is what this is about
            server.share(FOLDER, quota)
            serve_echo(server)
            port = await server.listen("127.0.0.1")
            where = ("127.0.0.1", port, server.public)
            connections = []
            while len(connections) < sessions:
                connections.append(await client.connect(*where))
            await test(*connections)

    device = Flash(512, 128)
    os.VfsFat.mkfs(device)
    os.mount(os.VfsFat(device), FOLDER)
    try:
        asyncio.run(asyncio.wait_for_ms(main(), 60000))
    finally:
        asyncio.new_event_loop()
        os.umount(FOLDER)


async def refusal(session, *said) -> int:
    """The code that ends a stream on which headers (and bytes, as they are) and the end go."""
    stream = await session.open("dsoftbus/share")
    try:
        for value in said:
            await stream.write(value if isinstance(value, bytes) else put_header(value))
        await stream.finish()
        await stream.read()
    except BusError as error:
        return error.code
    return 0


async def refused(errand) -> int:
    """The code of the error that `errand` raises."""
    try:
        await errand
    except BusError as error:
        return error.code
    return 0


def stored() -> list:
    return sorted(os.listdir(FOLDER))


def content(name: str) -> bytes:
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


class Away:
    """A folder of the client's, with these files, in memory."""

    def __init__(self, **files):
        self._files = files

    def __enter__(self):
        device = Flash(512, 128)
        os.VfsLfs2.mkfs(device)
        os.mount(os.VfsLfs2(device), "/away")
        for name, data in self._files.items():
            with open("/away/" + name, "wb") as file:
                file.write(data)
        return "/away/"

    def __exit__(self, kind, error, trace):
        os.umount("/away")


def test_a_file_is_stored_whole_and_fetched():
    async def test(session):
        with Away(kept=DATA) as away:
            (sent,) = await session.send(away + "kept")
            assert (sent.name, sent.size) == ("kept", len(DATA))
            assert (stored(), content("kept")) == (["kept"], DATA)
            (again,) = await session.send(away + "kept")
            assert again.sent == 0 and again.digest == sent.digest
            (fetched,) = await session.fetch("kept", away, replace=True)
            assert fetched.digest == sent.digest
            with open(away + "kept", "wb") as file:
                file.write(b"another")
            assert await refused(session.send(away + "kept")) == FILE_EXISTS
            assert await refused(session.fetch("kept", away)) == FILE_EXISTS
            await session.send(away + "kept", replace=True)
            assert content("kept") == b"another"
            assert await refused(session.fetch("missing", away)) == NO_SUCH_SERVICE

    with_session(test)


def test_folders_lists_and_patterns():
    async def test(session):
        with Away(a=b"1", b=b"22") as away:
            await session.send(away, "photos/of may")
            assert [(f.name, f.size) for f in await session.files()] == [
                ("photos/of may/a", 1),
                ("photos/of may/b", 2),
            ]
            assert [f.name for f in await session.files("photos/*/b")] == ["photos/of may/b"]
            os.remove(away + "a")
            os.remove(away + "b")
            await session.fetch("photos/**", away)
            assert sorted(os.listdir(away + "photos/of may")) == ["a", "b"]

    with_session(test)


def test_a_name_that_is_not_allowed_is_refused():
    async def test(session):
        for name in ("..", ".x", "/a", "", "a//b", "../x", "NUL", "x" * 241, "a/" * 8 + "b"):
            assert await refusal(session, ["put", name, 4, False]) == STREAM_REFUSED, name
            assert await refusal(session, ["get", name, []]) == STREAM_REFUSED, name
        assert await refusal(session, ["list", "../*", ""]) == STREAM_REFUSED
        assert stored() == []

    with_session(test)


def test_what_is_no_request_is_refused():
    async def test(session):
        for value in (b"", b"\0", b"\0\0", b"\0\1", b"\0\1\xff", [], ["move", "a", "b"], None):
            assert await refusal(session, value) == MALFORMED, value
        assert stored() == []

    with_session(test)


def test_sizes_and_offsets_that_lie_store_nothing():
    async def test(session):
        put = ["put", "name", 4, False]
        for rest in ([], [0, b"abc"], [0, b"abcd"], [0, b"abcd" + bytes(32)], [1], [-1], [None]):
            assert await refusal(session, put, *rest) == MALFORMED, rest
        assert [name for name in stored() if name[0] != "."] == []

    with_session(test)


def test_a_folder_that_is_full_refuses():
    async def test(session):
        for size in (200_000, 1 << 32, (1 << 53) - 1):
            assert await refusal(session, ["put", "huge", size, False]) == SHARE_NO_SPACE
        assert stored() == []

    with_session(test)


def test_a_quota_counts_what_is_there_and_what_is_under_way():
    async def test(session):
        with Away(a=DATA, b=DATA) as away:
            await session.send(away + "a")
            coming = await session.open("dsoftbus/share")
            await coming.write(put_header(["put", "c", QUOTA - len(DATA) - 1, False]))
            await coming.readexactly(3)  # its marks: there is a place for it
            assert await refused(session.send(away + "b")) == SHARE_QUOTA
            coming.reset()
            await asyncio.sleep_ms(20)
            await session.send(away + "b")

    with_session(test, 1, QUOTA)


def test_a_transfer_goes_on_where_its_session_ended():
    async def test(session, again):
        seen = []
        data = DATA + DATA
        with Away(name=data) as away:
            stream = await session.open("dsoftbus/share")
            await stream.write(put_header(["put", "name", len(data), False]))
            await stream.readexactly(3)
            await stream.write(put_header(0) + data[:17000])
            while len(content_of_part()) < 16384:  # from there on it has been flushed
                await asyncio.sleep_ms(1)
            await session.close()
            await again.send(away + "name", progress=lambda done, _: seen.append(done))
            assert seen[0] == 16384, seen
            assert (stored(), content("name")) == (["name"], data)

    with_session(test, 2)


def content_of_part() -> bytes:
    parts = [name for name in stored() if name[0] == "."]
    return content(parts[0]) if parts else b""


def test_names_that_fat_takes_for_another_one_are_refused():
    async def test(session):
        with Away(x=b"a", y=b"b") as away:
            await session.send(away + "x", "Kept file.text")
            for name in ("kept file.text", "KEPT FILE.TEXT", "KEPTFI~1.TEX"):
                sent = session.send(away + "y", name, replace=True)
                assert await refused(sent) == STREAM_REFUSED, name
                assert await refusal(session, ["get", name, []]) == NO_SUCH_SERVICE, name
            assert stored() == ["Kept file.text"]
            assert content("Kept file.text") == b"a"

    with_session(test)


def test_one_file_at_a_time_under_a_name():
    async def test(session):
        with Away(same=b"abc", another=b"b") as away:
            first = await session.open("dsoftbus/share")
            await first.write(put_header(["put", "same", 3, False]))
            await first.readexactly(3)
            assert await refused(session.send(away + "same")) == SHARE_BUSY
            await session.send(away + "another")
            first.reset()
            await asyncio.sleep_ms(20)
            await session.send(away + "same")
            assert stored() == ["another", "same"]

    with_session(test)


def test_a_bus_shares_one_folder():
    async def test(session):
        code = 0
        try:
            session.bus.share("/nowhere")
        except OSError:
            code = 1
        assert code

    with_session(test)


def test_a_folder_of_its_own():
    """Only where nothing of the node lies, in the folder or below it."""
    device = Flash(512, 128)
    os.VfsFat.mkfs(device)
    os.mount(os.VfsFat(device), FOLDER)
    before = os.getcwd()
    try:
        os.mkdir(FOLDER + "/own")
        os.mkdir(FOLDER + "/own/files")
        key_file.load_or_make(FOLDER + "/own/node.key", Random(1))
        os.chdir(FOLDER)
        for path in (FOLDER, "own", "OWN", "own.", "own/files/..", ".", "", "/", "./own", before):
            assert refuses(path), path
        folder.keep_apart("own/files")
        folder.keep_apart("elsewhere")
        for name in ("NODE.KEY", "node.key", "node.key.next", "node.key.new"):
            assert not may_be_put("own", name), name
        assert may_be_put("own", "another.key") and may_be_put("own/files", "node.key")
    finally:
        secret_files.noted.clear()
        os.chdir(before)
        os.umount(FOLDER)


def refuses(path: str) -> bool:
    try:
        folder.keep_apart(path)
    except LocalError as error:
        return error.code == BAD_ARGUMENT
    return False


def may_be_put(path: str, name: str) -> bool:
    try:
        folder.check_place(path, name)
    except OSError:
        return False
    return True


def test_echo():
    async def test(session):
        data = Random(6)(5000)
        stream = await session.open("echo")
        writing = asyncio.create_task(stream.write(data))
        assert await stream.readexactly(len(data)) == data
        await writing
        await stream.finish()
        assert await stream.read() == b""

    with_session(test)
