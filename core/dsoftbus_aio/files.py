"""The file streams of the command line (docs/wire-format.md): both ends. A port opens the files.

| stream         | opener                 | answer                            |
|----------------|------------------------|-----------------------------------|
| `file/NAME`    | size u32, bytes, `FIN` | SHA-256 of what was stored, `FIN` |
| `replace/NAME` | the same               | the same                          |
| `fetch/NAME`   | `FIN`                  | size u32, bytes, SHA-256, `FIN`   |

`file` is open, with `readinto` or `write`. `progress(done, size)` is told in bytes, or None.
"""

import hashlib

from dsoftbus.base.codec import get_u32, put_u32
from dsoftbus.base.file_names import allowed
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
from dsoftbus_aio.echo import chunk_bytes

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.stream import BusStream

FILE = "file/"
REPLACE = "replace/"
FETCH = "fetch/"
HASH_BYTES = 32
_SIZE_BYTES = 4


class BaseFileService:
    """Serves `folder` to every peer of `bus`: they may store files there, and fetch them."""

    def __init__(self, bus: "BaseBus", folder: "Any") -> None:
        self._folder = folder
        self._storing: list[str] = []  # names: of two who send one, the second is refused
        bus.on_stream(FILE + "*", self._store)
        bus.on_stream(REPLACE + "*", self._store)
        bus.on_stream(FETCH + "*", self._fetch)

    def _opened(self, name: str) -> "tuple[Any, int]":
        """(file, size) of what peers know by this name. Raises OSError for all else."""
        raise NotImplementedError

    def _allowed(self, name: str) -> bool:
        """Returns whether a peer may give a file this name."""
        return allowed(name)

    def _refusal(self, name: str, replaces: bool) -> int:
        """Returns why a peer's file may not lie there, as an error's code, or 0 where it may."""
        raise NotImplementedError

    async def _receive(
        self, connection: "Connection", stream: "BusStream", name: str, replaces: bool
    ) -> bytes:
        """Stores what `stream` brings, wholly or not at all; returns its SHA-256."""
        raise NotImplementedError

    async def _store(self, connection: "Connection", stream: "BusStream") -> None:
        replaces = stream.name.startswith(REPLACE)
        name = stream.name[len(REPLACE if replaces else FILE) :]
        code = STREAM_REFUSED
        if self._allowed(name) and name not in self._storing:
            code = self._refusal(name, replaces)
        if code:
            self._refuse(connection, stream, code)
            return
        self._storing.append(name)
        try:
            digest = await self._receive(connection, stream, name, replaces)
        except BusError as error:
            self._refuse(connection, stream, error.code)
            raise
        except OSError:
            self._refuse(connection, stream, STREAM_REFUSED)
            raise
        finally:
            self._storing.remove(name)
        await stream.write(digest)
        self._ended(connection, stream.name, 0)

    def _refuse(self, connection: "Connection", stream: "BusStream", code: int) -> None:
        stream.reset(code)
        self._ended(connection, stream.name, code)

    def _ended(self, connection: "Connection", stream_name: str, code: int) -> None:
        """A transfer has ended well (code 0), and the peer knows; or it was refused or cut off."""

    async def _fetch(self, connection: "Connection", stream: "BusStream") -> None:
        name = stream.name[len(FETCH) :]
        if not self._allowed(name):
            self._refuse(connection, stream, STREAM_REFUSED)
            return
        try:
            file, size = self._opened(name)
            with file:
                digest = await write_file(connection, stream, file, size)
        except BusError as error:
            self._refuse(connection, stream, error.code)
            raise
        except OSError:
            self._refuse(connection, stream, NO_SUCH_SERVICE)
            return
        await stream.write(digest)
        self._ended(connection, stream.name, 0)


async def send_file(
    connection: "Connection",
    file: "Any",
    size: int,
    name: str,
    progress: "Callable[[int, int], None] | None" = None,
    replace: bool = False,
) -> bytes:
    """Stores `file` with the peer as `name`, in place of one that it has only with `replace`;
    returns its SHA-256.

    Raises PeerError: FILE_EXISTS, and MALFORMED when the peer stored something else; BusError,
    OSError.
    """
    async with await connection.open((REPLACE if replace else FILE) + name) as stream:
        digest = await write_file(connection, stream, file, size, progress)
        await stream.finish()
        if await stream.readexactly(HASH_BYTES) != digest:
            raise PeerError(MALFORMED, "the peer stored something else")
    return digest


async def read_whole(
    connection: "Connection",
    stream: "BusStream",
    file: "Any",
    hash_follows: bool,
    progress: "Callable[[int, int], None] | None" = None,
) -> bytes:
    """Writes into `file` all that `stream` brings, up to its end; returns its SHA-256.

    With `hash_follows` the sender's hash comes after the bytes, and has to agree.
    """
    digest = await _read_file(connection, stream, file, progress)
    if hash_follows and await stream.readexactly(HASH_BYTES) != digest:
        raise PeerError(MALFORMED, "the file and its hash differ")
    if await stream.read(1):
        raise PeerError(MALFORMED, "more bytes than announced")
    return digest


async def _read_file(
    connection: "Connection",
    stream: "BusStream",
    file: "Any",
    progress: "Callable[[int, int], None] | None",
) -> bytes:
    size = get_u32(await stream.readexactly(_SIZE_BYTES), 0)
    if size < 0:
        raise PeerError(OVERSIZE, "a file of 1 GiB or more")
    sha = hashlib.sha256()
    view = memoryview(bytearray(chunk_bytes(connection)))
    done = 0
    while True:
        if progress is not None:
            progress(done, size)
        if done == size:
            return sha.digest()
        left = size - done
        n = await stream.readinto(view if left >= len(view) else view[:left])
        if not n:
            raise PeerError(MALFORMED, "fewer bytes than announced")
        sha.update(view[:n])
        file.write(view[:n])
        done += n


async def write_file(
    connection: "Connection",
    stream: "BusStream",
    file: "Any",
    size: int,
    progress: "Callable[[int, int], None] | None" = None,
) -> bytes:
    """Writes size and bytes of the file; returns its SHA-256. Raises LocalError, OSError."""
    if size > U30_MAX:
        raise LocalError(OVERSIZE, "a file of 1 GiB or more")
    head = bytearray(_SIZE_BYTES)
    put_u32(head, 0, size)
    await stream.write(head)
    sha = hashlib.sha256()
    view = memoryview(bytearray(chunk_bytes(connection)))
    done = 0
    while True:
        if progress is not None:
            progress(done, size)
        if done == size:
            return sha.digest()
        left = size - done
        n = file.readinto(view if left >= len(view) else view[:left])
        if not n:
            raise LocalError(BAD_STATE, "the file has become shorter")
        sha.update(view[:n])
        await stream.write(view[:n])
        done += n
