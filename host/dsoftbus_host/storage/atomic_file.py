"""Files that only their owner may read, and that no power cut can lose or halve."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dsoftbus.errors import LocalError
from dsoftbus_host.storage.file_lock import held

_SUFFIX = ".dsoftbus-tmp"  # nobody else's: editors and other programs leave such files, too
WAIT_S = 10.0  # for others to finish; each holds the lock for some milliseconds


@contextlib.contextmanager
def writing(path: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Holds the lock of `path`, for a change of what it holds from the reading to the writing.

    The folder is made if it has to be. Remains of a killed writer beside `path` are removed:
    nobody else writes now, so they are certainly left behind.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(path, wait_s):
        _clear_remains(path)
        yield


def place(path: Path, data: bytes, step: Callable[[str, Path], None] = os.replace) -> None:
    """Writes `data` to a file beside `path` (mode 0600), to the medium, and then takes the one
    `step`. Within `writing`, unless the step fails where there is a file.

    Raises OSError; afterwards, and after a cut, `path` is wholly old or wholly new.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        step(name, path)
        sync_folder(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Takes the file away, for good once this returns. Called within `writing`."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def tidy(path: Path) -> None:
    """Removes what a writer that was killed left beside `path`, unless somebody writes now."""
    with contextlib.suppress(OSError, LocalError):
        if _remains(path):
            with writing(path, 0):
                """Which does it."""


def _clear_remains(path: Path) -> None:
    """Removes the remains of a write that was cut before its last step: they were never the
    file."""
    for remains in _remains(path):
        if stat.S_ISREG(remains.lstat().st_mode):
            remains.unlink(missing_ok=True)


def _remains(path: Path) -> list[Path]:
    ours = re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}" + re.escape(_SUFFIX))
    return [path.with_name(name) for name in os.listdir(path.parent) if ours.fullmatch(name)]


def sync_folder(folder: Path) -> None:
    """Brings a folder to the medium: only then a new name in it is safe."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
