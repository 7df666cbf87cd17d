"""A board that is updated, without a board: its flash in memory, its start program, its slots.

`Flash` counts what is written, can be full, and keeps what lies there before, in the middle of and
after each write: what a power cut would leave. With `late` a file is as it was until it is closed
or flushed (littlefs); without, each write shows at once (FAT).
"""

from __future__ import annotations

import errno
import hashlib
import types
from collections.abc import Callable, Iterator
from typing import Any

from dsoftbus.update import calls, room, tracks, updater, versions
from dsoftbus.update import files as update_files
from dsoftbus.update.manifest import MANIFEST
from dsoftbus.update.manifest_text import manifest_text
from dsoftbus.update.part import SlotPart
from portable import ROOT

SOURCE = ROOT / "micropython/dsoftbus_mpy/device/dsoftbus_boot.py"
BOOT = compile(SOURCE.read_text(), "dsoftbus_boot", "exec")
BLOCK = 64
Version = dict[str, bytes]


class Flash:
    """Files by path; folders by path. `on_write(files, folders)` gets each state that a cut can
    leave; `room` in blocks, or None."""

    def __init__(self, late: bool = True, room: int | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.late = late
        self.room = room
        self.writes = 0
        self.full_at = -1  # this write, and those that follow, find no room
        self.on_write: Callable[[], None] = lambda: None

    def copy(self) -> Flash:
        other = Flash(self.late, self.room)
        other.files, other.folders = dict(self.files), set(self.folders)
        return other

    def free(self) -> int:
        if self.room is None:
            return -1
        return (self.room - sum(-(-len(data) // BLOCK) for data in self.files.values())) * BLOCK

    def put(self, path: str, data: bytes) -> None:
        """One write: of this, of half of what differs, or not at all."""
        before = self.files.get(path, b"")
        more = -(-len(data) // BLOCK) - -(-len(before) // BLOCK)
        is_full = self.room is not None and more * BLOCK > self.free()
        if is_full or 0 <= self.full_at <= self.writes:
            raise OSError(errno.ENOSPC)
        self.on_write()
        if len(data) > len(before) and data.startswith(before):
            self.files[path] = data[: (len(before) + len(data)) // 2]
            self.on_write()
        self.files[path] = data
        self._written()

    def _written(self) -> None:
        self.writes += 1
        self.on_write()

    # As MicroPython has them

    def open(self, path: str, mode: str = "r") -> _File:
        if path.rpartition("/")[0] not in self.folders | {""} or path in self.folders:
            raise OSError(errno.ENOENT)
        if path not in self.files and "w" not in mode:
            raise OSError(errno.ENOENT)
        if "w" in mode and (path not in self.files or not self.late):
            self.put(path, b"")
        return _File(self, path, mode)

    def stat(self, path: str) -> tuple[int, ...]:
        if path in self.files:
            return (0x8000, 0, 0, 0, 0, 0, len(self.files[path]))
        if path in self.folders:
            return (0x4000, 0, 0, 0, 0, 0, 0)
        raise OSError(errno.ENOENT)

    def remove(self, path: str) -> None:
        if path not in self.files:
            raise OSError(errno.ENOENT)
        self.on_write()
        del self.files[path]
        self._written()

    def mkdir(self, path: str) -> None:
        if path in self.folders or path in self.files:
            raise OSError(errno.EEXIST)
        self.on_write()
        self.folders.add(path)
        self._written()

    def rmdir(self, path: str) -> None:
        if self.names(path + "/"):
            raise OSError(errno.ENOTEMPTY)
        self.on_write()
        self.folders.remove(path)
        self._written()

    def names(self, folder: str) -> list[tuple[str, bool]]:
        found: dict[str, bool] = {}
        for paths, is_folder in ((self.files, False), (self.folders, True)):
            for path in paths:
                if path.startswith(folder) and "/" not in path[len(folder) :]:
                    found[path[len(folder) :]] = is_folder
        return sorted(found.items())

    def getcwd(self) -> str:
        return "/"


class _File:
    """An open file; bytes, as all of the bus's are."""

    def __init__(self, flash: Flash, path: str, mode: str) -> None:
        self._flash = flash
        self._path = path
        self._at = 0
        self._data = b"" if "w" in mode else flash.files[path]
        self._saved = "w" not in mode

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, n: int) -> bytes:
        data = self._data[self._at : self._at + n]
        self._at += len(data)
        return data

    def readinto(self, view: memoryview) -> int:
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readline(self, most: int = -1) -> bytes:
        end = self._data.find(b"\n", self._at) + 1 or len(self._data)
        return self.read(min(end - self._at, most))

    def write(self, data: bytes) -> int:
        end = self._at + len(data)
        self._data = self._data[: self._at] + bytes(data) + self._data[end:]
        self._at = end
        self._saved = False
        if not self._flash.late:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if not self._saved:
            self._flash.put(self._path, self._data)
            self._saved = True

    def close(self) -> None:
        self.flush()


class Reset(Exception):
    """The board starts again."""


class Updater(updater.Updater):
    """The updater's place, and all that is done there."""

    def state(self) -> dict[str, Any]:
        return calls.state(self.place)

    def begin(self, session: object, value: object, now: int) -> dict[str, Any]:
        return calls.begin(self, session, value, now)

    def part(self, session: object, name: str, size: int, now: int) -> SlotPart:
        return update_files.part_of(self, session, name, size, now)

    def fill(self, part: SlotPart) -> Iterator[None]:
        return update_files.fill(self, part)

    def stored(self, part: SlotPart) -> Iterator[None]:
        return update_files.stored(self, part)

    def commit(self, session: object, now: int) -> Iterator[None]:
        return calls.commit(self, session, now)

    def confirm(self, value: object) -> None:
        calls.confirm(self.place, value)

    def rollback(self, value: object) -> Iterator[None]:
        return calls.rollback(self.place, value)


def _absent(name: str) -> None:
    """Imports what no board in memory has, a timer of the hardware: CPython would look for it in
    every folder that it knows."""
    raise ImportError(name)


class Board:
    """The `place` of a node that is updated (docs/updates.md), and the start of its board."""

    block = BLOCK
    kind = ("simulated", "a board in memory", 0)

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.starts = 0
        self.resets = 0
        self.path: list[str] = []
        self.records = types.SimpleNamespace()

    def start(self) -> Updater:
        """Starts the board; returns the updater of the node that runs then."""
        self.starts += 1
        self.path = ["", "/lib"]
        names: dict[str, object] = {"__name__": "dsoftbus_boot"}
        exec(BOOT, names)
        modules = {"dsoftbus_boot": None}
        names["sys"] = types.SimpleNamespace(path=self.path, modules=modules)
        names["os"] = self.flash
        names["open"] = self.flash.open
        names["__import__"] = _absent
        self.records = types.SimpleNamespace(**names)
        self.records.run()
        self.on_trial = "dsoftbus_boot" in modules
        return Updater(self)

    # The contract

    def open(self, path: str, mode: str) -> _File:
        return self.flash.open(path, mode)

    def size(self, path: str) -> int:
        return len(self.flash.files[path]) if path in self.flash.files else -1

    def names(self, folder: str) -> list[tuple[str, bool]]:
        return self.flash.names(folder)

    def remove(self, path: str) -> None:
        self.flash.remove(path)

    def make_folder(self, path: str) -> None:
        if path not in self.flash.folders:
            self.flash.mkdir(path)

    def remove_folder(self, path: str) -> None:
        self.flash.rmdir(path)

    def free(self) -> int:
        return self.flash.free()

    def running(self, track: str) -> str:
        for slot in tracks.SLOTS:
            if "/" + tracks.PREFIXES[track] + slot in self.path:
                return slot
        return tracks.ROOT

    def end_trial(self) -> None:
        self.on_trial = False

    def reset(self) -> None:
        self.resets += 1
        raise Reset

    # What a test asks

    def runs(self, track: str) -> Version:
        """The files of what runs; raises AssertionError where it is not one whole version."""
        slot = self.running(track)
        path = tracks.folder(track, slot)
        if slot != tracks.ROOT:
            assert versions.is_whole(self, path), (track, slot)
            names = [name for name in room.files(self, path) if name != MANIFEST]
        else:
            own = "app." if track == "app" else ""
            names = [name for name, is_folder in self.names(path) if name.startswith(own)]
        return {name: self.flash.files[path + name] for name in names}


def manifest(version: str, files: Version) -> bytes:
    """The manifest of these files."""
    listed = {name: (hashlib.sha256(data).digest(), len(data)) for name, data in files.items()}
    return manifest_text(version, listed).encode()


def announced(track: str, version: str, files: Version, **more: object) -> dict[str, object]:
    """The value of `begin` for it."""
    text = manifest(version, files)
    return {
        "track": track,
        "version": version,
        "size": sum(map(len, files.values())),
        "count": len(files),
        "digest": hashlib.sha256(text).hexdigest(),
        **more,
    }


def steps(
    updater: Updater, track: str, version: str, files: Version, **more: object
) -> Iterator[int]:
    """An update by this session, up to the reset; yields the bytes that each file took."""
    session = object()
    updater.begin(session, announced(track, version, files, **more), 0)
    yield 0
    for name, data in {MANIFEST: manifest(version, files), **dict(sorted(files.items()))}.items():
        part = updater.part(session, name, len(data), 0)
        for _ in updater.fill(part):
            pass
        done = len(data) if part.whole else 0
        if not done:
            part.cut(0)
            for at in range(0, len(data), BLOCK):
                part.write(data[at : at + BLOCK])
        part.store()
        for _ in updater.stored(part):
            pass
        yield len(data) - done
    for _ in updater.commit(session, 0):
        pass


def update(updater: Updater, track: str, version: str, files: Version, **more: object) -> int:
    """The whole of it; returns the bytes that had to be sent."""
    return sum(steps(updater, track, version, files, **more))
