"""A folder where peers store and fetch files: what is in it, and what a name must not lead to.

A file system may take many names for one file: without regard to case, in an old short form, with
a device's or a stream's name. A link may lead out of the folder. So a name stands for the regular
file that the folder's own list has under exactly that name. If the list has no such name, and yet
something answers to it, the name is another's.
"""

import errno
import os
import sys

from dsoftbus.base import file_names
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_mpy.base.secret_files import noted

REGULAR = 0x8000  # of what os.ilistdir says; a link is another kind
FOLDER = 0x4000
_NEW = ".new"  # behind a dot and the name: the mark of a copy under way
CHUNK = 2048  # bytes: of 4 KB, the rest is for hashes, and for what the file system has of a file
ENOSPC = 28  # which MicroPython's errno does not name
_BESIDE = ("", ".next", ".new", ".starts")  # what the node keeps beside such a file
_INO, _DEV = 1, 2  # of os.stat's tuple; 0 on file systems that have no links
_REMEDY = "; files for peers need a folder of their own"


def make(folder: str) -> str:
    """The folder of this name, made if it does not exist."""
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there, or cannot be: who opens a file in it says so
    return folder


def keep_apart(folder: str) -> None:
    """Raises LocalError(BAD_ARGUMENT) for a folder that peers must not have: one that has a file
    of the node in it, at any depth, or from which programs are loaded."""
    if any(_holds(folder, path) for path in noted):
        raise LocalError(BAD_ARGUMENT, folder + " has secrets of this node in it" + _REMEDY)
    for path in [""] + sys.path[1:]:
        if path[:1] != "." and _has_programs(folder, path):
            raise LocalError(BAD_ARGUMENT, folder + " has programs in it" + _REMEDY)


def below(folder: str, name: str, makes: bool = False) -> tuple:
    """(folder, last part) of a name with `/`. Raises OSError: ENOENT where a folder on the way is
    absent, but with `makes`; EEXIST where what is there is no folder, or has another name."""
    parts = name.split("/")
    for part in parts[:-1]:
        kind = _kind(folder, part)
        folder += "/" + part
        if kind != FOLDER:
            if kind or is_there(folder):
                raise OSError(errno.EEXIST)
            if not makes:
                raise OSError(errno.ENOENT)
            os.mkdir(folder)
    return folder, parts[-1]


def open_file(folder: str, name: str):
    """The file that peers know by `name`, to be read. Raises OSError(ENOENT) for all else."""
    return open(readable(folder, name), "rb")


def readable(folder: str, name: str) -> str:
    """Returns the path of the file that peers know by `name`. Raises OSError(ENOENT) for all
    else."""
    path = folder + "/" + name
    if _kind(folder, name) != REGULAR or is_secret(path):
        raise OSError(errno.ENOENT)
    return path


def mark(folder: str, name: str) -> str:
    """Returns the path of the mark that `name` is being copied to (`fat_store`)."""
    return folder + "/." + name + _NEW


def is_mark(name: str) -> bool:
    """Returns whether a file of this name is such a mark."""
    return name[:1] == "." and name[-len(_NEW) :] == _NEW and file_names.allowed(_stem(name))


def marked(folder: str, name: str) -> str:
    """Returns the path of the file whose mark has this name."""
    return folder + "/" + _stem(name)


def discard(path: str) -> None:
    """Removes the file, where it is there and can be."""
    try:
        os.remove(path)
    except OSError:
        pass


def check_place(folder: str, name: str) -> bool:
    """Returns whether a file is there. Raises OSError where no file of a peer's may be put: EACCES
    over a file of this node's own, EEXIST over what is no file, or has another name."""
    path = folder + "/" + name
    if is_secret(path) or _would_be_secret(folder, name):
        raise OSError(errno.EACCES)
    kind = _kind(folder, name)
    if kind != REGULAR and (kind or is_there(path)):
        raise OSError(errno.EEXIST)
    return kind != 0


def copy(path: str, to: str, size: int):
    """Copies, in steps, the first `size` bytes of a file. Raises OSError where they do not
    fit."""
    view = memoryview(bytearray(CHUNK))
    with open(path, "rb") as old, open(to, "wb") as new:
        while size:
            n = old.readinto(view[: min(size, CHUNK)])
            if not n or new.write(view[:n]) != n:
                raise OSError(ENOSPC)
            size -= n
            yield
        new.flush()


def is_secret(path: str) -> bool:
    """Returns whether the file at `path` is one of this node's own, whatever its name."""
    names = [known + suffix for known in noted for suffix in _BESIDE]
    own = _identity(path)
    if own is None:
        return _whole(path) in [_whole(name) for name in names]
    return own in [_identity(name) for name in names]


def is_there(path: str) -> bool:
    """Returns whether something answers to this path."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _stem(name: str) -> str:
    return name[1 : -len(_NEW)]


def _kind(folder: str, name: str) -> int:
    """Returns the kind that the folder's list has under exactly this name, 0 for nothing."""
    for entry in os.ilistdir(folder):
        if entry[0] == name:
            return entry[1]
    return 0


def _would_be_secret(folder: str, name: str) -> bool:
    """Returns whether the node would take a file of this name for one of its own."""
    name = file_names.folded(name)
    for known in noted:
        parent, last = _parted(known)
        last = last.lower()
        if (name == last or name.startswith(last + ".")) and _are_same(folder, parent):
            return True
    return False


def _has_programs(folder: str, path: str) -> bool:
    """`path` is "" for the current folder, else one of the interpreter's for modules: those have
    packages in them."""
    if _holds(folder, path + "/x" if path else "x"):
        return True
    return path != "" and not _holds(path, "x") and _holds(path, folder + "/x")


# Where files lie


def _holds(folder: str, path: str) -> bool:
    """Returns whether the file at `path` lies in `folder`, at any depth."""
    own = _identity(folder)
    if own is None:
        return _whole(path).startswith(_whole(folder) + "/")
    at = _parted(path)[0]
    before = None
    here = _identity(at)
    while here is not None and here != before:
        if here == own:
            return True
        at += "/.."
        before, here = here, _identity(at)
    return False


def _are_same(folder: str, other: str) -> bool:
    own = _identity(folder)
    return own == _identity(other) if own else _whole(folder) == _whole(other)


def _identity(path: str):
    """Device and inode; None for what is not there, and where the file system has none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found[_DEV], found[_INO]) if found[_INO] else None


def _whole(path: str) -> str:
    """`path` from the root, as a file system without links takes it: without case, dots at the
    end of names, and steps back. The root itself is ""."""
    parts = []
    for part in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part.rstrip(". "):
            parts.append(part.rstrip(". ").lower())
    return "".join(["/" + part for part in parts])


def _parted(path: str) -> tuple:
    """(folder, name)"""
    at = path.rfind("/") + 1
    return path[:at] or ".", path[at:]
