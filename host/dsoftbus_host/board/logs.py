"""The output of a board, read from its port without a word to it.

A node that has the console for its line goes on with its sessions meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

import serial

from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board.console_text import Lines
from dsoftbus_host.board.remote import read_now, why_not
from dsoftbus_host.links.reopening_port import BAUD


def listen(path: str) -> Iterator[str]:
    """Yields the lines that the board at `path` prints, and "" in moments of silence.

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
