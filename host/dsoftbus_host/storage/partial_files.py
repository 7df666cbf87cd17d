"""Files on their way: each is `.NAME.XXXXXXXX.part` until it is whole, and then NAME at once.

Its writer holds its lock, which goes with the process, however that ends. So a file whose lock
nobody holds has been left behind. No peer may give a file such a name: a name does not begin with
a dot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dsoftbus_host.storage.file_lock import try_lock

_FORM = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part", re.DOTALL)
_TRIES = 16
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)  # of a file system without
# Neither a link is followed, nor a pipe waited for.
_LOOK = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK"))


@contextlib.contextmanager
def arriving(path: Path, replace: bool = True) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` at the end of the block; after an
    exception there is none. Raises OSError: FileExistsError where there is one by then, but with
    `replace`."""
    part, file = _make(path)
    try:
        with file:
            yield file
            file.flush()
            if sys.platform == "win32":  # which moves no open file
                file.close()
            _take_place(part, path, replace)
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


def clear(folder: Path, name: str | None = None) -> None:
    """Removes what transfers to `folder` left there when they were cut off, of the file `name` or
    of any; what another process is writing stays."""
    with contextlib.suppress(OSError):  # it can wait for a better day
        for entry in os.listdir(folder):
            found = _FORM.fullmatch(entry)
            if found and name in (None, found[1]):
                _clear(folder / entry)


def clear_all(folder: Path) -> None:
    """The same in every folder below as well."""
    for below, _, _ in os.walk(folder):
        clear(Path(below))


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


def _clear(part: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(part, _LOOK)
        try:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and _is_own(found) and try_lock(handle):
                part.unlink()
        finally:
            os.close(handle)


def _is_own(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.geteuid()
