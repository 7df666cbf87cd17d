"""The one way in which text of others is printed: on one line, as text.

A terminal acts on control characters and turns text around at bidirectional marks; a newline
forges a line. A character that no name may have (`dsoftbus.base.names`) is printed as an escape.
"""

import io
import sys

from dsoftbus.base.codec import is_name

_LINE_MAX = 200
_ESCAPE = "\\u%04x"


def shown(text, most: int = _LINE_MAX) -> str:
    """`text` as one line of about `most` characters."""
    out = ""
    for char in str(text):
        if len(out) >= most:
            return out + "..."
        out += char if char == " " or is_name(char) else _ESCAPE % ord(char)
    return out


def word(text) -> str:
    """The same as one word; "-" for nothing."""
    return shown(text).replace(" ", "_") or "-"


def print_error(error) -> None:
    """An exception with its traceback: its text may be another's. A log has it as an error."""
    say = getattr(print, "error", print)  # see `output`, which stands for `print` then
    out = io.StringIO()
    sys.print_exception(error, out)
    for line in out.getvalue().split("\n"):
        if line:
            say(shown(line))
