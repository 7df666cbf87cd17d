"""One process at a time: a lock that goes with the process that holds it, however it ends."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dsoftbus.errors import STORE_BUSY, LocalError

_RETRY_S = 0.01  # at most: a write takes some milliseconds


@contextlib.contextmanager
def held(path: Path, wait_s: float) -> Iterator[None]:
    """Holds the lock of the file at `path`, which is a file beside it that stays there.

    Raises LocalError(STORE_BUSY) when another holds it for longer than `wait_s`; OSError.
    """
    beside = path.with_name(f"{path.name}.lock")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        give_up = time.monotonic() + wait_s
        while not try_lock(handle):
            if time.monotonic() >= give_up:
                raise LocalError(STORE_BUSY, f"another program is changing {path}")
            time.sleep(_RETRY_S * random.random())
        yield
    finally:
        os.close(handle)  # which gives the lock back


if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Takes the lock of an open file, until that is closed; False where another has it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Takes the lock of an open file, until that is closed; False where another has it. Raises
        OSError for a file system without locks."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
