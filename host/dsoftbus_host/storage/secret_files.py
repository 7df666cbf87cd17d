"""The files of this node that no peer may read or replace: its key, whom it trusts, its plans.

They are what lies in this user's folder of settings, and what this process has used (`note`), each
with what the node keeps beside it (`FILE.next`, for example). One is recognised by what it is, its
device and inode; where it is not there yet, by its folder and its name as file systems fold it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from dsoftbus.base import file_names
from dsoftbus.errors import BAD_ARGUMENT, LocalError

# What each may have beside it under a name that is known.
_BESIDE = ("", ".next", ".places", ".groups", ".starts", ".serving", ".lock")
_noted: dict[Path, list[str]] = {}  # with the paths of the file and of what lies beside it


def settings_folder() -> Path:
    """The folder of this user's node, for what is nobody else's. Raises LocalError(BAD_ARGUMENT)
    for a user without a home."""
    return at_home(platformdirs.user_config_dir, "XDG_CONFIG_HOME")


def at_home(folder_of: Callable[[str], str], variable: str) -> Path:
    """One of this user's folders. Raises as `settings_folder`; `variable` names it then."""
    with contextlib.suppress(RuntimeError):
        folder = Path(folder_of("dsoftbus"))
        if folder.is_absolute():  # and no `~` that stayed
            return folder
    raise LocalError(BAD_ARGUMENT, f"this user has no home: set HOME or {variable}")


def _settings() -> list[Path]:
    """The folder of settings, unless this user has none."""
    try:
        return [settings_folder()]
    except LocalError:
        return []


def note(path: Path) -> None:
    """This process has a key or a trust store at `path`, or may have."""
    path = path.absolute()
    _noted[path] = [str(path.with_name(path.name + suffix)) for suffix in _BESIDE]


def keep_apart(folder: Path) -> None:
    """Raises LocalError(BAD_ARGUMENT) for a folder that peers must not have: one that has a file
    of the node in it, at any depth, or from which this interpreter loads programs."""
    for path in (*(folder / "node.key" for folder in _settings()), *_noted):
        for place in (path, path.resolve()):
            if any(_same(folder, above) for above in place.parents):
                raise _refusal(f"{folder} has {path} in it, which no peer may have")
    if any(_same(folder, Path(place)) for place in sys.path):
        raise _refusal(f"programs are loaded from {folder}")


def _refusal(why: str) -> LocalError:
    return LocalError(BAD_ARGUMENT, why + "; files for peers need a folder of their own (--dir)")


def is_one(found: os.stat_result) -> bool:
    """Returns whether a file is one of these, whatever its name."""
    for path in _there():
        try:
            if os.path.samestat(found, os.stat(path)):
                return True
        except OSError:
            continue  # it is not there now
    return False


def is_place_of_one(path: Path) -> bool:
    """Returns whether a file written to `path` would be one of these, or be taken for one."""
    if any(_same(path.parent, folder) for folder in _settings()):
        return True
    name = _folded(path.name)
    for known in _noted:
        for place in (known, known.resolve()):
            own = _folded(place.name)
            if (name == own or name.startswith(own + ".")) and _same(path.parent, place.parent):
                return True
    return False


def _there() -> Iterator[str]:
    for folder in _settings():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:  # if there is one yet
            yield from [entry.path for entry in entries]
    for paths in _noted.values():
        yield from paths


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", file_names.folded(name)).casefold()


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one.absolute() == other.absolute()
