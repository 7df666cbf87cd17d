"""Folders in build/ that all processes of the tests share: what one has made, the others find."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from portable import ROOT


def digest(files: Iterable[Path], *words: str) -> str:
    """Returns one of these files of the project, by path, and of these words."""
    found = hashlib.sha256(repr(words).encode())
    for file in sorted(files):
        found.update(f"{file.relative_to(ROOT)} {file.stat().st_size} ".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def folder(kind: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """The folder of this `kind` that `make` has filled once, of what has the digest `made_of`."""
    place = ROOT / "build" / kind
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second finds it
        found, fresh = place / made_of, place / "fresh"
        if not found.exists():
            for other in (path for path in place.iterdir() if path.is_dir()):
                shutil.rmtree(other)
            fresh.mkdir()
            make(fresh)
            fresh.rename(found)
    return found
