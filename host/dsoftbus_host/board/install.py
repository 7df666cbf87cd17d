"""Puts a node on a board: only what has changed, verified, and bootable at the end or not at all.

While files change there is no `main.py`: a board whose cable is pulled out half-way starts into
its REPL, and the next installation goes on from there.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable
from pathlib import PurePosixPath

from dsoftbus import const
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board import build, slices
from dsoftbus_host.board.boards import Board
from dsoftbus_host.board.remote import Remote

MAIN = "main.py"
CONFIG = "config.json"
PROFILE = "lib/dsoftbus_profile.py"
OURS = "lib/dsoftbus"  # all of ours begins so
Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, path

_HASHES = """
import hashlib, os
def _walk(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            _walk(path)
        else:
            _show(path)
def _show(path):
    try:
        f = open(path, "rb")
    except OSError:
        return
    h = hashlib.sha256()
    b = f.read(512)
    while b:
        h.update(b)
        b = f.read(512)
    f.close()
    print(repr((path, h.digest())))
def _all(prefix):
    folder, prefix = prefix.rsplit("/", 1)
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.startswith(prefix):
            path = folder + "/" + name
            _walk(path) if os.stat(path)[0] & 0x4000 else _show(path)
_all({ours!r})
for path in {paths!r}:
    _show(path)
"""
_FOLDERS = """
import os
for folder in {folders!r}:
    try:
        os.mkdir(folder)
    except OSError:
        pass
"""


def files_for(board: Board, architecture: str, source: bool = False) -> dict[str, bytes]:
    """What belongs on a board, by path, `main.py` not among it."""
    if source:
        modules = build.sources(board.slices)
    else:
        modules = build.files(board.slices, architecture)
    files = {f"lib/{path}": data for path, data in modules}
    return {PROFILE: profile_source(board.profile).encode(), **files}


def profile_source(name: str) -> str:
    """A profile as a module of its own, so that a board loads the one that it has."""
    values = vars(getattr(const, name))
    lines = (f"    {key} = {value}\n" for key, value in values.items() if key[0] != "_")
    return f"class {name}:\n{''.join(lines)}\n\nPROFILE = {name}\n"


def main_source() -> bytes:
    return (slices.PROJECT / "boards" / MAIN).read_bytes()


def hashes(remote: Remote, paths: list[str]) -> dict[str, bytes]:
    """SHA-256 of the files that are on the board: all of ours, and these."""
    said = remote.run(_HASHES.format(ours=OURS, paths=paths))
    return dict(ast.literal_eval(line) for line in said.splitlines())


def install(
    remote: Remote, board: Board, progress: Progress, source: bool = False
) -> tuple[int, int]:
    """Returns how many files were written and how many removed. Raises LocalError, Unsupported."""
    wanted = files_for(board, "" if source else remote.architecture, source)
    main = main_source()
    there = hashes(remote, [*wanted, MAIN, CONFIG])
    changed = {path: data for path, data in wanted.items() if _digest(data) != there.get(path)}
    stale = [path for path in there if path.startswith(OURS) and path not in wanted]
    if not changed and not stale and there.get(MAIN) == _digest(main):
        return 0, 0
    if MAIN in there:
        remote.remove(MAIN)
    for path in stale:
        remote.remove(path)
    remote.run(_FOLDERS.format(folders=_folders(wanted)))
    _write_all(remote, changed, progress)
    now = hashes(remote, list(wanted))
    wrong = [path for path, data in wanted.items() if now.get(path) != _digest(data)]
    if wrong:
        raise LocalError(BAD_STATE, f"{wrong[0]} did not arrive whole; the board has no main.py")
    if CONFIG not in there:
        remote.write(CONFIG, (json.dumps({"name": "board"}) + "\n").encode())
    remote.write(MAIN, main)  # the last step: from here on the board starts as a node
    return len(changed) + 1, len(stale)


def _write_all(remote: Remote, changed: dict[str, bytes], progress: Progress) -> None:
    total = sum(map(len, changed.values()))
    done = 0
    for path, data in changed.items():
        progress(done, total, path)
        remote.write(path, data)
        done += len(data)
    progress(total, total, "")


def remove(remote: Remote) -> int:
    """Takes the node off the board, its key, trust and configuration left; how many files."""
    there = hashes(remote, [MAIN, PROFILE])
    for path in sorted(there, key=lambda path: path != MAIN):  # main.py first
        remote.remove(path)
    return len(there)


def _folders(files: dict[str, bytes]) -> list[str]:
    """Every folder of these files, a parent before its children."""
    found = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return sorted(found - {"."})


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
