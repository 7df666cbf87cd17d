"""The manifest of a version: its files with hash and size, in a text that is read line by line.

The text is JSON, and there is one for each version (docs/updates.md): a board compares what a line
says with the line (`update_lines`), and needs neither a parser nor the whole in its heap. Readers
raise PeerError(UPDATE_MANIFEST). `manifest_text` writes it.
"""

from dsoftbus.errors import UPDATE_MANIFEST, PeerError
from dsoftbus.update.lines import LINE_MAX, NAME_MAX, file_of

if False:  # for types
    from collections.abc import Callable

MANIFEST = "manifest.json"
MANIFEST_MAX = 32768  # bytes: as many files with names of 40
FILES_MAX = 256  # twice what a board's node has
VERSION_MAX = 32
_NUMBERS_MAX = 6
_DIGITS_MAX = 9  # fits the small int of a 32-bit board
HEAD_BEFORE = '{"version": "'
HEAD_BEHIND = '", "files": {'
TAIL = "}}"


def is_version(text: str) -> bool:
    """Returns whether `text` is one: numbers with dots between."""
    if not isinstance(text, str) or not 1 <= len(text) <= VERSION_MAX:
        return False
    numbers = text.split(".")
    for number in numbers:
        if not 1 <= len(number) <= _DIGITS_MAX or number.strip("0123456789"):
            return False
    return len(numbers) <= _NUMBERS_MAX


def is_name(name: str) -> bool:
    """Returns whether a file of a version may have this name: a path with `/` between parts."""
    if name == MANIFEST or '"' in name or len(name.encode()) > NAME_MAX:
        return False
    from dsoftbus.base.file_names import allowed_path  # who reads names pays for it

    return allowed_path(name)


class Manifest:
    """A manifest as it is read, by `readline(most)` of a file that is open for bytes. `version` is
    known from the first line; `count` and `size` are of the files that `next` has given."""

    def __init__(self, readline: "Callable[[int], bytes]") -> None:
        self.count = 0
        self.size = 0
        self._readline = readline
        self._last = b""  # name
        self._more = True
        line = self._line()
        self.version = line[len(HEAD_BEFORE) : -len(HEAD_BEHIND)]
        if not is_version(self.version) or line != HEAD_BEFORE + self.version + HEAD_BEHIND:
            raise PeerError(UPDATE_MANIFEST, "first line")

    def next(self) -> "tuple[str, bytes, int] | None":
        """(name, SHA-256, size) of the next file; None after the last, and the whole was right."""
        if not self._more:
            if self._line() != TAIL or self._readline(1):
                raise PeerError(UPDATE_MANIFEST, "end")
            return None
        name, digest, size, self._more = file_of(self._line())
        raw = name.encode()
        if self.count >= FILES_MAX or raw <= self._last or not is_name(name):
            raise PeerError(UPDATE_MANIFEST, "names go up, and are ones that files may have")
        self._last = raw
        self.count += 1
        self.size += size
        return name, digest, size

    def _line(self) -> str:
        line = self._readline(LINE_MAX)
        try:
            text = str(line, "utf-8")
        except UnicodeError:
            raise PeerError(UPDATE_MANIFEST, "text") from None
        if text[-1:] != "\n":
            raise PeerError(UPDATE_MANIFEST, "line")
        return text[:-1]
