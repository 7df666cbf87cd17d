"""Puts a node on a board: only what has changed, verified, and bootable at the end or not at all.

While files change there is no `main.py`: a board whose cable is pulled out half-way starts into
its REPL, and the next installation goes on from there. A `main.py` that is not ours is kept under
another name.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board import fit, partition
from dsoftbus_host.board.fit import KIB, kib
from dsoftbus_host.board.make import boards, compiler
from dsoftbus_host.board.make.boards import BOOT, PROFILE, Board
from dsoftbus_host.board.remote import NEW, Remote

MAIN = "main.py"
CONFIG = "config.json"
LIB = "lib"
OURS = f"{LIB}/dsoftbus"  # all of ours begins so
# What makes this node the one that it is: it outlives every installation.
KEPT = (
    *(CONFIG, "dsoftbus.key", "dsoftbus.token", "trust.json", "dsoftbus.rules"),
    *("dsoftbus.allowed", "dsoftbus.starts", "dsoftbus.seed", "dsoftbus.lacks"),
    *("dsoftbus.sleep", "broker.ca"),
)
# The state of updates over the air: an installation removes it, for its own files are to run.
RECORDS = ("dsoftbus.slots.0", "dsoftbus.slots.1")
SLOTS = ("app_a", "app_b", "lib_a", "lib_b")
# Beside them: the next key, counts of starts, what a cut left of a write, what was damaged.
_BESIDE = r"(\.next|\.starts)?(\.new|\.damaged(-[0-9]+)?)?"
_IS_KEPT = re.compile(f"({'|'.join(map(re.escape, KEPT))}){_BESIDE}")
ASIDE = "main.py.before"
_MARK = b"dsoftbus_mpy"  # in every main.py of ours
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
if {ours!r}:
    _all({ours!r})
for path in {paths!r}:
    _show(path)
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
for folder in {folders!r}:
    _drop(folder)
"""


class Held(NamedTuple):
    """A file on the board."""

    size: int
    digest: bytes


class Done(NamedTuple):
    """The numbers of files written and removed; the new place of a main.py of another's."""

    written: int
    removed: int
    aside: str = ""


def files_for(board: Board, architecture: str, source: bool = False) -> dict[str, bytes]:
    """Returns the files of a board by path, without `main.py`. The start program is a module by
    itself, which no linking names anew: it outlives the versions that it starts."""
    return {**code_for(board, architecture, source), **_boot(source)}


def code_for(board: Board, architecture: str, source: bool = False) -> dict[str, bytes]:
    """Returns those of the files of a board that an update over the air replaces, too."""
    found = (
        compiler.sources(board.slices) if source else compiler.files(board.slices, architecture)
    )
    files = {f"{LIB}/{path}": data for path, data in found}
    return {f"{LIB}/{PROFILE}.py": _profile(board), **files}


def _boot(source: bool) -> dict[str, bytes]:
    text = boards.boot_source()
    if source:
        return {f"{LIB}/{BOOT}.py": text.encode()}
    return {f"{LIB}/{BOOT}.mpy": compiler.compiled(text, BOOT, "", "-O3")}


def look(remote: Remote, paths: list[str], ours: str = OURS) -> dict[str, Held]:
    """The files that are on the board: all whose paths begin with `ours`, and these."""
    found: dict[str, Held] = {}
    for at in range(0, max(len(paths), 1), remote.group):
        program = _LOOK.format(ours="" if at else ours, paths=paths[at : at + remote.group])
        said = (ast.literal_eval(line) for line in remote.run(program).splitlines())
        found.update({path: Held(size, digest) for path, size, digest in said})
    return found


def install(remote: Remote, board: Board, progress: Progress, source: bool = False) -> Done:
    """Raises LocalError, with the board at its REPL or as it was; Unsupported."""
    rom = partition.find(remote)
    if rom and rom.has_node:
        raise LocalError(
            BAD_STATE,
            "the board's node lies in its ROM partition: `dsoftbus board romfs` renews it, and"
            " after `dsoftbus board remove` it can be in the file system",
        )
    architecture = "" if source else remote.architecture
    wanted = files_for(board, architecture, source)
    there = look(remote, [MAIN, CONFIG, MAIN + NEW, CONFIG + NEW, *RECORDS])
    changed = {path: data for path, data in wanted.items() if not _is(data, there.get(path))}
    stale = [path for path in there if path not in (*wanted, MAIN, CONFIG, CONFIG + NEW)]
    if not changed and not stale and is_complete(board, there):
        return Done(0, 0)
    lack = _lack(remote, there, changed, stale)
    if lack:
        raise LocalError(BAD_STATE, lack.told(board, architecture, source, rom is not None))
    aside = take_main_away(remote, there)
    remote.remove(*stale)
    remote.make_folders(wanted)
    sizes = {path: len(data) for path, data in changed.items()}
    write_all(remote, sizes, changed.__getitem__, progress)
    _verify(remote, wanted)
    finish(remote, board, there)
    return Done(len(changed) + 1, len(stale), aside)


def is_complete(board: Board, there: dict[str, Held]) -> bool:
    """Returns whether all is there but the code, which is elsewhere."""
    return CONFIG in there and _is(board.main, there.get(MAIN))


