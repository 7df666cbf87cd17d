"""Names that peers would give themselves to deceive a terminal, a log or a person."""

import re

NAMES = (
    "\x1b]52;c;ZXZpbA==\x07",  # sets the clipboard
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\here",  # a link
    "\x1b[8mhidden",
    "\x1b[2J\x1b[H",  # clears the screen
    "\x1b[1A\x1b[2K",  # takes the line before away
    "\x9b31mred",  # C1: the same as ESC [
    "\x9d0;title\x9c",
    "hub\nstored key from kq3v",
    "hub\r\x0b\x0c\x85next",
    "hub\rpaired with",
    "\u2028line\u2029",
    "a\tb",
    "\b\b\bhub",
    "\x00nul",
    "\u202egnp.exe",  # written from right to left
    "\u2066hub\u2069",
    "\u200fhub\u061c",
    "h\u200bu\u2060b\ufeff",  # zero width
    "h\xadub",
    "tag\U000e0068\U000e0075",
    "\x7fdelete",
    "[bold red]hub[/]",
    "[link=http://x]hub",
    "private\ue000",
)
# With what surrogateescape makes of names on a disk, and what no announcement could hold.
NAMES_OF_FILES = (*NAMES, "bytes\udcff\udc9b", "marks" + "\u0301" * 200)

_ACTIVE = re.compile(
    "[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ue000\U000e0000-\U000e007f]|\u0301{5}"
)
# What this project itself writes to a terminal: colours, and a table that is drawn anew.
OURS = re.compile("\x1b\\[(\\d+(;\\d+)*)?m|\x1b\\[\\?25[lh]|\x1b\\[1A|\x1b\\[2K|\r(?=\n|\x1b)")


def is_harmless(text: str) -> bool:
    """Returns whether no character of `text` acts on a terminal, and none is invisible."""
    return not _ACTIVE.search(text)
