"""The file streams of the command line (docs/wire-format.md): both ends; `echo` has the echo.

| stream       | opener                 | answer                            |
|--------------|------------------------|-----------------------------------|
| `file/NAME`  | size u32, bytes, `FIN` | SHA-256 of what was stored, `FIN` |
| `fetch/NAME` | `FIN`                  | size u32, bytes, SHA-256, `FIN`   |
"""

import hashlib
import os

from dsoftbus.codec import get_u32, put_u32
from dsoftbus.const import U30_MAX
from dsoftbus.errors import (
    BAD_STATE,
    MALFORMED,
    NO_SUCH_SERVICE,
    OVERSIZE,
    STREAM_REFUSED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.file_names import allowed
from dsoftbus_mpy.echo import chunk_bytes
from dsoftbus_mpy.echo import serve_echo as serve_echo
from dsoftbus_mpy.folder import check_place, is_secret, keep_apart, open_file

_FILE = "file/"
_FETCH = "fetch/"
_SIZE_BYTES = 4
_HASH_BYTES = 32
_END = 2  # of seek: from the file's end


class FileService:
    """Serves `folder` to every peer of `bus`: they may store files there, and fetch them.

    Raises LocalError(BAD_ARGUMENT) for a folder in which this node's secrets or programs lie, and
    OSError where there is none.
    """

    def __init__(self, bus, folder: str):
        os.stat(folder or ".")
        keep_apart(folder)
        self._folder = folder
        self._storing = []  # names: one at a time has the `.part` file of a name
        bus.on_stream(_FILE + "*", self._store)
        bus.on_stream(_FETCH + "*", self._fetch)

    async def _store(self, connection, stream) -> None:
        name = stream.name[len(_FILE) :]
        if not allowed(name) or name in self._storing or not self._is_free(name):
            stream.reset(STREAM_REFUSED)
            return
        self._storing.append(name)
        try:
            digest = await receive_file(connection, stream, self._folder, name)
        except PeerError as error:
            stream.reset(error.code)
            raise
        except OSError:
            stream.reset(STREAM_REFUSED)
            raise
        finally:
            self._storing.remove(name)
        await stream.write(digest)

    def _is_free(self, name: str) -> bool:
        """Whether a peer's file may lie there; that it wanted one elsewhere is no fault here."""
        try:
            check_place(self._folder, name)
        except OSError:
            return False
        return True

    async def _fetch(self, connection, stream) -> None:
        name = stream.name[len(_FETCH) :]
        if not allowed(name):
            stream.reset(STREAM_REFUSED)
            return
        try:
            with open_file(self._folder, name) as file:
                digest = await _write_file(connection, stream, file)
        except OSError:
            stream.reset(NO_SUCH_SERVICE)
            return
        await stream.write(digest)


async def send(connection, path: str) -> bytes:
    """Stores the file at `path` with the peer, under its own name; returns its SHA-256.

    Raises PeerError(MALFORMED) when the peer stored something else; LocalError(STREAM_REFUSED)
    for a file that is this node's own, and for a name that no peer takes; BusError, OSError.
    """
    name = path[path.rfind("/") + 1 :]
    if not allowed(name) or is_secret(path):
        raise LocalError(STREAM_REFUSED, path)
    with open(path, "rb") as file:
        async with await connection.open(_FILE + name) as stream:
            digest = await _write_file(connection, stream, file)
            await stream.finish()
            if await stream.readexactly(_HASH_BYTES) != digest:
                raise PeerError(MALFORMED, "the peer stored something else")
    return digest


async def fetch(connection, name: str, folder: str) -> bytes:
    """Fetches the peer's file `name` into `folder`; returns its SHA-256.

    Raises BusError, OSError: EACCES where it would replace a secret of this node.
    """
    if not allowed(name):
        raise LocalError(STREAM_REFUSED, name)
    check_place(folder, name)
    async with await connection.open(_FETCH + name) as stream:
        await stream.finish()
        return await receive_file(connection, stream, folder, name, _HASH_BYTES)


async def receive_file(connection, stream, folder: str, name: str, hash_bytes: int = 0) -> bytes:
    """Stores what `stream` brings; returns its SHA-256. Whole or not at all.

    With `hash_bytes` the sender's hash follows the bytes, and has to agree.
    """
    part = "%s/.%s.part" % (folder, name)
    try:
        with open(part, "wb") as file:
            digest = await _read_file(connection, stream, file)
            if hash_bytes and await stream.readexactly(hash_bytes) != digest:
                raise PeerError(MALFORMED, "the file and its hash differ")
            if await stream.read(1):
                raise PeerError(MALFORMED, "more bytes than announced")
            file.flush()
        os.rename(part, folder + "/" + name)
    except (BusError, OSError):
        _remove(part)
        raise
    return digest


async def _read_file(connection, stream, file) -> bytes:
    size = get_u32(await stream.readexactly(_SIZE_BYTES), 0)
    if size < 0:
        raise PeerError(OVERSIZE, "a file of 1 GiB or more")
    sha = hashlib.sha256()
    view = memoryview(bytearray(chunk_bytes(connection)))
    left = size
    while left:
        n = await stream.readinto(view if left >= len(view) else view[:left])
        if not n:
            raise PeerError(MALFORMED, "fewer bytes than announced")
        sha.update(view[:n])
        file.write(view[:n])
        left -= n
    return sha.digest()


async def _write_file(connection, stream, file) -> bytes:
    """Writes size and bytes of the file; returns its SHA-256. Raises LocalError, OSError."""
    size = file.seek(0, _END)
    file.seek(0)
    if size > U30_MAX:
        raise LocalError(OVERSIZE, "a file of 1 GiB or more")
    head = bytearray(_SIZE_BYTES)
    put_u32(head, 0, size)
    await stream.write(head)
    sha = hashlib.sha256()
    view = memoryview(bytearray(chunk_bytes(connection)))
    left = size
    while left:
        n = file.readinto(view if left >= len(view) else view[:left])
        if not n:
            raise LocalError(BAD_STATE, "the file has become shorter")
        sha.update(view[:n])
        await stream.write(view[:n])
        left -= n
    return sha.digest()


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass  # it was not even made
