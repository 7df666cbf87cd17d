"""A user's own files on a board, beside its node: written, fetched, listed and removed.

The node's own (`paths.is_nodes`) are left alone, and its secrets stay on the board, unless the
caller forces it. A file is written under another name, verified, and renamed: a cut leaves the old
one or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dsoftbus.base import file_names
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, LocalError
from dsoftbus_host.board import paths
from dsoftbus_host.board.fit import KIB, kib
from dsoftbus_host.board.install import MAIN, Progress, has_node, look, need_bytes, write_all
from dsoftbus_host.board.remote import NEW, Entry, Remote
from dsoftbus_host.storage import partial_files, secret_files

LARGEST = 1 << 26  # bytes: more than any board's flash
DEPTH_MAX = 16  # folders within folders
_FORCED = "--force does it all the same"
_LEFT_OUT = "__pycache__"


class Put(NamedTuple):
    """The numbers of files that were written, and of those that were there already."""

    written: int
    same: int


def sources(given: Iterable[Path], into: str, name: str = "") -> dict[str, Path]:
    """Maps the path on the board to the file here, for these files and folders with all that is
    in them: in the folder `into`, a single file under `name` if there is one.

    Left out are names that begin with a dot, and compiled code. Raises LocalError(BAD_ARGUMENT).
    """
    found: dict[str, Path] = {}
    for path in given:
        for inside, file in _files(path):
            to = paths.join(into, name or inside)
            if to in found:
                raise LocalError(BAD_ARGUMENT, f"{found[to]} and {file} would both be {to}")
            found[to] = file
    return found


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """(path from the folder that holds `path`, file) for `path`, or for every file below it."""
    named = path.resolve().name  # of `.` too
    if not path.is_dir():
        yield named if path.name in ("", "..") else path.name, _checked(path)
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(each for each in folders if not _is_left_out(each))
        below = Path(folder).relative_to(path)
        for name in sorted(names):
            if not _is_left_out(name):
                yield str(PurePosixPath(named, *below.parts, name)), _checked(Path(folder, name))


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == _LEFT_OUT


def _checked(path: Path) -> Path:
    if not path.exists():
        raise LocalError(BAD_ARGUMENT, f"{path}: there is no such file here")
    if not path.is_file():
        raise LocalError(BAD_ARGUMENT, f"{path} is no file")
    if path.stat().st_size > LARGEST:
        raise LocalError(BAD_ARGUMENT, f"{path} is larger than the flash of any board")
    return path


def target(remote: Remote, given: list[Path], text: str) -> tuple[str, str]:
    """(folder on the board, name there or "" for its own) that `text` means for what is `given`:
    a name where there is one file, and neither a folder of that name nor a `/` at its end."""
    to = paths.parse(text, remote.folder)
    single = len(given) == 1 and not given[0].is_dir()
    if not single or text.endswith("/") or to in (paths.TOP, paths.ROOT):
        return to, ""
    if remote.kinds([to]).get(to):
        return to, ""
    folder, _, name = to.rpartition("/")
    return folder or (paths.ROOT if to.startswith("/") else paths.TOP), name


def put(remote: Remote, files: dict[str, Path], progress: Progress, force: bool = False) -> Put:
    """Writes those of `files` (path on the board to file here) that the board has not as they are.

    Raises LocalError with the board as it was: for the node's own files and for secrets of this
    machine's node unless `force`, for names and places that cannot be, and where the flash has not
    the room; OSError.
    """
    for path, file in files.items():
        _check_target(remote, path, file, force)
    _check_places(remote, list(files))
    held = look(remote, list(files), ours="")
    sizes = {path: file.stat().st_size for path, file in files.items()}
    same = {path for path in held if held[path] == (sizes[path], _digest(files[path]))}
    changed = {path: size for path, size in sizes.items() if path not in same}
    _check_room(remote, changed, [held[path].size for path in changed if path in held])
    remote.make_folders(changed)
    with _parts_removed(remote, changed):
        write_all(remote, changed, lambda path: files[path].read_bytes(), progress)
    return Put(len(changed), len(same))


def _check_target(remote: Remote, path: str, file: Path, force: bool) -> None:
    paths.check(path)
    if paths.fold(path).endswith(NEW):
        raise LocalError(BAD_ARGUMENT, f"{path}: a name with {NEW} is that of a file on its way")
    if force:
        return
    if secret_files.is_one(file.stat()):
        raise LocalError(BAD_STATE, f"{file} is a secret of this machine's node; {_FORCED}")
    _check_own(remote, path)


def _check_own(remote: Remote, path: str) -> None:
    """Refuses a file of the node; a main.py that is another's is no such."""
    if paths.is_nodes(path) and (paths.fold(path) != MAIN or has_node(remote)):
        raise LocalError(
            BAD_STATE,
            f"{path} is of the node on the board, and nothing was changed: `dsoftbus board"
            f" install`, `config` and `token` change such files; {_FORCED}",
        )


def _check_places(remote: Remote, wanted: list[str]) -> None:
    """Refuses a file in the place of a folder, and a folder in that of a file."""
    parents = {str(parent) for path in wanted for parent in PurePosixPath(path).parents}
    kinds = remote.kinds([*wanted, *sorted(parents - {".", "/"})])
    for path in wanted:
        if kinds.get(path):
            raise LocalError(BAD_STATE, f"{path} is a folder on the board")
    for path in parents & set(kinds):
        if not kinds[path]:
            raise LocalError(BAD_STATE, f"{path} is a file on the board, and no folder")


