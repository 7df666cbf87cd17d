"""The file streams of the command line: what a peer may name, and what it gets wrong."""

import asyncio
import os

from dsoftbus.errors import (
    BAD_ARGUMENT,
    FILE_EXISTS,
    MALFORMED,
    NO_SUCH_SERVICE,
    OVERSIZE,
    STREAM_REFUSED,
    BusError,
    LocalError,
)
from support import Random, Skip

try:
    import socket  # noqa: F401 - without it there is no bus
except ImportError:
    raise Skip("this port has no sockets")

from dsoftbus_mpy import files, folder, key_file
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.base import secret_files

FOLDER = "/ram"


class Ram:
    """A block device in memory."""

    def __init__(self):
        self._data = bytearray(512 * 128)

    def readblocks(self, block, buffer):
        buffer[:] = self._data[block * 512 : block * 512 + len(buffer)]

    def writeblocks(self, block, buffer):
        self._data[block * 512 : block * 512 + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: 128, 5: 512}.get(operation, 0)


def with_session(test, sessions: int = 1) -> None:
    """Runs `test(session, ...)` against a node that serves an empty folder."""

    async def main():
        server, client = BareBus(Random(1)(32), allow=ANYONE), BareBus(Random(2)(32))
        async with server, client:
            server.on_error = lambda error: None  # what peers do wrong is what this is about
            files.FileService(server, FOLDER)
            files.serve_echo(server)
            port = await server.listen("127.0.0.1")
            where = ("127.0.0.1", port, server.public)
            connections = []
            while len(connections) < sessions:
                connections.append(await client.connect(*where))
            await test(*connections)

    device = Ram()
    os.VfsFat.mkfs(device)
    os.mount(os.VfsFat(device), FOLDER)
    try:
        asyncio.run(asyncio.wait_for_ms(main(), 60000))
    finally:
        asyncio.new_event_loop()
        os.umount(FOLDER)


async def refusal(session, name: str, data: bytes) -> int:
    """The code that ends a stream of this name on which `data` and the end are sent."""
    stream = await session.open(name)
    try:
        await stream.write(data)
        await stream.finish()
        await stream.read()
    except BusError as error:
        return error.code
    return 0


def stored() -> list:
    return os.listdir(FOLDER)


def test_names_that_a_peer_may_use():
    for name in ("a", "file.bin", "two words", "x" * 56, "\u00fcber"):
        assert files.allowed(name), name
    for name in (
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a\nb",
        "a\x00",
        "x" * 57,
        "\u00fc" * 29,
        "C:a",
        "a:b",
        "NUL",
        "com1.txt",
        "a.",
        "a ",
        "a\u202eb",
    ):
        assert not files.allowed(name), name


def test_a_name_that_is_not_allowed_is_refused():
    async def test(session):
        for name in ("file/..", "file/.x", "file/a/b", "file/", "fetch/../x", "fetch/"):
            assert await refusal(session, name, bytes(4)) == STREAM_REFUSED, name
        assert stored() == []

    with_session(test)


def test_sizes_that_lie_store_nothing():
    async def test(session):
        assert await refusal(session, "file/big", b"\x40\0\0\0") == OVERSIZE
        assert await refusal(session, "file/more", b"\0\0\0\x02abc") == MALFORMED
        assert await refusal(session, "file/less", b"\0\0\0\x04abc") == MALFORMED
        assert await refusal(session, "file/none", b"\0\0") == MALFORMED
        assert stored() == []

    with_session(test)


def test_a_folder_that_is_full_refuses():
    async def test(session):
        size = 200_000
        code = await refusal(session, "file/huge", size.to_bytes(4, "big") + bytes(size))
        assert code == STREAM_REFUSED
        assert stored() == []

    with_session(test)


def test_a_file_is_stored_whole_and_fetched():
    async def test(session):
        data = Random(5)(3000)
        assert await refusal(session, "file/kept", b"\0\0\x0b\xb8" + data) == 0
        assert stored() == ["kept"]
        assert await refusal(session, "file/kept", b"\0\0\x0b\xb8" + data) == FILE_EXISTS
        assert await refusal(session, "replace/kept", b"\0\0\x0b\xb8" + b"cut") == MALFORMED
        assert stored() == ["kept"]
        stream = await session.open("fetch/kept")
        await stream.finish()
        assert (await stream.read())[4:-32] == data
        assert await refusal(session, "fetch/missing", b"") == NO_SUCH_SERVICE

    with_session(test)


def test_names_that_fat_takes_for_another_one_are_refused():
    async def test(session):
        assert await refusal(session, "file/Kept file.text", b"\0\0\0\x01a") == 0
        for name in ("kept file.text", "KEPT FILE.TEXT", "KEPTFI~1.TEX"):
            assert await refusal(session, "file/" + name, b"\0\0\0\x01b") == STREAM_REFUSED, name
            assert await refusal(session, "fetch/" + name, b"") == NO_SUCH_SERVICE, name
        assert stored() == ["Kept file.text"]
        with open(FOLDER + "/Kept file.text", "rb") as file:
            assert file.read() == b"a"

    with_session(test)


def test_a_folder_of_its_own():
    """Only where nothing of the node lies, in the folder or below it."""
    device = Ram()
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


def test_one_file_at_a_time_under_a_name():
    async def test(session, other):
        first = await session.open("file/same")
        await first.write(b"\0\0\0\x03a")
        await asyncio.sleep_ms(20)
        assert await refusal(other, "file/same", b"\0\0\0\x01b") == STREAM_REFUSED
        assert await refusal(other, "file/another", b"\0\0\0\x01b") == 0
        await first.write(b"bc")
        await first.finish()
        assert len(await first.read()) == 32
        assert sorted(stored()) == ["another", "same"]

    with_session(test, 2)


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
