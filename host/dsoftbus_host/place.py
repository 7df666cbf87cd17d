"""Files that only their owner may read, and that no power cut can lose or halve."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def place(path: Path, data: bytes, step: Callable[[str, Path], None] = os.replace) -> None:
    """Writes `data` to a file beside `path` (mode 0600), to the medium, and then takes the one
    `step`. Raises OSError; afterwards, and after a cut, `path` is wholly old or wholly new."""
    handle, name = tempfile.mkstemp(prefix=_prefix(path), dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        step(name, path)
        _sync_folder(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def clear_remains(path: Path) -> None:
    """Removes what a cut before the step left beside `path`: it was never the file."""
    for remains in path.parent.glob(_prefix(path) + "*"):
        remains.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _sync_folder(folder: Path) -> None:
    """A new name is safe only once its folder is on the medium too."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