def _check_room(remote: Remote, comes: dict[str, int], goes: list[int]) -> None:
    room = remote.room
    if room is None:  # the board cannot say
        return
    block, free = room
    need = need_bytes(block, list(comes.values()), goes)
    if need > free:
        raise LocalError(
            BAD_STATE,
            f"the board's flash has room for {free // KIB} KiB more, and this takes {kib(need)}"
            " KiB, the largest file twice for a moment; `dsoftbus board ls` shows what is there",
        )


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


@contextlib.contextmanager
def _parts_removed(remote: Remote, wanted: Iterable[str]) -> Iterator[None]:
    """After a failure of the block it removes what is half there, where the board answers."""
    try:
        yield
    except LocalError:
        with contextlib.suppress(LocalError):
            for path in remote.kinds([path + NEW for path in wanted]):
                remote.remove(path)
        raise


def listed(remote: Remote, path: str) -> dict[str, Entry]:
    """Returns what a folder on the board holds, or the one file that `path` is, by path. Raises
    LocalError."""
    whole = _is_folder(remote, path)
    folder = path if whole else path.rpartition("/")[0]
    found = {paths.join(folder, each.name): each for each in sorted(remote.entries(folder))}
    return found if whole else {path: found[path]}


class Found(NamedTuple):
    """A file on the board: its path, its path from the folder that was asked for, its bytes."""

    path: str
    inside: str
    size: int


def get(
    remote: Remote, names: Iterable[str], into: Path, progress: Progress, force: bool = False
) -> list[Path]:
    """Fetches files, and folders with all that is in them, into the folder `into`; returns what
    was written. The node's secrets within a folder are left out unless `force`.

    Raises LocalError before anything is written: for such a secret itself, and for files that are
    here already, unless `force`; for what the board has not; OSError.
    """
    found = [each for path in names for each in _wanted(remote, path, force)]
    for each in found:
        if os.path.lexists(into / each.inside) and not force:
            raise LocalError(BAD_STATE, f"{into / each.inside} is here already; {_FORCED}")
    total, before = sum(each.size for each in found), 0
    for each in found:

        def show(done: int, _: int, each: Found = each, before: int = before) -> None:
            progress(before + done, total, each.path)

        _fetch(remote, each, into, show)
        before += each.size
    return [into / each.inside for each in found]


def _wanted(remote: Remote, path: str, force: bool) -> Iterator[Found]:
    if paths.is_secret(path) and not force:
        raise LocalError(
            BAD_STATE,
            f"{path} stays on the board: it says who the node is, whom it trusts, or a password;"
            f" {_FORCED}",
        )
    for each in below(remote, path):
        if force or not paths.is_secret(each.path):
            yield each


def _fetch(remote: Remote, each: Found, into: Path, show: Callable[[int, int], None]) -> None:
    to = into / each.inside
    data = remote.fetch(each.path, show)
    to.parent.mkdir(parents=True, exist_ok=True)
    with partial_files.arriving(to) as file:
        file.write(data)


def remove(
    remote: Remote, names: Iterable[str], folders: bool = False, force: bool = False
) -> int:
    """Removes files, and folders with all that is in them where `folders` says so; returns how
    many files went.

    Raises LocalError before anything is removed: for what the board has not, for all that it has
    at once, and unless `force` for the node's own files and for folders that hold some.
    """
    wanted = list(dict.fromkeys(names))
    for path in wanted:
        is_folder = _check_removal(remote, path, folders)
        if not force:
            inside = remote.entries(path) if is_folder else []
            for each in (path, *(paths.join(path, entry.name) for entry in inside)):
                _check_own(remote, each)
    return sum(remote.remove_tree(path) for path in wanted)


def _check_removal(remote: Remote, path: str, folders: bool) -> bool:
    """Returns whether it is a folder."""
    if path in (paths.TOP, paths.ROOT):
        raise LocalError(BAD_ARGUMENT, "that is all there is on the board: name what is to go")
    is_folder = _is_folder(remote, path)
    if is_folder and not folders:
        raise LocalError(BAD_ARGUMENT, f"{path} is a folder: -r removes it with all that is in it")
    return is_folder


def below(remote: Remote, path: str) -> list[Found]:
    """Returns the file at `path`, or every file below the folder that it is."""
    if not _is_folder(remote, path):
        return [Found(path, _last(path), listed(remote, path)[path].size)]
    return list(_walk(remote, path, _last(path), DEPTH_MAX))


def _walk(remote: Remote, folder: str, inside: str, depth: int) -> Iterator[Found]:
    """Names come from the board and become names here: one that could lead elsewhere is
    refused."""
    for name, is_folder, size in remote.entries(folder):
        path, to = paths.join(folder, name), paths.join(inside, name)
        if not file_names.allowed(name) or not depth:
            raise LocalError(BAD_STATE, f"{path}: this machine takes no file of such a name")
        if is_folder:
            yield from _walk(remote, path, to, depth - 1)
        else:
            yield Found(path, to, size)


def _is_folder(remote: Remote, path: str) -> bool:
    """Raises LocalError(BAD_ARGUMENT) for what is not there."""
    if path in (paths.TOP, paths.ROOT):
        return True
    kinds = remote.kinds([path])
    if path not in kinds:
        raise LocalError(
            BAD_ARGUMENT, f"{path} is not on the board; `dsoftbus board ls` shows what is there"
        )
    return kinds[path]


def _last(path: str) -> str:
    return path.rpartition("/")[2]
