"""A file that comes in, on either side: what there is of it already, and where it goes
(docs/share.md)."""

from dsoftbus.errors import (
    FILE_EXISTS,
    MALFORMED,
    SHARE_NO_SPACE,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.share.marks import FileHash, mark_offsets
from dsoftbus.share.messages import PREFIX
from dsoftbus_aio.services.share_moving import Moving, code_of, may_know

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.share_files import File, Files, Folder, Part
    from dsoftbus_aio.stream import BusStream

MARK_STEP = 4096  # bytes: a page of a host, a block of flash


class Receiving:
    """The file `name` comes into `folder` from the peer of `connection`, once it is `begin`ned;
    `end` comes after that, whatever has become of it.

    Raises LocalError: FILE_EXISTS where a file is there that is not the peer's and may not be
    replaced, SHARE_BUSY, SHARE_NO_SPACE; OSError, where no file of that name may be, too.
    """

    def __init__(
        self, files: "Files", folder: "Folder", connection: "Connection", name: str, replace: bool
    ) -> None:
        self.name = name
        self.replace = replace
        self._files = files
        self._folder = folder
        self._connection = connection
        self._there = folder.refusal(name) != 0
        self.writes = replace or not self._there  # else it is there, the same, or refused
        self._old: File | None = None  # what is there, where the peer may know of it
        self._old_hash = FileHash()
        self._part: Part | None = None
        self._part_hash = FileHash()

    async def begin(self, stream: "BusStream", size: int | None = None) -> "list[list[Any]]":
        """The marks of what is here, for a peer whose file has `size` bytes, should that be
        known."""
        self._moving = Moving(self._files, stream)
        if self._there and may_know(self._connection, PREFIX + self.name):
            await self._look(size)
        if not self.writes:
            if self._old is None or size not in (self._old.size, None):
                raise LocalError(FILE_EXISTS, self.name + " is there already")
            return self._old_hash.marks()
        part = self._part = self._folder.part(self.name, self._connection.peer_id)
        most = part.size
        if size is not None:
            await self.check_space(size)
            most = min(most, size)
        offsets = mark_offsets(most, MARK_STEP)
        self._part_hash = await self._moving.hashed(part, offsets)
        return self._marks()

    async def _look(self, size: int | None) -> None:
        old = self._folder.open(self.name)
        if size is not None and old.size > size:
            old.close()
            return
        self._old = old
        self._old_hash = await self._moving.hashed(old, [old.size] if old.size else [])

    def _marks(self) -> "list[list[Any]]":
        marks = self._old_hash.marks()
        known = [mark[0] for mark in marks]
        marks += [mark for mark in self._part_hash.marks() if mark[0] not in known]
        return sorted(marks, key=_falling)

    async def check_space(self, size: int) -> None:
        """Raises LocalError(SHARE_NO_SPACE) where a file of `size` bytes has no room."""
        there = self._part.size if self._part is not None else size
        if self._folder.free() < size - there:
            await self._files.aside(self._folder.clear_stale)
            if self._folder.free() < size - there:
                raise LocalError(SHARE_NO_SPACE, self.name)

    async def take(
        self, offset: int, size: int, told: "Callable[[int], None] | None" = None
    ) -> bytes:
        """Takes the bytes from `offset` on, one that the peer took of the marks, and stores the
        file; returns its SHA-256."""
        self._moving.told = told
        old = self._old
        if old is not None and old.size == offset == size:
            digest = self._old_hash.digest()
            if not await self._moving.agreed(digest):
                raise PeerError(MALFORMED, "it agreed with another SHA-256 than it sends")
            self._moving.tell(size)
            return digest
        part = self._part
        if part is None:
            raise LocalError(FILE_EXISTS, self.name + " is there already")
        sha = self._part_hash
        if old is not None and old.size == offset:
            await self._moving.copied(old, part)
            sha = self._old_hash
        digest = await self._moving.receive(part, offset, size, sha)
        await self._files.aside(part.store, self.replace)
        return digest

    def end(self, error: "BaseException | None") -> None:
        """Closes what is open. The partial file stays for another time, unless space was
        lacking."""
        if self._old is not None:
            self._old.close()
        if self._part is None:
            return
        try:
            if isinstance(error, (BusError, OSError)) and code_of(error) == SHARE_NO_SPACE:
                self._part.remove()
        finally:  # without memory that question has no answer
            self._part.keep()


def _falling(mark: "list[Any]") -> int:
    return -mark[0]
