"""Paths on a board: from the folder where its `main.py` lies, or absolute, as on an SD card."""

from __future__ import annotations

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.board.install import MAIN, OURS, is_kept

NAME_MAX = 255  # bytes: what littlefs takes
TOP, ROOT = "", "/"
_OURS = "dsoftbus"  # a file beside main.py whose name begins so hides the node's own


def parse(text: str, here: str = "/") -> str:
    """Returns the path that a person means; `here` is the board's own folder (`Remote.folder`).

    A colon in front says that it is the board's, as for mpremote; TOP is the folder of `main.py`.
    Raises LocalError(BAD_ARGUMENT) for what is no path, or may be none on some boards.
    """
    text = text.removeprefix(":")
    path = "/".join(part for part in text.split("/") if part not in ("", "."))
    check(path)
    if not text.startswith("/"):
        return path
    own = "/".join(part for part in here.split("/") if part)
    inside = path == own or not own or path.startswith(f"{own}/")
    return path[len(own) :].removeprefix("/") if inside else f"/{path}"


def join(folder: str, name: str) -> str:
    """Returns the path of what a folder holds by this name."""
    return f"{folder.rstrip('/')}/{name}" if folder else name


def is_nodes(path: str) -> bool:
    """Returns whether a file is of the node itself: its start, its code, its key, trust and
    configuration."""
    folded = fold(path)
    return folded == MAIN or is_kept(folded) or folded.startswith((_OURS, OURS))


def fold(path: str) -> str:
    """Returns `path` without what FAT takes no note of: case, and dots and spaces at its end."""
    return path.lower().rstrip(". ")


def is_secret(path: str) -> bool:
    """Returns whether a file says who the node is, whom it trusts, or the password of a Wi-Fi."""
    return is_kept(fold(path))


def check(path: str) -> None:
    """Raises LocalError(BAD_ARGUMENT) for a path that some board may not take."""
    for name in path.split("/"):
        problem = _problem(name)
        if problem:
            raise LocalError(BAD_ARGUMENT, f"{name}: {problem}")


def _problem(name: str) -> str:
    if name == "..":
        return "a path on a board has no `..`"
    if not name.isprintable() or "\\" in name:
        return "a name on a board has no such characters"
    if len(name.encode()) > NAME_MAX:
        return f"a name on a board has at most {NAME_MAX} bytes"
    return ""
