"""Files on their way: each is `.NAME.XXXXXXXX.part` until it is whole, and then NAME at once.

Its writer holds its lock, which goes with the process, however that ends. So a file whose lock
nobody holds has been left behind: a peer's, `PartFile`, waits for the rest of its transfer, until
it is stale. No peer may give a file such a name: a name does not begin with a dot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dsoftbus.errors import FILE_EXISTS, SHARE_BUSY, LocalError
from dsoftbus.share.names import part_name
from dsoftbus_aio.services import share_files
from dsoftbus_host.storage import secret_files
from dsoftbus_host.storage.atomic_file import sync_folder
from dsoftbus_host.storage.file_lock import try_lock

STALE_S = 7 * 24 * 3600
_FORM = re.compile(r"\.(.+)\.[0-9a-z]{8}\.part", re.DOTALL)
_TRIES = 16
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)  # of a file system without
# Neither a link is followed, nor a pipe waited for.
_NAMES = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
_FLAGS = sum(getattr(os, flag, 0) for flag in _NAMES)


class PartFile(share_files.Part):
    """The part of the file at `path` that has come from the peer of this id, to go on with.

    Raises LocalError(SHARE_BUSY) while another writes it, OSError.
    """

    def __init__(self, path: Path, peer_id: str) -> None:
        self._path = path
        self._part = path.with_name(part_name(path.name, peer_id))
        self._file = _held_open(self._part, path)
        self.size = os.fstat(self._file.fileno()).st_size

    def fileno(self) -> int:
        """The descriptor, for a hash beside the transfer."""
        return self._file.fileno()

    def readinto(self, view: Any) -> int:
        return self._file.readinto(view) or 0  # type: ignore[attr-defined] # it is a raw file

    def seek(self, at: int) -> None:
        self._file.seek(at)

    def cut(self, offset: int) -> None:
        self._file.truncate(offset)
        self._file.seek(offset)
        self.size = offset

    def write(self, view: Any) -> None:
        at = self._file.write(view)
        while at < len(view):  # a full medium may take a part of it, and none of the rest
            at += self._file.write(view[at:])
        self.size += at

    def store(self, replace: bool) -> None:
        os.fsync(self._file.fileno())
        if sys.platform == "win32":  # which moves no open file
            self._file.close()
        try:
            _take_place(self._part, self._path, replace)
        except FileExistsError:
            raise LocalError(FILE_EXISTS, f"{self._path} is there by now") from None
        self._file.close()
        sync_folder(self._path.parent)

    def keep(self) -> None:
        if not self._file.closed:
            if not self.size:
                self.remove()
            self._file.close()

    def remove(self) -> None:
        if not self._file.closed:
            if sys.platform != "win32":  # while its lock is held; there it has to be closed first
                self._unlink()
            self._file.close()
        if sys.platform == "win32":
            self._unlink()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def close(self) -> None:
        self.keep()


def _held_open(part: Path, path: Path) -> BinaryIO:
    """The partial file at `part`, made if it has to be, with its lock."""
    for _ in range(_TRIES):
        handle = os.open(part, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            if _is_current(handle, part) and not _is_stored(handle, part, path):
                _check_own(handle, part)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # another process has cleared or stored it, before this one had its lock
    raise FileExistsError(errno.EEXIST, "no place for a partial file", str(part))


def _is_stored(handle: int, part: Path, path: Path) -> bool:
    """Takes the name of a partial file that has the file's own name, too: its writer was killed
    between the two steps of `_rename_to_nothing`."""
    try:
        stored = os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
    if stored:
        part.unlink()
    return stored


def _check_own(handle: int, part: Path) -> None:
    """A partial file is a file of this user's, and has no other name."""
    found = os.fstat(handle)
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and _is_own(found)
    if not plain or secret_files.is_one(found):
        raise PermissionError(errno.EACCES, "no partial file of this user's", str(part))


def _is_current(handle: int, part: Path) -> bool:
    """Takes the lock; False where the file has another place by now. Raises
    LocalError(SHARE_BUSY)."""
    with contextlib.suppress(OSError):  # a file system without locks: nobody clears there
        if not try_lock(handle):
            raise LocalError(SHARE_BUSY, str(part))
    try:
        return os.path.samestat(os.fstat(handle), part.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def arriving(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` at the end of the block; after an
    exception there is none. Raises OSError."""
    part, file = _make(path)
    try:
        with file:
            yield file
            file.flush()
            if sys.platform == "win32":  # which moves no open file
                file.close()
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _take_place(part: Path, path: Path, replace: bool) -> None:
    if replace:
        part.replace(path)
    elif sys.platform == "win32":
        part.rename(path)  # which replaces nothing there
    else:
        _rename_to_nothing(part, path)


def _rename_to_nothing(part: Path, path: Path) -> None:
    """Renames in one step that fails where there is something; where the file system has no such
    step, an empty file holds the place for a moment."""
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        path.touch(exist_ok=False)
        part.replace(path)
    else:
        part.unlink()


def clear_stale(folder: Path, older_s: float = STALE_S) -> None:
    """Removes partial files in `folder`, at any depth, that nobody writes and that have not
    changed for so long."""
    before = time.time() - older_s
    for below, _, names in os.walk(folder):
        for name in names:
            if _FORM.fullmatch(name):
                _clear(Path(below, name), before)


def _make(path: Path) -> tuple[Path, BinaryIO]:
    for _ in range(_TRIES):
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        file = part.open("xb")
        if _held(file.fileno(), part):
            return part, file
        file.close()  # another process was about to clear it away, before it had its lock
    raise FileExistsError(errno.EEXIST, "no place for a new file", str(path))


def _held(handle: int, part: Path) -> bool:
    try:
        return try_lock(handle) and os.path.samestat(os.fstat(handle), part.stat())
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a file system without locks: nobody clears there


def _clear(part: Path, before: float) -> None:
    with contextlib.suppress(OSError):  # it can wait for a better day
        handle = os.open(part, os.O_RDONLY | _FLAGS)
        try:
            found = os.fstat(handle)
            stale = stat.S_ISREG(found.st_mode) and found.st_mtime <= before
            if stale and _is_own(found) and try_lock(handle):
                part.unlink()
        finally:
            os.close(handle)


def _is_own(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.geteuid()
