"""A board's ROM partition: flash that is mapped into memory, with a read-only file system (ROMFS).

MicroPython 1.25 and later mount it at `/rom` and look for modules in `/rom/lib`, where the
firmware was built with one. The format of images, and how they are written, are `mpremote`'s own.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dsoftbus.errors import BAD_STATE, LocalError, Unsupported
from dsoftbus_host.board.remote import Remote

OURS = "dsoftbus"  # all of ours begins so
_WRITING = "Writing at offset "  # as mpremote says how far it is
_LOOK = """
import hashlib, os
def _names(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []
try:
    import vfs
    _at = memoryview(vfs.rom_ioctl(2, 0)) if vfs.rom_ioctl(1) > 0 else None
except (ImportError, AttributeError, TypeError):
    _at = None
if _at is None:
    print(None)
else:
    _digest = hashlib.sha256(_at[:{size}]).digest()
    print((len(_at), _digest, _names("/rom") + _names("/rom/lib")))
"""


class Partition(NamedTuple):
    """A partition of `size` bytes; `digest` is of as many at its start as were asked for, `names`
    are those that an image there has at its top and in `lib`."""

    size: int
    digest: bytes
    names: list[str]

    @property
    def has_node(self) -> bool:
        return any(name.startswith(OURS) for name in self.names)

    @property
    def others(self) -> list[str]:
        """Returns the names that are not of this project."""
        return [name for name in self.names if name != "lib" and not name.startswith(OURS)]

    def holds(self, image: bytes) -> bool:
        return self.digest == hashlib.sha256(image).digest()


def find(remote: Remote, size: int = 0) -> Partition | None:
    """The board's first ROM partition, with the digest of its first `size` bytes; None: it has
    none, as most have not."""
    found = ast.literal_eval(remote.run(_LOOK.format(size=size)).strip())
    return Partition(*found) if found else None


def packed(files: dict[str, bytes]) -> bytes:
    """An image with these files, by path. Raises Unsupported without an `mpremote` that can."""
    writer = _mpremote("romfs").VfsRomWriter()
    inside: list[str] = []  # the folder that is being written
    for *folder, name in sorted(path.split("/") for path in files):
        while folder[: len(inside)] != inside:
            inside.pop()
            writer.closedir()
        for part in folder[len(inside) :]:
            inside.append(part)
            writer.opendir(part)
        writer.mkfile(name, files["/".join((*folder, name))])
    for _ in inside:
        writer.closedir()
    return bytes(writer.finalise())


def write(remote: Remote, image: bytes, progress: Callable[[int], None]) -> None:
    """Puts an image into the first partition; the board mounts it at its next start.

    `progress` is called with the bytes that are there. Raises LocalError: the partition is then
    spoilt, or does not hold the image.
    """
    romfs = _mpremote("commands").do_romfs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "node.romfs")
        path.write_bytes(image)
        with contextlib.redirect_stdout(_Told(progress)):
            remote.mpremote(romfs, command=["deploy"], path=str(path), partition=0, mpy=False)
    there = find(remote, len(image))
    if there is None or not there.holds(image):
        raise LocalError(BAD_STATE, "the ROM partition is not as it was written")


class _Told(io.TextIOBase):
    """Takes what mpremote prints, and tells how far it has come."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress

    def write(self, text: str) -> int:
        if _WRITING in text:
            self._progress(int(text.partition(_WRITING)[2]))
        return len(text)


def _mpremote(name: str) -> Any:
    """A module of mpremote; `romfs` is one since 1.25."""
    import importlib

    try:
        importlib.import_module("mpremote.romfs")
        return importlib.import_module(f"mpremote.{name}")
    except ImportError:
        raise Unsupported("mpremote 1.25: pip install 'dsoftbus[board]'") from None
