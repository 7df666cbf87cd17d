"""What a board prints, read from its port without a word to it.

A node that has the console for its line goes on with its sessions: what it prints stands between
the frames, which are told apart by their zeros and by not being text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import serial

from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board.remote import read_now, why_not
from dsoftbus_host.serial_port import BAUD

_LINE_MAX = 4096  # of a stretch without an end: noise
_ENDS = re.compile(rb"[\0\n]")


class Lines:
    """Lines of text, out of bytes that frames and noise may stand between."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, self._rest = _ENDS.split(self._rest + data)
        self._rest = self._rest[-_LINE_MAX:]
        for line in whole:
            text = _text(line.strip(b"\r"))
            if text:
                yield text


def _text(line: bytes) -> str:
    """ "" for what is none."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.replace("\t", " ").isprintable() else ""


def listen(path: str) -> Iterator[str]:
    """What the board at `path` prints, line by line, and "" in moments where it is silent.

    Raises LocalError(BAD_STATE) for a port that cannot be opened, or that goes away.
    """
    lines = Lines()
    try:
        port = serial.Serial(path, BAUD, exclusive=True)
    except (OSError, ValueError):
        raise LocalError(BAD_STATE, why_not(path)) from None
    with port:
        while True:
            try:
                data = read_now(port)
            except (OSError, TypeError) as error:  # TypeError: pyserial's, of a port that has gone
                raise LocalError(BAD_STATE, f"{path}: {error}") from None
            yield from lines.feed(data)
            yield ""
