"""The file streams of the command line on this host: `dsoftbus_aio.files`, and the echo."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import platformdirs

from dsoftbus.const import U30_MAX
from dsoftbus.errors import FILE_EXISTS, OVERSIZE, STREAM_REFUSED, LocalError
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.echo import serve_echo as serve_echo
from dsoftbus_aio.files import FETCH, BaseFileService, read_whole, send_file
from dsoftbus_aio.stream import BusStream
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.storage import folder as folders
from dsoftbus_host.storage import partial_files, secret_files

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class Transfer(NamedTuple):
    """A transfer that a peer began here, and that has ended: well (`code` 0), or refused or cut
    off with that error. `verb` is "file", "replace" or "fetch"."""

    peer_id: str
    peer_name: str
    verb: str
    name: str
    code: int


class FileService(BaseFileService):
    """Serves `folder` to the peers of `bus`: they may store files there, and fetch them.

    `on_transfer(transfer)` hears how each transfer ends. Raises LocalError(BAD_ARGUMENT) for a
    folder in which a secret of this node lies (`secret_files`).
    """

    def __init__(
        self, bus: BareBus, folder: Path, on_transfer: Callable[[Transfer], None] | None = None
    ) -> None:
        secret_files.keep_apart(folder)
        partial_files.clear_all(folder)
        self._on_transfer = on_transfer
        self._tell = bus.tell
        super().__init__(bus, folder)

    def _opened(self, name: str) -> tuple[BinaryIO, int]:
        file = folders.open_file(self._folder, name)
        return file, os.fstat(file.fileno()).st_size

    def _allowed(self, name: str) -> bool:
        return folders.allowed(name)

    def _refusal(self, name: str, replaces: bool) -> int:
        code: int = STREAM_REFUSED
        try:
            there = folders.check_place(self._folder, name)
            code = FILE_EXISTS if there and not replaces else 0
        except OSError as error:
            self._tell(error)
        return code

    async def _receive(
        self, connection: Connection, stream: BusStream, name: str, replaces: bool
    ) -> bytes:
        path = folders.make_place(self._folder, name)
        return await receive_file(connection, stream, path, replace=replaces)

    def _ended(self, connection: Connection, stream_name: str, code: int) -> None:
        if self._on_transfer:
            verb, _, name = stream_name.partition("/")
            who = connection.peer_id, connection.peer_name
            self._on_transfer(Transfer(*who, verb, name, code))


def check_name(name: str) -> str:
    """Returns `name`, which may lead through folders. Raises LocalError(STREAM_REFUSED) for one
    that no peer takes."""
    if not folders.allowed(name):
        long = len(name.encode(errors="replace")) > folders.NAME_MAX
        why = f" (at most {folders.NAME_MAX} bytes, with its folders)" if long else ""
        raise LocalError(STREAM_REFUSED, f"{name!r} is no name for a peer's file{why}")
    return name


def check_size(path: Path | str, size: int) -> None:
    """Raises LocalError(OVERSIZE) for a file that is too big."""
    if size > U30_MAX:
        raise LocalError(
            OVERSIZE, f"{path} has {size / (1 << 30):.1f} GiB, and a file has to be below 1 GiB"
        )


async def send(
    connection: Connection,
    path: Path,
    progress: Progress | None = None,
    *,
    name: str = "",
    replace: bool = False,
) -> bytes:
    """Stores the file at `path` with the peer, under `name` or else its own, and in place of one
    that it has only with `replace`; returns its SHA-256.

    A name may have folders in it, `photos/a.jpg`, which hosts make. Raises PeerError: FILE_EXISTS,
    and MALFORMED when the peer stored something else; LocalError: OVERSIZE, and STREAM_REFUSED for
    a file that is this node's own, and for a name that no peer takes; BusError, OSError.
    """
    check_name(name or path.name)
    with opened(path) as file:
        return await send_open(connection, file, name or path.name, progress, replace)


async def send_open(
    connection: Connection,
    file: BinaryIO,
    name: str,
    progress: Progress | None = None,
    replace: bool = False,
) -> bytes:
    """Stores as `send` does, from an open file, which is read from its beginning."""
    size = file.seek(0, os.SEEK_END)
    check_size(name, size)
    file.seek(0)
    digest: bytes = await send_file(connection, file, size, name, progress, replace)
    return digest


async def fetch(
    connection: Connection,
    name: str,
    folder: Path,
    progress: Progress | None = None,
    replace: bool = False,
) -> bytes:
    """Fetches the peer's file `name` into `folder`, in place of one that is there only with
    `replace`; returns its SHA-256.

    Raises LocalError(FILE_EXISTS); BusError, OSError: PermissionError where it would replace a
    secret of this node.
    """
    check_name(name)
    if folders.check_place(folder, name) and not replace:
        raise LocalError(FILE_EXISTS, f"{folder / name} is there already")
    async with await connection.open(FETCH + name) as stream:
        await stream.finish()
        path = folders.make_place(folder, name)
        partial_files.clear(path.parent, path.name)
        return await receive_file(connection, stream, path, progress, True, replace)


def opened(path: Path) -> BinaryIO:
    """The file at `path`, unless it is a secret of this node."""
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        raise FileNotFoundError(errno.ENOENT, "no file", str(path))
    file = path.open("rb")
    if secret_files.is_one(os.fstat(file.fileno())):
        file.close()
        raise LocalError(STREAM_REFUSED, f"{path} is this node's own, and for no peer")
    return file


def default_folder() -> Path:
    """This user's folder for files of peers. Raises LocalError(BAD_ARGUMENT) for a user without a
    home."""
    return secret_files.at_home(platformdirs.user_data_dir, "XDG_DATA_HOME") / "files"


def made_folder() -> Path:
    """This user's folder for files of peers, which is made if it does not exist.

    Raises OSError, and LocalError(BAD_ARGUMENT) for a user without a home.
    """
    folder = default_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def receive_file(
    connection: Connection,
    stream: BusStream,
    path: Path,
    progress: Progress | None = None,
    hash_follows: bool = False,
    replace: bool = True,
) -> bytes:
    """Stores at `path` what `stream` brings; returns its SHA-256. Whole or not at all.

    With `hash_follows` the sender's hash comes after the bytes, and has to agree. Raises
    LocalError(FILE_EXISTS) where a file has come meanwhile, but with `replace`.
    """
    try:
        with partial_files.arriving(path, replace) as file:
            digest: bytes = await read_whole(connection, stream, file, hash_follows, progress)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
    except FileExistsError:
        raise LocalError(FILE_EXISTS, f"{path} is there by now") from None
    return digest
