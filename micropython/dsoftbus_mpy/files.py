"""The file streams of the command line on MicroPython: `dsoftbus_aio.files`, and the echo."""

import os

from dsoftbus.base.file_names import allowed
from dsoftbus.errors import FILE_EXISTS, STREAM_REFUSED, BusError, LocalError
from dsoftbus_aio.echo import serve_echo as serve_echo
from dsoftbus_aio.files import FETCH, BaseFileService, read_whole, send_file
from dsoftbus_mpy.folder import check_place, is_secret, keep_apart, open_file

_END = 2  # of seek: from the file's end


class FileService(BaseFileService):
    """Serves `folder` to every peer of `bus`: they may store files there, and fetch them.

    Raises LocalError(BAD_ARGUMENT) for a folder in which this node's secrets or programs lie, and
    OSError where there is none.
    """

    def __init__(self, bus, folder: str):
        os.stat(folder or ".")
        keep_apart(folder)
        super().__init__(bus, folder)

    def _opened(self, name: str) -> tuple:
        file = open_file(self._folder, name)
        return file, _size(file)

    def _refusal(self, name: str, replaces: bool) -> int:
        try:
            there = check_place(self._folder, name)
        except OSError:
            return STREAM_REFUSED
        return FILE_EXISTS if there and not replaces else 0

    def _receive(self, connection, stream, name: str, replaces: bool):
        return receive_file(connection, stream, self._folder, name)


async def send(connection, path: str, replace: bool = False) -> bytes:
    """Stores the file at `path` with the peer, under its own name, and in place of one that it
    has only with `replace`; returns its SHA-256.

    Raises PeerError: FILE_EXISTS, and MALFORMED when the peer stored something else;
    LocalError(STREAM_REFUSED) for a file that is this node's own, and for a name that no peer
    takes; BusError, OSError.
    """
    name = path[path.rfind("/") + 1 :]
    if not allowed(name) or is_secret(path):
        raise LocalError(STREAM_REFUSED, path)
    with open(path, "rb") as file:
        return await send_file(connection, file, _size(file), name, None, replace)


async def fetch(connection, name: str, folder: str, replace: bool = False) -> bytes:
    """Fetches the peer's file `name` into `folder`; returns its SHA-256.

    Raises LocalError(FILE_EXISTS) where one of that name is there, but with `replace`; BusError,
    OSError: EACCES where it would replace a secret of this node.
    """
    if not allowed(name):
        raise LocalError(STREAM_REFUSED, name)
    if check_place(folder, name) and not replace:
        raise LocalError(FILE_EXISTS, name)
    async with await connection.open(FETCH + name) as stream:
        await stream.finish()
        return await receive_file(connection, stream, folder, name, True)


async def receive_file(
    connection, stream, folder: str, name: str, hash_follows: bool = False
) -> bytes:
    """Stores what `stream` brings; returns its SHA-256. Whole or not at all."""
    part = "%s/.%s.part" % (folder, name)
    try:
        with open(part, "wb") as file:
            digest = await read_whole(connection, stream, file, hash_follows)
            file.flush()
        os.rename(part, folder + "/" + name)
    except (BusError, OSError):
        _remove(part)
        raise
    return digest


def _size(file) -> int:
    size = file.seek(0, _END)
    file.seek(0)
    return size


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass  # it was not even made
