"""A damaged file is kept for its owner, under a name that nothing overwrites."""

import os


def put_aside(path: str) -> str:
    """Moves the file at `path` aside; returns where it is now."""
    aside = _free_name(path + ".damaged")
    os.rename(path, aside)
    return aside


def _free_name(name: str) -> str:
    """`name`, or with a number where there is one already."""
    n = 0
    free = name
    while _exists(free):
        n += 1
        free = "%s-%d" % (name, n)
    return free


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True
