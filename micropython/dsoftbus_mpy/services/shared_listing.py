"""Lists of a board's files, in little memory: names come in order, a few at a time."""

import os

from dsoftbus.base import file_names
from dsoftbus.share.names import leads, matches
from dsoftbus_mpy import folder as folders

_BATCH = 16  # names that are held of each folder
_SIZE = 6  # of os.stat's tuple


def listing(folder: str, above: str, pattern: str, after: str):
    """Yields (name, size) of the files in `folder`, whose names begin with `above`, that match the
    pattern, in the order of their names' bytes, all after `after`."""
    last = ""
    names = _next(folder, last)
    while names:
        for last in names:
            name, path = above + last, folder + "/" + last
            if name[-1] == "/":
                if leads(pattern, name[:-1]) and name + "\U0010ffff" > after:
                    yield from listing(path[:-1], name, pattern, after)
            elif name > after and matches(pattern, name):
                yield name, os.stat(path)[_SIZE]
        names = _next(folder, last)


def own(path: str, name: str) -> list:
    """(name for the peer, path, size) of the file at `path`, or of all files in that folder."""
    path = path.rstrip("/") or path
    name = name or path[path.rfind("/") + 1 :]
    found = os.stat(path)
    if not found[0] & folders.FOLDER:
        return [(name, path, found[_SIZE])]
    return [(name + "/" + below, path + "/" + below, n) for below, n in listing(path, "", "", "")]


def _next(folder: str, after: str) -> list:
    """The first names in `folder` after `after`. A folder ends with `/`, so that the names of the
    files in it stand where they belong among the others."""
    names = []
    for entry in os.ilistdir(folder):
        name = entry[0] + "/" if entry[1] == folders.FOLDER else entry[0]
        is_next = name > after and (len(names) < _BATCH or name < names[-1])
        known = entry[1] in (folders.FOLDER, folders.REGULAR)
        if is_next and known and file_names.allowed(entry[0]):
            names.append(name)
            names.sort()
            del names[_BATCH:]
    return names
