"""A note beside the key file of a node that serves: for `dsoftbus status`, of the same user.

JSON, as long as the process runs that holds its lock; so what a killed one left says nothing. It
decides nothing: where it cannot be written there is none.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsoftbus_host.storage.file_lock import try_lock

_MOST = 1 << 16  # bytes
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class ServingNote:
    """The note of this process, which another that serves with the same key keeps to itself."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def write(self, **said: Any) -> None:
        """Lets others read this from now on, beside the number of the process."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                data = json.dumps({"pid": os.getpid(), **said}).encode()
                os.ftruncate(self._handle, 0)
                os.lseek(self._handle, 0, os.SEEK_SET)
                os.write(self._handle, data)


@contextlib.contextmanager
def held(key_path: Path) -> Iterator[ServingNote]:
    """Held for as long as this process serves with the key at `key_path`."""
    path = _beside(key_path)
    try:
        handle = os.open(path, _OPEN, 0o600)
    except OSError:
        yield ServingNote(None)
        return
    own = _locked(handle)
    try:
        yield ServingNote(handle if own else None)
    finally:
        if own:
            path.unlink(missing_ok=True)
        os.close(handle)


def read(key_path: Path) -> dict[str, Any] | None:
    """Returns the note of the process that serves, or None where none does."""
    try:
        with _beside(key_path).open("rb") as file:
            found = None if _locked(file.fileno()) else json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _locked(handle: int) -> bool:
    """Returns whether this process has the lock now; where there are no locks, it has."""
    try:
        return try_lock(handle)
    except OSError:
        return True


def _beside(key_path: Path) -> Path:
    return key_path.with_name(key_path.name + ".serving")
