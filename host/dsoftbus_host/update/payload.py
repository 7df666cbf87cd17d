"""The files of an update and their manifest: of a folder, or of dsoftbus itself for one board.

All is read into memory before a peer is asked: every peer gets the same bytes, whatever becomes of
the folder meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dsoftbus.errors import BAD_ARGUMENT, STREAM_REFUSED, LocalError
from dsoftbus.update.manifest import FILES_MAX, is_name, is_version
from dsoftbus.update.manifest_text import manifest_text
from dsoftbus.update.tracks import APP, SYSTEM
from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards
from dsoftbus_host.board.remote import architecture_of
from dsoftbus_host.storage import secret_files

VERSION_FILE = "version.txt"
LARGEST = 1 << 24  # bytes of all files: more than the flash of most boards
_STARTS = ("app.py", "app.mpy")
_COMPILED = (".pyc", ".pyo")
_CACHE = "__pycache__"


class Payload(NamedTuple):
    """Files by name, for one track (APP or SYSTEM). `named` says whether a person has chosen the
    version; otherwise it is the time at which it was made, and says nothing of the files."""

    track: str
    version: str
    named: bool
    files: dict[str, bytes]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(map(len, self.files.values()))

    def manifest(self, version: str = "") -> bytes:
        """The bytes of manifest.json, as it would be for this version."""
        listed = {name: (_sha256(data), len(data)) for name, data in self.files.items()}
        return manifest_text(version or self.version, listed).encode()

    def digest(self, version: str = "") -> str:
        """The SHA-256 of `manifest(version)`, hexadecimal."""
        return _sha256(self.manifest(version)).hex()

    def is_what_runs(self, version: str, digest: str) -> bool:
        """Returns whether a peer with this version and this digest of a manifest has these files
        already, under the version that is wanted."""
        same = not self.named or version == self.version
        return bool(version) and same and digest == self.digest(version)


class Folder(NamedTuple):
    """The files of a folder, and the names of those that stay here."""

    files: dict[str, bytes]
    left: list[str]


def of_folder(path: Path) -> Folder:
    """Reads an application. Hidden files, links and compiled code stay here.

    Raises LocalError for what no board could take or run, and for a secret of this node; OSError.
    """
    if not path.is_dir():
        raise LocalError(BAD_ARGUMENT, f"{path} is no folder")
    if not any((path / name).is_file() for name in _STARTS):
        raise LocalError(BAD_ARGUMENT, f"{path} has no app.py, which is what a board runs")
    files: dict[str, bytes] = {}
    left: list[str] = []
    room = LARGEST
    for name, file in _walk(path, left):
        files[name] = data = _read(file, room)
        room -= len(data)
        if len(files) > FILES_MAX:
            raise LocalError(BAD_ARGUMENT, f"{path} has more than {FILES_MAX} files")
    return Folder(files, left)


def application(folder: Folder, version: str) -> Payload:
    """An update to what lies in a folder: its version is this, or what its version.txt says, or
    the time now. Raises LocalError."""
    said = version or _written_version(folder.files)
    return _made(APP, said, folder.files)


def system(platform: str, machine: str, mpy: int, version: str, group: bool = False) -> Payload:
    """An update to the slices of dsoftbus that a board has which says this of itself
    (`PeerState`); with the code for a `group`. Raises LocalError."""
    prefix = f"{install.LIB}/"
    board = boards.like(platform, machine).for_settings({"group": group})
    found = install.code_for(board, architecture_of(mpy))
    files = {name.removeprefix(prefix): data for name, data in found.items()}
    return _made(SYSTEM, version, files)


def time_version(now: float | None = None) -> str:
    """The version that a time (s since 1970) stands for: `20260301.120000`, in UTC."""
    return time.strftime("%Y%m%d.%H%M%S", time.gmtime(now))


def checked_version(text: str) -> str:
    """Returns a version, which is dotted numbers. Raises LocalError(BAD_ARGUMENT) for others."""
    if not is_version(text):
        raise LocalError(
            BAD_ARGUMENT, f"{text!r} is no version: that is numbers with dots between, as 1.4.2"
        )
    return text


def _written_version(files: dict[str, bytes]) -> str:
    return files.get(VERSION_FILE, b"").decode(errors="replace").strip()


def _walk(top: Path, left: list[str]) -> Iterable[tuple[str, Path]]:
    """(name, file) of what goes along, by name; the others' names go to `left`."""
    found = []
    for above, folders, names in os.walk(top):
        for name in (*folders, *names):
            path = Path(above, name)
            inside = path.relative_to(top).as_posix()
            if _stays(path):
                left.append(inside)
            elif path.is_file():
                found.append((_checked_name(inside), path))
        folders[:] = [name for name in folders if not _stays(Path(above, name))]
    left[:] = sorted(name for name in left if not _is_cache(name))
    return sorted(found)


def _stays(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name == _CACHE or path.suffix in _COMPILED
    return hidden or path.is_symlink() or not (path.is_file() or path.is_dir())


def _is_cache(name: str) -> bool:
    """Returns whether nobody misses it."""
    return _CACHE in name.split("/")


def _checked_name(name: str) -> str:
    if not is_name(name):
        raise LocalError(BAD_ARGUMENT, f"{name!r} is no name for a file on every board")
    return name


def _read(path: Path, room: int) -> bytes:
    with path.open("rb") as file:
        if secret_files.is_one(os.fstat(file.fileno())):
            raise LocalError(STREAM_REFUSED, f"{path} is this node's own, and for no peer")
        data = file.read(room + 1)
    if len(data) > room:
        raise LocalError(BAD_ARGUMENT, f"with {path} the files have more than {LARGEST >> 20} MiB")
    return data


def _made(track: str, said: str, files: dict[str, bytes]) -> Payload:
    """Raises LocalError for what is no version, for names that some board takes for one, and for
    too many files."""
    payload = Payload(track, checked_version(said) if said else time_version(), bool(said), files)
    by_folded: dict[str, str] = {}
    for name in payload.files:
        other = by_folded.setdefault(name.lower(), name)
        if other != name:
            raise LocalError(BAD_ARGUMENT, f"{other} and {name} are one file on some boards")
    payload.manifest()
    return payload


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
