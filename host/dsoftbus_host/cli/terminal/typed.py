"""Reads a person's lines while the program goes on: a question may end unanswered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from dsoftbus.errors import BAD_ARGUMENT, LocalError

_READ_BYTES = 4096
_LINE_MAX = 1 << 23  # bytes: eight times the largest value, for in JSON a letter may take six


class Typed:
    """Lines of the standard input. Waiting for one ends at once where it is cancelled."""

    def __init__(self) -> None:
        self._rest = b""

    async def line(self) -> str:
        """The next line. Raises EOFError where there is none, LocalError for one without end."""
        while b"\n" not in self._rest:
            if len(self._rest) > _LINE_MAX:
                raise LocalError(BAD_ARGUMENT, "a line of the standard input is too long")
            data = await _read()
            if not data and not self._rest:
                raise EOFError
            self._rest += data or b"\n"  # the last line may lack its end
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").strip()

    def forget(self) -> None:
        """Drops what was typed at a terminal before there was a question."""
        if sys.stdin is None or not sys.stdin.isatty():
            return
        self._rest = b""
        if sys.platform != "win32":
            import termios

            with contextlib.suppress(termios.error):
                termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def _read() -> bytes:
    try:
        fd = sys.stdin.fileno()
    except AttributeError:  # there is none
        return b""
    except OSError:  # no file, but a test's
        return sys.stdin.readline().encode()
    if sys.platform == "win32":  # no loop watches a console: the thread stays until Enter
        return await asyncio.to_thread(os.read, fd, _READ_BYTES)
    await _readable(fd)
    return os.read(fd, _READ_BYTES)


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except PermissionError:
        return  # a plain file, which is so at any time
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
