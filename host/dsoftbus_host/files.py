"""The file streams of the command line (docs/wire-format.md): both ends, and the echo."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs

from dsoftbus.codec import get_u32, put_u32
from dsoftbus.const import U30_MAX
from dsoftbus.errors import (
    BAD_STATE,
    MALFORMED,
    NO_SUCH_SERVICE,
    OVERSIZE,
    STREAM_REFUSED,
    LocalError,
    PeerError,
)
from dsoftbus.file_names import allowed
from dsoftbus_host import folder as folders
from dsoftbus_host import secret_files
from dsoftbus_host.bus import Bus
from dsoftbus_host.connection import Connection
from dsoftbus_host.stream import BusStream

Progress = Callable[[int, int], None]  # bytes done, bytes in all
SIZE_BYTES = 4
HASH_BYTES = 32
CHUNK_BYTES = 65536


def _ignore(_done: int, _total: int) -> None:
    """For callers who do not want to know."""


class FileService:
    """Serves `folder` to the peers of `bus`: they may store files there, and fetch them.

    `on_stored(peer id, path)` is called for every file that has arrived whole. Raises
    LocalError(BAD_ARGUMENT) for a folder in which a secret of this node lies (`secret_files`).
    """

    def __init__(
        self, bus: Bus, folder: Path, on_stored: Callable[[str, Path], None] | None = None
    ) -> None:
        secret_files.keep_apart(folder)
        self._folder = folder
        self._on_stored = on_stored
        self._storing: set[str] = set()  # of two who send one name, the second is refused
        bus.on_stream("file/*", self._store)
        bus.on_stream("fetch/*", self._fetch)

    async def _store(self, connection: Connection, stream: BusStream) -> None:
        name = stream.name.removeprefix("file/")
        if not allowed(name) or name in self._storing:
            stream.reset(STREAM_REFUSED)
            return
        self._storing.add(name)
        try:
            folders.check_place(self._folder, name)
            digest = await receive_file(stream, self._folder / name)
        except PeerError as error:
            stream.reset(error.code)
            raise
        except OSError:
            stream.reset(STREAM_REFUSED)
            raise
        finally:
            self._storing.discard(name)
        await stream.write(digest)
        if self._on_stored:
            self._on_stored(connection.peer_id, self._folder / name)

    async def _fetch(self, connection: Connection, stream: BusStream) -> None:
        name = stream.name.removeprefix("fetch/")
        if not allowed(name):
            stream.reset(STREAM_REFUSED)
            return
        try:
            with folders.open_file(self._folder, name) as file:
                digest = await _write_file(stream, file, name, _ignore)
        except LocalError as error:
            stream.reset(error.code)
            raise
        except OSError:
            stream.reset(NO_SUCH_SERVICE)
            return
        await stream.write(digest)


def serve_echo(bus: Bus) -> None:
    """Answers the stream `echo` with what it brings."""

    async def echo(_connection: Connection, stream: BusStream) -> None:
        async for chunk in stream:
            await stream.write(chunk)

    bus.on_stream("echo", echo)


async def send(connection: Connection, path: Path, progress: Progress = _ignore) -> bytes:
    """Stores the file at `path` with the peer, under its own name; returns its SHA-256.

    Raises PeerError(MALFORMED) when the peer stored something else; LocalError(STREAM_REFUSED)
    for a file that is this node's own, and for a name that no peer takes; BusError, OSError.
    """
    if not allowed(path.name):
        raise LocalError(STREAM_REFUSED, f"{path.name!r} is no name for a peer's file")
    with _opened(path) as file:
        return await _send(connection, file, path.name, progress)


async def _send(connection: Connection, file: BinaryIO, name: str, progress: Progress) -> bytes:
    async with await connection.open("file/" + name) as stream:
        digest = await _write_file(stream, file, name, progress)
        await stream.finish()
        if await stream.readexactly(HASH_BYTES) != digest:
            raise PeerError(MALFORMED, "the peer stored something else")
    return digest


async def fetch(
    connection: Connection, name: str, folder: Path, progress: Progress = _ignore
) -> bytes:
    """Fetches the peer's file `name` into `folder`; returns its SHA-256.

    Raises BusError, OSError: PermissionError where it would replace a secret of this node.
    """
    if not allowed(name):
        raise LocalError(STREAM_REFUSED, f"{name!r} is no name for a peer's file")
    folders.check_place(folder, name)
    async with await connection.open("fetch/" + name) as stream:
        await stream.finish()
        return await receive_file(stream, folder / name, progress, hash_follows=True)


def _opened(path: Path) -> BinaryIO:
    """The file at `path`, unless it is a secret of this node."""
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        raise FileNotFoundError(errno.ENOENT, "no file", str(path))
    file = path.open("rb")
    if secret_files.is_one(os.fstat(file.fileno())):
        file.close()
        raise LocalError(STREAM_REFUSED, f"{path} is this node's own, and for no peer")
    return file


def made_folder() -> Path:
    """This user's folder for files of peers, which is made if it does not exist."""
    folder = Path(platformdirs.user_data_dir("dsoftbus")) / "files"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def receive_file(
    stream: BusStream, path: Path, progress: Progress = _ignore, hash_follows: bool = False
) -> bytes:
    """Stores at `path` what `stream` brings; returns its SHA-256. Whole or not at all.

    With `hash_follows` the sender's hash comes after the bytes, and has to agree.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # another may fetch too
    try:
        with part.open("xb") as file:
            digest = await _read_file(stream, file, progress)
            if hash_follows and await stream.readexactly(HASH_BYTES) != digest:
                raise PeerError(MALFORMED, "the file and its hash differ")
            if await stream.read(1):
                raise PeerError(MALFORMED, "more bytes than announced")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digest


async def _read_file(stream: BusStream, file: BinaryIO, progress: Progress) -> bytes:
    size = get_u32(await stream.readexactly(SIZE_BYTES), 0)
    if size < 0:
        raise PeerError(OVERSIZE, "a file of 1 GiB or more")
    sha = hashlib.sha256()
    done = 0
    progress(0, size)
    while done < size:
        chunk = await stream.read(min(CHUNK_BYTES, size - done))
        if not chunk:
            raise PeerError(MALFORMED, "fewer bytes than announced")
        sha.update(chunk)
        file.write(chunk)
        done += len(chunk)
        progress(done, size)
    return sha.digest()


async def _write_file(stream: BusStream, file: BinaryIO, name: str, progress: Progress) -> bytes:
    """Writes size and bytes of the file; returns its SHA-256. Raises LocalError, OSError."""
    size = os.fstat(file.fileno()).st_size
    if size > U30_MAX:
        raise LocalError(OVERSIZE, f"{name}: a file of 1 GiB or more")
    head = bytearray(SIZE_BYTES)
    put_u32(head, 0, size)
    await stream.write(head)
    sha = hashlib.sha256()
    done = 0
    progress(0, size)
    while done < size:
        chunk = file.read(min(CHUNK_BYTES, size - done))
        if not chunk:
            raise LocalError(BAD_STATE, f"{name} has become shorter")
        sha.update(chunk)
        await stream.write(chunk)
        done += len(chunk)
        progress(done, size)
    return sha.digest()