def finish(remote: Remote, board: Board, there: dict[str, Held]) -> None:
    """The last steps: from here on the board starts as a node."""
    if CONFIG not in there and not _rescue(remote, there):
        remote.write(CONFIG, board.config)
    remote.write(MAIN, board.main)
    _verify(remote, {MAIN: board.main}, ours="")


class Lack(NamedTuple):
    """A lack of flash for files: bytes of a block, bytes that are free, bytes that are needed."""

    block: int
    free: int
    need: int

    def told(self, board: Board, architecture: str, source: bool, has_rom: bool) -> str:
        """The refusal, with what helps, and what each slice frees."""

        def size(of: Board) -> int:
            files = files_for(of, architecture, source).values()
            return sum(_blocks(len(data), self.block) for data in files)

        fewer = fit.fewer(board, lambda board, name: size(board) - size(board.without((name,))))
        code = "`dsoftbus board romfs`" if has_rom else "a firmware with the node in it"
        return (
            f"the board's flash has room for {self.free // KIB} KiB more, and this takes"
            f" {kib(self.need)} KiB: remove files of yours; {fewer}"
            f"{code} takes none of it for code (docs/boards.md)"
        )


def _lack(
    remote: Remote, there: dict[str, Held], changed: dict[str, bytes], stale: list[str]
) -> Lack | None:
    """Before anything is touched; None where there is room, or the board cannot say."""
    room = remote.room
    if room is None:
        return None
    block, free = room
    goes = [there[path].size for path in (*stale, *changed) if path in there]
    need = need_bytes(block, [len(data) for data in changed.values()], goes)
    return Lack(block, free, need) if need > free else None


def need_bytes(block: int, comes: list[int], goes: list[int]) -> int:
    """Returns the flash that files of these sizes take, in blocks, where others go."""
    sizes = [_blocks(size, block) for size in comes]
    # An old file goes when its successor is whole, so the largest is there twice for a moment.
    return sum(sizes) - sum(_blocks(size, block) for size in goes) + max(sizes, default=0)


def _blocks(size: int, block: int) -> int:
    return -(-size // block) * block


def has_node(remote: Remote) -> bool:
    """Returns whether the board's main.py is ours."""
    return _MARK in (remote.read(MAIN) or b"")


def installed(remote: Remote) -> Board | None:
    """Returns the board whose profile lies in the file system, None where none of ours does."""
    path = f"{LIB}/{PROFILE}.py"
    held = look(remote, [path], ours="").get(path)
    return next((each for each in boards.every().values() if _is(_profile(each), held)), None)


def _profile(board: Board) -> bytes:
    return board.profile_source().encode()


def take_main_away(remote: Remote, there: dict[str, Held]) -> str:
    """Ours is removed. Another's is renamed; returns to what."""
    if MAIN not in there:
        return ""
    if has_node(remote):
        remote.remove(MAIN)
        return ""
    taken = look(remote, [ASIDE])
    aside = ASIDE if not taken.get(ASIDE) else f"{ASIDE}-{there[MAIN].digest.hex()[:8]}"
    remote.rename(MAIN, aside)
    return aside


def write_all(
    remote: Remote, sizes: dict[str, int], read: Callable[[str], bytes], progress: Progress
) -> None:
    """Writes the bytes that `read` gives for each path; `sizes` says how many they are."""
    total, before = sum(sizes.values()), 0
    for path, size in sizes.items():

        def show(done: int, path: str = path, before: int = before) -> None:
            progress(before + done, total, path)

        show(0)
        remote.write(path, read(path), show)
        before += size
    progress(total, total, "")


def _verify(remote: Remote, wanted: dict[str, bytes], ours: str = OURS) -> None:
    """Every file once more, by its own name and from the medium."""
    now = look(remote, [MAIN], ours)
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


def is_kept(name: str) -> bool:
    """Returns whether a file at the top of a board's file system is data of its node."""
    return _IS_KEPT.fullmatch(name) is not None


def kept(remote: Remote) -> list[str]:
    """Returns the files that an installation leaves alone, as `remove` does unless told
    otherwise."""
    return sorted(filter(is_kept, remote.names()))


def remove(remote: Remote, everything: bool = False) -> int:
    """Takes the node off the board, and with `everything` its key, trust and configuration, too;
    how many files."""
    there = look(remote, [MAIN, MAIN + NEW, *RECORDS, *(kept(remote) if everything else ())])
    for slot in SLOTS if everything else ():
        there |= look(remote, [], f"./{slot}/")
    drop(remote, sorted(there, key=lambda path: path != MAIN))  # main.py first
    rom = partition.find(remote)
    if rom and rom.has_node and not rom.others:
        partition.write(remote, partition.packed({}), lambda done: None)
    return len(there)


def drop(remote: Remote, paths: list[str]) -> None:
    """Removes files, and the folders that were only for ours."""
    remote.remove(*paths)
    ours = [f"{LIB}/dsoftbus", f"{LIB}/dsoftbus_mpy", *SLOTS]
    remote.run(_NO_FOLDERS.format(folders=ours))


def _is(data: bytes, held: Held | None) -> bool:
    return held is not None and held == (len(data), hashlib.sha256(data).digest())
