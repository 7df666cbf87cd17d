"""A folder where peers store and fetch files: what is in it, and what a name must not lead to.

A file system may take many names for one file: without regard to case, in another normal form, in
an old short form, with a device's or a stream's name. A link may lead out of the folder. So a name
stands for the regular file that the folder's own list has under exactly that name. If the list has
no such name, and yet something answers to it, the name is another's. A name with `/` in it leads
through folders, for each of which the same holds.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from dsoftbus_host.storage import secret_files
from dsoftbus_host.storage.atomic_file import sync_folder

# Neither a link is followed, nor a pipe waited for.
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
_READ = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in _FLAGS)


def open_file(folder: Path, name: str) -> BinaryIO:
    """The file that peers know by `name`, to be read. Raises FileNotFoundError for all else."""
    above, _, name = name.rpartition("/")
    folder = _below(folder, above)
    path = folder / name
    listed = _listed(folder, name)
    if listed is None or not listed.is_file(follow_symlinks=False):
        raise _absent(path)
    file = os.fdopen(os.open(path, _READ), "rb", buffering=0)
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or secret_files.is_one(found):
        file.close()
        raise _absent(path)
    return file


def check_place(folder: Path, name: str) -> bool:
    """Returns whether a file is there. Raises OSError where no file of a peer's may be put:
    PermissionError over a file of this node's own, FileExistsError over what is no file, or has
    another name; and the same of the folders that it would lie in."""
    above, _, name = name.rpartition("/")
    try:
        folder = _below(folder, above)
    except FileNotFoundError:
        return False  # and it will be made
    path = folder / name
    if secret_files.is_place_of_one(path):
        raise PermissionError(errno.EACCES, "this node's own", str(path))
    listed = _listed(folder, name)
    if listed is None:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "there, under another name", str(path))
    elif not listed.is_file(follow_symlinks=False):
        raise FileExistsError(errno.EEXIST, "there, and no file", str(path))
    elif secret_files.is_one(path.stat()):
        raise PermissionError(errno.EACCES, "this node's own", str(path))
    return listed is not None


def make_place(folder: Path, name: str) -> Path:
    """The path for a file of this name, whose folders are made. Raises OSError."""
    *above, name = name.split("/")
    for part in above:
        if _listed(folder, part) is None:
            (folder / part).mkdir()
            sync_folder(folder)  # or a power cut may take it, with what has been stored there
        folder = _below(folder, part)
    return folder / name


def _below(folder: Path, name: str) -> Path:
    """The folder of this name. Raises FileNotFoundError where there is nothing, FileExistsError
    over what is no folder of exactly that name."""
    for part in filter(None, name.split("/")):
        path = folder / part
        listed = _listed(folder, part)
        if listed is None and not os.path.lexists(path):
            raise _absent(path)
        if listed is None or not listed.is_dir(follow_symlinks=False):
            raise FileExistsError(errno.EEXIST, "there, and no folder of that name", str(path))
        folder = path
    return folder


def _listed(folder: Path, name: str) -> os.DirEntry[str] | None:
    with os.scandir(folder) as entries:
        return next((entry for entry in entries if entry.name == name), None)


def _absent(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "no file", str(path))
