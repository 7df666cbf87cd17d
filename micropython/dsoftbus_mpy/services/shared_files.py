"""Files of a board as shares need them: `dsoftbus_aio.services.share_files` has the contract.

littlefs gives a file its name in one step. FAT does not (`fat_store`). MicroPython cannot shorten
a file: a partial one may be longer than what counts of it until it is stored.
"""

import asyncio
import errno
import os
import time

from dsoftbus.errors import FILE_EXISTS, SHARE_BUSY, STREAM_REFUSED, LocalError
from dsoftbus.share.names import is_part, part_name
from dsoftbus_mpy import folder as folders

_LISTED_MAX = 256
_FLUSH_BYTES = 16384  # four blocks of flash, so that none is written twice
_STALE_S = 7 * 86400
_CLOCK_YEAR = 2025  # a clock that was never set shows an earlier one
_SIZE, _CHANGED = 6, 8  # of os.stat's tuple
_FRAGMENT_BYTES, _AVAILABLE = 1, 4  # of os.statvfs's
_COPY = "2"  # behind the name of a partial file: its beginning
_END = 2  # of seek: from the file's end
_STEPS = type((lambda: (yield))())  # a generator
_parts: list = []  # paths of partial files that are open
_read: list = []  # Files that are open to be read


class File:
    """A file that is open to be read."""

    def __init__(self, path: str, mode: str = "rb"):
        self.path = path
        self.size = 0
        self.overwritten = False
        self._changed = os.stat(path)[_CHANGED] if mode[0] == "r" else 0
        self._file = None  # all attributes first: an open file is never lost for a lack of memory
        self._file = open(path, mode)  # noqa: SIM115 - `close` does
        self.size = self._file.seek(0, _END)
        self._file.seek(0)
        _read.append(self)

    def readinto(self, view) -> int:
        return self._file.readinto(view)

    def seek(self, at: int) -> None:
        self._file.seek(at)

    def changed(self) -> bool:
        if self.overwritten:
            return True
        try:
            found = os.stat(self.path)
        except OSError:
            return True
        return found[_SIZE] != self.size or found[_CHANGED] != self._changed

    def close(self) -> None:
        if self in _read:
            _read.remove(self)
        self._file.close()


class Part(File):
    """A partial file, which is to lie in `folder` as `name` (without `/`)."""

    def __init__(self, folder: str, name: str, path: str):
        self._folder = folder
        self._name = name
        self._length = self._flushed = 0
        _parts.append(path)
        try:
            super().__init__(path, "r+b" if folders.is_there(path) else "w+b")
        except BaseException:  # for a lack of memory, too
            _parts.remove(path)
            raise
        self._length = self._flushed = self.size  # of the file itself; and of what is flushed

    def cut(self, offset: int) -> None:
        if offset == 0 and self._length:
            self._file.close()
            self._file = open(self.path, "w+b")  # noqa: SIM115 - as above
            self._length = 0
        self._file.seek(offset)
        self.size = self._flushed = offset

    def write(self, view) -> None:
        if self._file.write(view) != len(view):
            raise OSError(folders.ENOSPC)
        self.size += len(view)
        if self.size // _FLUSH_BYTES != self._flushed // _FLUSH_BYTES:
            self._file.flush()
            self._flushed = self.size

    def store(self, replace: bool):
        """Yields between its steps: a copy of a large file takes its time (`Files.aside`)."""
        path = self._folder + "/" + self._name
        self._file.flush()  # fsync on POSIX, sync on flash: before the rename
        self._file.close()
        try:
            if self._length > self.size:
                yield from _shorten(self.path, self.size)
            if folders.check_place(self._folder, self._name) and not replace:
                raise LocalError(FILE_EXISTS, self._name)
            for file in _read:
                if file.path == path:
                    file.overwritten = True  # its blocks may be another's now
            if is_fat(self.path):
                from dsoftbus_mpy.services.fat_store import store  # only who has one pays for it

                yield from store(self._folder, self._name, self.path)
            else:
                os.rename(self.path, path)
        finally:
            self._let_go()

    def keep(self) -> None:
        self._let_go()
        if not self.size:
            folders.discard(self.path)

    def remove(self) -> None:
        self._let_go()
        folders.discard(self.path)

    def _let_go(self) -> None:
        if self.path in _parts:
            _parts.remove(self.path)
            self.close()


