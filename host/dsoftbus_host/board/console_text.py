"""The text that a board prints, told apart from its node's frames on the same line.

A node that has the console for its line prints text between frames, which end with zeros and are
hardly ever text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE_MAX = 4096  # of a stretch without an end: noise
_ENDS = re.compile(rb"[\0\n]")


class Lines:
    """Lines of text, out of bytes that frames and noise may stand between."""

    def __init__(self) -> None:
        self.rest = b""  # of a line without an end so far

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, self.rest = _ENDS.split(self.rest + data)
        self.rest = self.rest[-_LINE_MAX:]
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
