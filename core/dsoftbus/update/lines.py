"""Lines of a manifest that stand for a file, for who looks for one alone (`update_manifest`).

The functions raise PeerError(UPDATE_MANIFEST).
"""

import binascii

from dsoftbus.errors import UPDATE_MANIFEST, PeerError

if False:  # for types
    from collections.abc import Callable

NAME_MAX = 96  # bytes
SIZE_MAX = 1 << 30
LINE_MAX = NAME_MAX + 96  # quotes, 64 hex digits, 10 of the size, and the line's end
FILE_LINE = '"%s": ["%s", %d]'
_HASH_BYTES = 32
_NAMED = '"%s": ["'  # as a line begins
_MARK = '": ["'  # behind a name


def find(readline: "Callable[[int], bytes]", name: str) -> "tuple[bytes, int] | None":
    """(SHA-256, size) of the file of this name in the manifest that `readline(most)` reads, or
    None. Other lines are passed over as they are: the whole was read before."""
    wanted = (_NAMED % name).encode()
    line = readline(LINE_MAX)
    while line and not line.startswith(wanted):
        line = readline(LINE_MAX)
    return file_of(str(line, "utf-8")[:-1])[1:3] if line else None


def file_of(line: str) -> "tuple[str, bytes, int, bool]":
    """(name, SHA-256, size, whether there are more) of the file that a line names."""
    more = line[-1:] == ","
    text = line[:-1] if more else line
    at = text.find(_MARK)
    digits = at + len(_MARK)
    name, hexed, number = text[1:at], text[digits : digits + 2 * _HASH_BYTES], text[-11:-1]
    number = number[number.rfind(" ") + 1 :]
    try:
        digest, size = binascii.unhexlify(hexed), int(number)
    except ValueError:
        raise PeerError(UPDATE_MANIFEST, "line of a file") from None
    if text != FILE_LINE % (name, hexed, size) or hexed != hexed.lower():
        raise PeerError(UPDATE_MANIFEST, "line of a file")
    if len(digest) != _HASH_BYTES or not 0 <= size <= SIZE_MAX:
        raise PeerError(UPDATE_MANIFEST, "hash or size")
    return name, digest, size, more
