"""A folder where files of peers lie, and the files of this host that are sent: what
`dsoftbus_aio.services.share_files` asks of a port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dsoftbus.base import file_names
from dsoftbus.errors import FILE_EXISTS, STREAM_REFUSED, LocalError
from dsoftbus.share import names as share_names
from dsoftbus_aio.services import share_files
from dsoftbus_host.storage import folder as folders
from dsoftbus_host.storage import partial_files, secret_files
from dsoftbus_host.storage.following_hash import HASHING

CHUNK_BYTES = 262144
LISTED_MAX = 1_000_000


class OpenFile(share_files.File):
    """A file that is open to be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = os.fstat(file.fileno())
        self.size = self._before.st_size
        self.readinto = file.readinto  # type: ignore[method-assign, attr-defined] # as it is
        self.fileno = file.fileno
        self.close = file.close  # type: ignore[method-assign]

    def seek(self, at: int) -> None:
        self._file.seek(at)

    def changed(self) -> bool:
        now, before = os.fstat(self._file.fileno()), self._before
        return (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


class SharedFolder(share_files.Folder):
    """The folder at `path`. Raises OSError where there is none."""

    def __init__(self, path: Path) -> None:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "no folder", str(path))
        self._path = path

    def check_shared(self) -> None:
        secret_files.keep_apart(self._path)

    def open(self, name: str) -> OpenFile:
        return OpenFile(folders.open_file(self._path, name))

    def refusal(self, name: str) -> int:
        code: int = FILE_EXISTS if folders.check_place(self._path, name) else 0
        return code

    def part(self, name: str, peer_id: str) -> partial_files.PartFile:
        return partial_files.PartFile(folders.make_place(self._path, name), peer_id)

    def listing(self, pattern: str, after: str) -> Iterator[tuple[str, int]]:
        return _listing(self._path, "", pattern, after)

    def used(self, left_out: Callable[[str], bool]) -> int:
        total = 0
        for above, _, names in os.walk(self._path):
            for path in (Path(above, name) for name in names):
                if not left_out(path.relative_to(self._path).as_posix()):
                    total += _bytes_of(path)
        return total

    def free(self) -> int:
        return shutil.disk_usage(self._path).free

    def clear_stale(self) -> None:
        partial_files.clear_stale(self._path)


class LocalFiles(share_files.Files):
    """The files of this host."""

    chunk = CHUNK_BYTES
    hashing = HASHING
    listed_max = LISTED_MAX

    def folder(self, path: str | Path) -> SharedFolder:
        return SharedFolder(Path(path))

    def own(self, path: str | Path, name: str) -> list[tuple[str, Path, int]]:
        there = Path(path)
        if not there.is_dir():
            return [(name or there.name, there, there.stat().st_size)]
        found, _ = files_in(there)
        top = name or there.resolve().name
        return [(f"{top}/{below}", file, file.stat().st_size) for below, file in found]

    def open(self, path: str | Path) -> OpenFile:
        return OpenFile(opened(Path(path)))

    async def aside(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """A wait that is cancelled ends with the thread, and not before: what that reads or writes
        may be closed next, and its descriptor given to another file."""
        work = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
        try:
            return await asyncio.shield(work)
        finally:
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([work])


def opened(path: Path) -> BinaryIO:
    """The file at `path`, unless it is a secret of this node."""
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        raise FileNotFoundError(errno.ENOENT, "no file", str(path))
    file = path.open("rb", buffering=0)
    if secret_files.is_one(os.fstat(file.fileno())):
        file.close()
        raise LocalError(STREAM_REFUSED, f"{path} is this node's own, and for no peer")
    return file


def files_in(folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """All files in it, at any depth, each with its name from there; and the names of what is left
    out: hidden files and folders, links, and what is neither file nor folder."""
    found: list[tuple[str, Path]] = []
    left: list[str] = []
    for above, below, names in os.walk(folder):
        for name in sorted([*below, *names]):
            path = Path(above, name)
            there = path.relative_to(folder).as_posix()
            if name.startswith(".") or path.is_symlink():
                left.append(there)
            elif path.is_file():
                found.append((there, path))
            elif not path.is_dir():
                left.append(there)
        below[:] = sorted(name for name in below if not name.startswith("."))
    return found, left


def _listing(folder: Path, above: str, pattern: str, after: str) -> Iterator[tuple[str, int]]:
    """The files that match, in the order of their paths' bytes: a folder stands where its name
    and `/` stand."""
    with os.scandir(folder) as entries:
        below = sorted(entries, key=_place)
    for entry in below:
        name = above + entry.name
        if entry.is_dir(follow_symlinks=False):
            if _leads(name, pattern, after):
                yield from _listing(folder / entry.name, name + "/", pattern, after)
        elif name > after and _is_listed(entry, name, pattern):
            yield name, entry.stat(follow_symlinks=False).st_size


def _is_listed(entry: os.DirEntry[str], name: str, pattern: str) -> bool:
    plain = entry.is_file(follow_symlinks=False)
    return plain and file_names.allowed_path(name) and share_names.matches(pattern, name)


def _leads(name: str, pattern: str, after: str) -> bool:
    """Returns whether something in this folder may be listed."""
    passed = name + "/" < after and not after.startswith(name + "/")
    return not passed and file_names.allowed_path(name) and share_names.leads(pattern, name)


def _place(entry: os.DirEntry[str]) -> str:
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _bytes_of(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return 0  # it went meanwhile
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
