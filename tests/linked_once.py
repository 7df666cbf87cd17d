"""Linked slices for all processes of the tests: what one has linked, the others read.

Linking takes seconds. A text is kept in build/linked, by a digest of all that it is made of.
"""

import fcntl
import functools
import hashlib
import json
import shutil
import sys
from pathlib import Path

from dsoftbus_host.board.make import compiler

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "linked"
SOURCES = ("core", "micropython", "host/dsoftbus_host/board/make")


@functools.cache
def digest() -> str:
    found = hashlib.sha256(sys.version.encode())  # ast.unparse differs
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*.py")):
            found.update(str(file).encode() + file.read_bytes())
    return found.hexdigest()


def folder_of_texts() -> Path:
    folder = FOLDER / digest()
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for other in set(FOLDER.iterdir()) - {folder}:  # of sources that have changed since
            shutil.rmtree(other, ignore_errors=True)
    return folder


def shared(link):
    """Does as `link` does, which makes the texts of a slice from its name."""

    @functools.cache
    def texts(name: str) -> tuple:
        folder = folder_of_texts()
        with (folder / name).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # whoever comes second reads
            file.seek(0)
            if not (known := file.read()).endswith("]"):
                known = json.dumps(link(name))
                file.truncate(0)
                file.write(known)
            return tuple(json.loads(known))

    return texts


def share(but: str = "") -> None:
    """Shares the texts of all slices; slice `but` is linked by whoever asks."""
    link, known = compiler._parts, shared(compiler._parts)
    compiler._parts = lambda name: (link if name == but else known)(name)