class Folder:
    """A folder where files of peers lie."""

    def __init__(self, path: str):
        os.stat(path or ".")
        self._path = path

    def check_shared(self) -> None:
        folders.keep_apart(self._path)

    def open(self, name: str) -> File:
        folder, name = folders.below(self._path, name)
        path = folders.readable(folder, name)
        if folders.is_there(folders.mark(folder, name)):
            raise LocalError(SHARE_BUSY, name)
        return File(path)

    def refusal(self, name: str) -> int:
        try:
            folder, name = folders.below(self._path, name)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return 0  # its folder will be made
        return FILE_EXISTS if folders.check_place(folder, name) else 0

    def part(self, name: str, peer_id: str) -> Part:
        folder, name = folders.below(self._path, name, True)
        path = folder + "/" + part_name(name, peer_id)
        if path in _parts:
            raise LocalError(SHARE_BUSY, name)
        return Part(folder, name, path)

    def listing(self, pattern: str, after: str):
        from dsoftbus_mpy.services.shared_listing import listing  # only who is asked pays for it

        return listing(self._path, "", pattern, after)

    def used(self, left_out) -> int:
        return _used(self._path, "", left_out)

    def free(self) -> int:
        found = os.statvfs(self._path)
        room = found[_FRAGMENT_BYTES] * found[_AVAILABLE]
        return room // 2 if is_fat(self._path) else room  # FAT needs that of a copy, too

    def clear_stale(self) -> None:
        try:
            _tidy(self._path)
        except OSError:
            pass  # the medium is not to be read: who asks for a file hears of it


class Files:
    """The files of this board."""

    chunk = folders.CHUNK
    hashing = None  # as it passes
    listed_max = _LISTED_MAX

    def folder(self, path: str) -> Folder:
        return Folder(path)

    def own(self, path: str, name: str) -> list:
        from dsoftbus_mpy.services.shared_listing import own  # only who sends pays for it

        return own(path, name)

    def open(self, path: str) -> File:
        if folders.is_secret(path):
            raise LocalError(STREAM_REFUSED, path + " is this node's own")
        return File(path)

    async def aside(self, call, *arguments):
        await asyncio.sleep_ms(0)
        found = call(*arguments)
        for _ in found if type(found) is _STEPS else ():
            await asyncio.sleep_ms(0)
        return found


def is_fat(path: str) -> bool:
    """Returns whether the file or folder at `path` lies where names have no case."""
    at = path.rfind("/") + 1
    return folders.is_there(path[:at] + path[at:].upper())


def _shorten(path: str, size: int):
    """Leaves, in steps, the first `size` bytes: in a copy, which takes the file's place."""
    yield from folders.copy(path, path + _COPY, size)
    folders.discard(path)
    os.rename(path + _COPY, path)


def _used(folder: str, above: str, left_out) -> int:
    used = 0
    for entry in os.ilistdir(folder):
        name = above + entry[0]
        if entry[1] == folders.FOLDER:
            used += _used(folder + "/" + entry[0], name + "/", left_out)
        elif not left_out(name):
            used += os.stat(folder + "/" + entry[0])[_SIZE]
    return used


def _tidy(folder: str) -> None:
    """Finishes what a cut has interrupted on FAT, and removes old partial files."""
    for entry in list(os.ilistdir(folder)):
        name, path = entry[0], folder + "/" + entry[0]
        if entry[1] == folders.FOLDER:
            _tidy(path)
        elif folders.is_mark(name):
            from dsoftbus_mpy.services.fat_store import finish  # as above

            finish(folder, name)
        elif path not in _parts and _is_left(name, path):
            folders.discard(path)


def _is_left(name: str, path: str) -> bool:
    """Returns whether this is a partial file that is old, or an interrupted copy of one."""
    if not is_part(name):
        return is_part(name[: -len(_COPY)])
    changed = os.stat(path)[_CHANGED]
    return time.gmtime(changed)[0] >= _CLOCK_YEAR and time.time() - changed > _STALE_S
