"""The last records of a node's log, in a ring of bytes that never grows (docs/console.md).

A record is `level u8 | length u8 | at u32 | text`: `at` in ms since the start of the log, modulo
2^32. Sequences count the records from 1 up, the lost ones, too.
"""

from struct import pack_into, unpack_from

if False:  # for types
    from dsoftbus.contracts import Any, Data


LEVELS = ("debug", "info", "warning", "error")
INFO = 1
ERROR = 3
U32_MAX = 0xFFFFFFFF
TEXT_MAX = 200  # bytes of a record; what is longer goes on in the next
_HEAD = 6


class LogRing:
    """`size` in bytes, TEXT_MAX + 6 or more. `first` is the sequence of the oldest record that is
    kept, `next` that of the one to come."""

    def __init__(self, size: int) -> None:
        self.first = 1
        self.next = 1
        self._bytes = bytearray(size)
        self._start = 0  # where the oldest record begins
        self._used = 0
        self._head = bytearray(_HEAD)

    def add(self, at_ms: int, level: int, text: bytes) -> None:
        """Adds a record; the oldest ones go for it. `text`: at most TEXT_MAX bytes."""
        while self._used + _HEAD + len(text) > len(self._bytes):
            self._drop()
        head = self._head
        pack_into(">I", head, 2, at_ms & U32_MAX)
        head[0] = level
        head[1] = len(text)
        self._put(head)
        self._put(text)
        self.next += 1

    def since(self, position: int, level: int, most: int) -> "tuple[int, list[Any], int]":
        """Returns the records from the sequence `position` on, of `level` and above, until their
        texts have `most` bytes: (how many are lost, the records, the position after them). A
        record is `[sequence, ms, level, text]`."""
        lost = max(self.first - position, 0)
        found: list[Any] = []
        sequence = self.first
        at = self._start
        while sequence < self.next and most > 0:
            head = self._read(at, _HEAD)
            if sequence >= position and head[0] >= level:
                text = _text(self._read(at + _HEAD, head[1]))
                found.append([sequence, unpack_from(">I", head, 2)[0], head[0], text])
                most -= _HEAD + head[1]
            at += _HEAD + head[1]
            sequence += 1
        return lost, found, sequence

    def _drop(self) -> None:
        size = _HEAD + self._bytes[(self._start + 1) % len(self._bytes)]
        self._start = (self._start + size) % len(self._bytes)
        self._used -= size
        self.first += 1

    def _put(self, data: "Data") -> None:
        ring = self._bytes
        at = (self._start + self._used) % len(ring)
        part = min(len(data), len(ring) - at)
        ring[at : at + part] = data[:part]
        ring[: len(data) - part] = data[part:]
        self._used += len(data)

    def _read(self, at: int, size: int) -> bytes:
        ring = self._bytes
        at %= len(ring)
        part = ring[at : at + size]
        return bytes(part + ring[: size - len(part)])


def cut(line: "Data") -> int:
    """Returns how many bytes of a line one record takes: no character is cut in two."""
    if len(line) <= TEXT_MAX:
        return len(line)
    end = TEXT_MAX
    while end > TEXT_MAX - 4 and line[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except ValueError:  # a program has printed what is no text
        return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in raw])
