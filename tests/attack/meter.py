"""Measurements from outside: files that change, CPU time and memory of a process."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_EVENTS = 0x2 | 0x40 | 0x80 | 0x100 | 0x200  # modified, moved from and to, created, deleted
_HEADER = struct.Struct("iIII")


class FolderWatch:
    """Counts what happens to the files of a folder (inotify: Linux). A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self) -> FolderWatch:
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._fd >= 0, os.strerror(ctypes.get_errno())
        watch = self._libc.inotify_add_watch(self._fd, str(self._folder).encode(), _EVENTS)
        assert watch >= 0, os.strerror(ctypes.get_errno())
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def counts(self) -> dict:
        """File name -> how often something was done with it, since the last question."""
        found: dict = {}
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                *_, length = _HEADER.unpack_from(data, at)
                name = data[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0").decode()
                found[name] = found.get(name, 0) + 1
                at += _HEADER.size + length
