"""The one way in which text reaches a terminal, a pipe or a log: as text, whoever wrote it.

Names, errors, what a board prints, what a file is called: others choose them. A terminal acts on
control characters (it moves, hides, sets its title or the clipboard), turns text around at
bidirectional marks, and takes a newline for the end of a line. So all of these are shown as
escapes, `\\u001b`, of which each is text, too.
"""

from __future__ import annotations

import logging
import traceback
import unicodedata
from collections.abc import Iterator

LINE_MAX = 1000  # characters of a line that somebody may have made long
_MARKS_MAX = 3  # above or below one letter: more would cover the lines around
_CUT = "…"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Letters and marks that show as nothing, or as a space.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def shown(text: object, most: int = LINE_MAX) -> str:
    """`text` as one line of at most about `most` characters that shows what is there."""
    whole = str(text)
    if len(whole) <= most and whole.isascii() and whole.isprintable():
        return whole
    parts: list[str] = []
    room = most
    for part in _parts(whole[: most + 1]):
        room -= len(part)
        if room < 0:
            return "".join(parts) + _CUT
        parts.append(part)
    return "".join(parts)


def _parts(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        bad = category in _HIDDEN or char in _BLANK or marks > _MARKS_MAX
        yield escaped(char) if bad else char


def escaped(char: str) -> str:
    point = ord(char)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def lines(text: object) -> list[str]:
    """A text of several lines, each as `shown`. All but the first are set in, so that none of them
    looks like a line of ours."""
    first, *rest = str(text).split("\n")
    return [shown(first), *(f"  {shown(line)}" for line in rest if line.strip())]


# Logs


def show_in_record(record: logging.LogRecord) -> bool:
    """A filter for the log of this package: what comes of others in a record is shown, so that no
    name forges a line. It changes arguments and tracebacks, whoever handles them."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_argument, record.args))
    if record.exc_info and record.exc_info[1] is not None:
        whole = "".join(traceback.format_exception(record.exc_info[1]))
        record.exc_text = "\n".join(f"  {shown(line)}" for line in whole.rstrip().split("\n"))
    return True


def _argument(value: object) -> object:
    return value if isinstance(value, (int, float)) else shown(value)


def time_log(time: str) -> None:
    """Every line of the log begins with its time from now on, in this format (`strftime`)."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", time))


def log() -> logging.Logger:
    """The log of the host's backend."""
    found = logging.getLogger("dsoftbus")
    if show_in_record not in found.filters:
        found.addFilter(show_in_record)
    return found


def no_log() -> logging.Logger:
    """A log that nobody reads, for what others say of themselves."""
    found = logging.getLogger("dsoftbus.library")
    found.propagate = False
    found.addHandler(logging.NullHandler())
    return found
