"""Puts a node on a board: only what has changed, verified, and bootable at the end or not at all.

While files change there is no `main.py`: a board whose cable is pulled out half-way starts into
its REPL, and the next installation goes on from there. A `main.py` that is not ours is kept under
another name.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NamedTuple

from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board import build, partition
from dsoftbus_host.board.boards import PROFILE, Board
from dsoftbus_host.board.remote import Remote

MAIN = "main.py"
CONFIG = "config.json"
LIB = "lib"
OURS = f"{LIB}/dsoftbus"  # all of ours begins so
# What makes this node the one that it is: it outlives every installation.
KEPT = (
    CONFIG,
    *("dsoftbus.key", "dsoftbus.key.next", "dsoftbus.token", "trust.json"),
    *("dsoftbus.allowed", "dsoftbus.starts", "dsoftbus.seed"),
)
NEW = ".new"  # of a file that is being written
ASIDE = "main.py.before"
_MARK = b"dsoftbus_mpy"  # in every main.py of ours
_KIB = 1024
Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, path

_LOOK = """
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
    n = 0
    h = hashlib.sha256()
    b = f.read(512)
    while b:
        n += len(b)
        h.update(b)
        b = f.read(512)
    f.close()
    print(repr((path, n, h.digest())))
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
_NO_FOLDERS = """
import os
def _drop(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if os.stat(folder + "/" + name)[0] & 0x4000:
            _drop(folder + "/" + name)
    try:
        os.rmdir(folder)
    except OSError:
        pass
for folder in ("/dsoftbus", "/dsoftbus_mpy"):
    _drop({lib!r} + folder)
"""


class Held(NamedTuple):
    """A file on the board."""

    size: int
    digest: bytes


class Done(NamedTuple):
    """How many files were written and how many removed; where a main.py of another's went."""

    written: int
    removed: int
    aside: str = ""


def files_for(board: Board, architecture: str, source: bool = False) -> dict[str, bytes]:
    """What belongs on a board, by path, `main.py` not among it."""
    found = build.sources(board.slices) if source else build.files(board.slices, architecture)
    files = {f"{LIB}/{path}": data for path, data in found}
    return {f"{LIB}/{PROFILE}.py": board.profile_source().encode(), **files}


def look(remote: Remote, paths: list[str]) -> dict[str, Held]:
    """The files that are on the board: all in our folders, and these."""
    said = remote.run(_LOOK.format(ours=OURS, paths=paths))
    found = (ast.literal_eval(line) for line in said.splitlines())
    return {path: Held(size, digest) for path, size, digest in found}


def install(remote: Remote, board: Board, progress: Progress, source: bool = False) -> Done:
    """Raises LocalError, with the board at its REPL or as it was; Unsupported."""
    rom = partition.find(remote)
    if rom and rom.has_node:
        raise LocalError(
            BAD_STATE,
            "the board's node lies in its ROM partition: `dsoftbus board romfs` renews it, and"
            " after `dsoftbus board remove` it can be in the file system",
        )
    wanted = files_for(board, "" if source else remote.architecture, source)
    there = look(remote, [MAIN, CONFIG, MAIN + NEW, CONFIG + NEW])
    changed = {path: data for path, data in wanted.items() if not _is(data, there.get(path))}
    stale = [path for path in there if path not in (*wanted, MAIN, CONFIG, CONFIG + NEW)]
    if not changed and not stale and is_complete(board, there):
        return Done(0, 0)
    _check_room(remote, there, changed, stale)
    aside = take_main_away(remote, there)
    for path in stale:
        remote.remove(path)
    remote.run(_FOLDERS.format(folders=_folders(wanted)))
    _write_all(remote, changed, progress)
    _verify(remote, wanted)
    finish(remote, board, there)
    return Done(len(changed) + 1, len(stale), aside)


def is_complete(board: Board, there: dict[str, Held]) -> bool:
    """Beside its code, which is elsewhere."""
    return CONFIG in there and _is(board.main, there.get(MAIN))


def finish(remote: Remote, board: Board, there: dict[str, Held]) -> None:
    """The last steps: from here on the board starts as a node."""
    if CONFIG not in there and not _rescue(remote, there):
        remote.write(CONFIG, board.config)
    remote.write(MAIN, board.main)
    _verify(remote, {MAIN: board.main})


def _check_room(
    remote: Remote, there: dict[str, Held], changed: dict[str, bytes], stale: list[str]
) -> None:
    """Before anything is touched. Raises LocalError."""
    room = remote.room
    if room is None:
        return
    block, free = room
    comes = [_blocks(len(data), block) for data in changed.values()]
    gone = [_blocks(there[path].size, block) for path in (*stale, *changed) if path in there]
    # An old file goes when its successor is whole, so the largest is there twice for a moment.
    need = sum(comes) - sum(gone) + max(comes, default=0)
    if need > free:
        raise LocalError(
            BAD_STATE,
            f"the board's flash has room for {free // _KIB} KiB more, and this takes"
            f" {-(-need // _KIB)} KiB: remove files of yours, or freeze the node (docs/boards.md)",
        )


def _blocks(size: int, block: int) -> int:
    return -(-size // block) * block


def take_main_away(remote: Remote, there: dict[str, Held]) -> str:
    """Ours is removed. Another's is renamed; returns to what."""
    if MAIN not in there:
        return ""
    if _MARK in (remote.read(MAIN) or b""):
        remote.remove(MAIN)
        return ""
    taken = look(remote, [ASIDE])
    aside = ASIDE if not taken.get(ASIDE) else f"{ASIDE}-{there[MAIN].digest.hex()[:8]}"
    remote.rename(MAIN, aside)
    return aside


def _write_all(remote: Remote, changed: dict[str, bytes], progress: Progress) -> None:
    total = sum(map(len, changed.values()))
    done = 0
    for path, data in changed.items():
        progress(done, total, path)
        remote.write(path, data)
        done += len(data)
    progress(total, total, "")


def _verify(remote: Remote, wanted: dict[str, bytes]) -> None:
    """Every file once more, by its own name and from the medium."""
    now = look(remote, [MAIN])
    wrong = [path for path, data in wanted.items() if not _is(data, now.get(path))]
    if wrong:
        raise LocalError(BAD_STATE, f"{wrong[0]} is not as it was written; there is no main.py")


def _rescue(remote: Remote, there: dict[str, Held]) -> bool:
    """FAT removes the old name before it gives it to the new file: a cut between the two leaves
    a whole new one, and it is the configuration."""
    try:
        json.loads(remote.read(CONFIG + NEW) or b"" if CONFIG + NEW in there else b"")
    except ValueError:
        return False
    remote.rename(CONFIG + NEW, CONFIG)
    return True


def remove(remote: Remote, everything: bool = False) -> int:
    """Takes the node off the board, and with `everything` its key, trust and configuration, too;
    how many files."""
    there = look(remote, [MAIN, *(KEPT if everything else ())])
    drop(remote, sorted(there, key=lambda path: path != MAIN))  # main.py first
    rom = partition.find(remote)
    if rom and rom.has_node and not rom.others:
        partition.write(remote, partition.packed({}), lambda done: None)
    return len(there)


def drop(remote: Remote, paths: list[str]) -> None:
    """Removes files, and the folders that were only for ours."""
    for path in paths:
        remote.remove(path)
    remote.run(_NO_FOLDERS.format(lib=LIB))


def _folders(files: dict[str, bytes]) -> list[str]:
    """Every folder of these files, a parent before its children."""
    found = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return sorted(found - {"."})


def _is(data: bytes, held: Held | None) -> bool:
    return held is not None and held == (len(data), hashlib.sha256(data).digest())
