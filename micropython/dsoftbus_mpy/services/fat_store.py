"""On FAT a partial file that is whole gets its name as a copy.

FAT renames in two writes, and over a file in more. A cut between them leaves two names for the
same clusters, and the removal of one of them frees what the other shows. So the file is copied
under its name. A mark beside it, `.NAME.new`, holds the partial file's name, and the next start of
sharing copies again what a cut has interrupted. A copy without room is refused before anything of
an old file is lost.
"""

import os

from dsoftbus_mpy import folder as folders

_SIZE = 6  # of os.stat's tuple
_CLUSTER, _FREE = 0, 3  # of os.statvfs's


def store(folder: str, name: str, part: str):
    """Puts, in steps, the file at `part` in the place of `name`, and removes it. Raises
    OSError."""
    path = folder + "/" + name
    size = os.stat(part)[_SIZE]
    if size > _room(folder) + (os.stat(path)[_SIZE] if folders.is_there(path) else 0):
        raise OSError(folders.ENOSPC)
    mark = folders.mark(folder, name)
    with open(mark, "w") as file:
        file.write(part[part.rfind("/") + 1 :])
    yield from _finish(part, path, mark)


def finish(folder: str, name: str) -> None:
    """A start finds the mark `name`: the copy is made again. A mark without a whole name in it was
    cut itself, when nothing was copied yet; one without its partial file is all that is left."""
    mark = folder + "/" + name
    with open(mark) as file:
        part = folder + "/" + file.read()
    if part[-1] != "/" and folders.is_there(part):
        for _ in _finish(part, folders.marked(folder, name), mark):
            pass
    else:
        folders.discard(mark)


def _finish(part: str, path: str, mark: str):
    yield from folders.copy(part, path, os.stat(part)[_SIZE])
    os.remove(part)
    os.remove(mark)


def _room(folder: str) -> int:
    """Returns how many bytes fit, with the mark beside them."""
    found = os.statvfs(folder)
    return found[_CLUSTER] * (found[_FREE] - 2)
