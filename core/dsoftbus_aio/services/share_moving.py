"""The bytes of a transfer, and what both sides say around them (docs/share.md)."""

from dsoftbus.errors import (
    MALFORMED,
    SHARE_CHANGED,
    SHARE_NO_SPACE,
    STREAM_CANCELLED,
    STREAM_REFUSED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.share.marks import FileHash, usable
from dsoftbus.share.messages import (
    HASH_BYTES,
    LENGTH_BYTES,
    get_header,
    length_of,
    put_header,
)

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Data
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.share_files import File, Files, Part
    from dsoftbus_aio.stream import BusStream


_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT, which MicroPython does not name


async def read_header(stream: "BusStream") -> "Any":
    """The value of the next header. Raises PeerError."""
    length = length_of(await stream.readexactly(LENGTH_BYTES))
    return get_header(await stream.readexactly(length))


async def write_header(stream: "BusStream", value: "Any") -> None:
    await stream.write(put_header(value))


def denied(connection: "Connection", outgoing: bool, name: str) -> int:
    """0, or why the rules do not let a file of this name go out, or come in."""
    control = connection.session.mux.control
    return 0 if control is None else control.gate(outgoing, name)


def may_know(connection: "Connection", name: str) -> bool:
    """Returns whether the rules let the peer know what file is here under the rule's name."""
    control = connection.session.mux.control
    return control is None or control.allows(True, name)


def code_of(error: Exception) -> int:
    """The code with which this side's failure resets a stream."""
    if isinstance(error, BusError):
        return error.code
    if isinstance(error, OSError):
        return SHARE_NO_SPACE if error.errno in _NO_SPACE else STREAM_REFUSED
    return STREAM_CANCELLED


class Hashing:
    """Hashes a file as it passes; `sha` has passed over its first bytes. A port may have another,
    `Files.hashing`, which does it beside that."""

    def __init__(self, file: "File", sha: FileHash) -> None:
        self._sha = sha

    def passed(self, view: "Data", end: int) -> None:
        """The bytes before `end` have passed, at last those of `view`, and are in the file."""
        news = min(len(view), end - self._sha.at)
        if news > 0:
            self._sha.update(view[len(view) - news :])

    async def digest(self) -> bytes:
        """The SHA-256 of all that has passed. Raises LocalError(SHARE_CHANGED)."""
        return self._sha.digest()

    def close(self) -> None:
        """No more is wanted."""


class Moving:
    """A file on its way, over one stream. `told(bytes so far)` hears how far it is, or is None."""

    def __init__(self, files: "Files", stream: "BusStream") -> None:
        self.told: Callable[[int], None] | None = None
        self._files = files
        self.stream = stream
        self._view = memoryview(bytearray(files.chunk))

    def tell(self, done: int) -> None:
        """`done` bytes are there."""
        if self.told is not None:
            self.told(done)

    async def hashed(self, file: "File", offsets: "list[int]") -> FileHash:
        """The hash of the beginning of `file`, up to the largest of `offsets`. Raises
        LocalError(SHARE_CHANGED) where it is shorter."""
        sha = FileHash(offsets)
        end = max(offsets) if offsets else 0
        if end:
            file.seek(0)
        while sha.at < end:
            if not await self._files.aside(self._pass, file, sha, end):
                raise LocalError(SHARE_CHANGED, "it has become shorter")
        return sha

    def _pass(self, file: "File", sha: FileHash, end: int) -> int:
        n = file.readinto(self._view[: sha.room(min(len(self._view), end - sha.at))])
        sha.update(self._view[:n])
        return n

    async def compared(self, file: "File", marks: "list[list[Any]]") -> FileHash:
        """The hash of this side's file, to `agree` with a receiver's marks."""
        return await self.hashed(file, usable(marks, file.size))

    async def send(self, file: "File", offset: int, sha: FileHash) -> bytes:
        """Sends the bytes from `offset` on and the SHA-256 of all, which it returns. `sha` has
        passed over the first bytes. Raises LocalError(SHARE_CHANGED)."""
        hashing = (self._files.hashing or Hashing)(file, sha)
        try:
            await self._send(file, offset, hashing)
            digest = await hashing.digest()
        finally:
            hashing.close()
        if file.changed():
            raise LocalError(SHARE_CHANGED, "it changed while it was sent")
        await self.stream.write(digest)
        self.tell(file.size)
        return digest

    async def _send(self, file: "File", at: int, hashing: Hashing) -> None:
        file.seek(at)
        view = self._view
        while at < file.size:
            self.tell(at)
            n = file.readinto(view[: min(len(view), file.size - at)])
            if not n:
                raise LocalError(SHARE_CHANGED, "it has become shorter")
            at += n
            hashing.passed(view[:n], at)
            await self.stream.write(view[:n])

    async def copied(self, file: "File", part: "Part") -> None:
        """Makes `part` a copy of `file`."""
        file.seek(0)
        part.cut(0)
        while part.size < file.size:
            if not await self._files.aside(self._copy, file, part):
                raise LocalError(SHARE_CHANGED, "it has become shorter")

    def _copy(self, file: "File", part: "Part") -> int:
        n = file.readinto(self._view[: min(len(self._view), file.size - part.size)])
        part.write(self._view[:n])
        return n

    async def receive(self, part: "Part", offset: int, size: int, sha: FileHash) -> bytes:
        """Takes the bytes from `offset` on into `part`, and the SHA-256 of all, which it returns;
        removes `part` where they do not agree. `sha` has passed over the first bytes."""
        if sha.at != offset:
            sha = await self.hashed(part, [offset] if offset else [])
        part.cut(offset)
        hashing = (self._files.hashing or Hashing)(part, sha)
        try:
            await self._receive(part, size, hashing)
            digest = await hashing.digest()
        finally:
            hashing.close()
        if not await self.agreed(digest):
            part.remove()
            raise PeerError(MALFORMED, "the file and its SHA-256 differ, or more bytes came")
        self.tell(size)
        return digest

    async def _receive(self, part: "Part", size: int, hashing: Hashing) -> None:
        view = self._view
        while part.size < size:
            self.tell(part.size)
            n = await self.stream.readinto(view[: min(len(view), size - part.size)])
            if not n:
                raise PeerError(MALFORMED, "fewer bytes than announced")
            part.write(view[:n])
            hashing.passed(view[:n], part.size)

    async def agreed(self, digest: bytes) -> bool:
        """Returns whether the sender's last word is this SHA-256, and then its end."""
        said = await self.stream.readexactly(HASH_BYTES)
        return said == digest and not await self.stream.read(1)
