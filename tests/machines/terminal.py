"""A command on a pseudo-terminal, and the person before it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from pathlib import Path

from commands import clean
from portable import TIMEOUT_S

READ_BYTES = 65536
ROWS = 24
INTERRUPT = "\x03"
# Ends of lines, what moves and erases, other codes, and text.
PIECE = re.compile(r"\n|\r|\x1b\[(\d*)([A-Za-z])|\x1b\[[0-?]*[ -/]*[@-~]|[^\n\r\x1b]+")


def drawn(text: str) -> str:
    """The lines that a terminal shows after `text`: bars and tables that are drawn again and again
    are there once."""
    lines, row, column = [""], 0, 0
    for piece in PIECE.finditer(text):
        count, verb = piece[1], piece[2]
        if piece[0] == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif piece[0] == "\r":
            column = 0
        elif verb == "A":
            row = max(row - int(count or 1), 0)
        elif verb == "K":
            lines[row] = "" if count == "2" else lines[row][:column]
        elif piece[0][0] != "\x1b":
            before = lines[row].ljust(column)[:column]
            lines[row] = before + piece[0] + lines[row][column + len(piece[0]) :]
            column += len(piece[0])
    return "\n".join(lines)


class Terminal:
    """A context manager; `said` is what the terminal of the command shows, `raw` what it gets."""

    def __init__(
        self, words: list[str], folder: Path, environment: dict[str, str], columns: int
    ) -> None:
        self._words = words
        self._folder = folder
        self._environment = environment
        self._columns = columns
        self.raw = b""

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", ROWS, self._columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *self._words],
            cwd=self._folder,
            env=self._environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def fileno(self) -> int:
        return self._master

    @property
    def said(self) -> str:
        return drawn(self.raw.decode(errors="replace"))

    @property
    def digits(self) -> str:
        """The last six that were shown."""
        return re.findall(r"^(\d{3} \d{3})$", self.said, re.MULTILINE)[-1]

    def until(self, text: str) -> None:
        """Waits until it has said `text`."""
        self.find(re.escape(text))

    def find(self, pattern: str) -> re.Match:
        """Waits until something that it has said matches."""
        while not (found := re.search(pattern, self.said)):
            assert self.read(), f"{pattern!r} is not in {self.said}"
        return found

    def types(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def interrupt(self) -> int:
        """Ctrl-C; the status in which it ends."""
        self.types(INTERRUPT)
        return self.status()

    def status(self) -> int:
        """At its end, which has to be a clean one."""
        while self.read():
            pass
        clean(self.said)
        return self.process.wait(TIMEOUT_S)

    def read(self) -> bool:
        """Waits for more; False at the end."""
        if not select.select((self._master,), (), (), TIMEOUT_S)[0]:
            raise TimeoutError(self.said)
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:  # nobody has it open any more
            return False
        self.raw += data
        return bool(data)
