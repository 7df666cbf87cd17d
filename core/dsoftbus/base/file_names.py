"""File names that peers may give, so that each means the same file on every file system.

Each is one part of a path, without what some system takes for more than a name: a drive or a
stream (`C:name`, `name:stream`), a device (`NUL`, `com1.txt`), a dot or a space at the end.
"""

from dsoftbus.base import names

FILE_NAME_MAX = 240  # bytes: of the 255 of file systems, less what the name of a part adds
PATH_MAX = 255  # bytes, folders included
PARTS_MAX = 8  # of a path: folders, and the file
_APART = "/\\:"
_DEVICES = ("con", "prn", "aux", "nul", "clock$", "conin$", "conout$")
_NUMBERED = ("com", "lpt")
_NUMBERS = "0123456789\xb9\xb2\xb3"


def allowed(name: str) -> bool:
    """Returns whether a peer may give a file this name."""
    if not names.allowed(name) or not 1 <= len(name.encode()) <= FILE_NAME_MAX:
        return False
    if name[0] == "." or name[-1] == "." or any(char in _APART for char in name):
        return False
    return not _is_device(name)


def allowed_path(path: str) -> bool:
    """Returns whether a peer may give a file this path, with `/` between its parts."""
    parts = path.split("/")
    if len(path) > PATH_MAX or len(parts) > PARTS_MAX:
        return False
    return all(allowed(part) for part in parts) and len(path.encode()) <= PATH_MAX


def folded(name: str) -> str:
    """Returns `name` without case, a stream, and dots or spaces at the end: two names that some
    file system takes for one are equal when folded."""
    return name.split(":")[0].rstrip(". ").lower()


def _is_device(name: str) -> bool:
    stem = name.split(".")[0].rstrip(" ").lower()
    return stem in _DEVICES or (stem[:3] in _NUMBERED and len(stem) == 4 and stem[3] in _NUMBERS)
