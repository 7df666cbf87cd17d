"""The standard streams of a command: their reader may go away, and may lack a letter."""

from __future__ import annotations

import errno
import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

_GONE = (errno.EPIPE, errno.EIO)  # a pipe's reader, and a terminal that has been closed
_STREAMS = ("stdout", "stderr")


class _Outlet(io.FileIO):
    """An outlet drops what is written after its reader has gone: sessions, and an end in order, do
    not depend on a reader. Any other failure, as of a full disk, is the writer's as ever."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return memoryview(data).nbytes


def open_outlets() -> None:
    """Has `sys.stdout` and `sys.stderr` write so from now on, and show `?` for a letter that their
    encoding lacks."""
    for name in _STREAMS:
        stream = getattr(sys, name)
        if sys.platform == "win32":  # its console is no file
            stream.reconfigure(errors="replace")
        elif (opened := _opened(stream)) is not None:
            setattr(sys, name, opened)


def _opened(stream: TextIO | None) -> TextIO | None:
    """`stream` anew; None for one that is no file."""
    if not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        raw = _Outlet(stream.fileno(), "w", closefd=False)
        stream.flush()
    except OSError:  # closed, or a test's
        return None
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        "replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
