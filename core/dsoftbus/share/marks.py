"""Marks: which beginnings of a partial file are hashed, and how far the sender's agrees.

`FileHash` hashes a file once, in order, and keeps the SHA-256 of each beginning that is asked for.
"""

import hashlib

from dsoftbus.share.messages import MARKS_MAX

if False:  # for types
    from dsoftbus.contracts import Any, Data

_COPIES = hasattr(hashlib.sha256(), "copy")  # MicroPython's hashes have one end


def mark_offsets(have: int, chunk: int) -> list[int]:
    """The offsets that a receiver with `have` bytes tells of, the largest first: what is surely
    whole, one chunk less, in case the last was torn, and a half, in case more was."""
    whole = have - have % chunk
    offsets: list[int] = []
    for offset in (whole, whole - chunk, whole // 2 // chunk * chunk):
        if offset > 0 and offset not in offsets:
            offsets.append(offset)
    offsets.sort(reverse=True)
    return offsets[:MARKS_MAX]


class FileHash:
    """The SHA-256 of a file as it passes, and of its beginnings up to each of `offsets`."""

    def __init__(self, offsets: "list[int] | tuple[int, ...]" = ()) -> None:
        self.at = 0  # bytes that have passed
        self._whole: Any = hashlib.sha256()
        self._due = sorted(offsets)
        # Where a hash cannot be copied, each beginning has one of its own.
        self._begun = {} if _COPIES else {offset: hashlib.sha256() for offset in self._due}
        self._digests: dict[int, bytes] = {}

    def room(self, most: int) -> int:
        """Returns how many bytes the next update may have, of at most `most`."""
        return min(most, self._due[0] - self.at) if self._due else most

    def update(self, data: "Data") -> None:
        """The next bytes of the file, no more than there is `room` for."""
        self._whole.update(data)
        for offset in self._begun:
            self._begun[offset].update(data)
        self.at += len(data)
        if self._due and self.at >= self._due[0]:
            offset = self._due.pop(0)
            begun = self._whole.copy() if _COPIES else self._begun.pop(offset)
            self._digests[offset] = begun.digest()

    def marks(self) -> "list[list[Any]]":
        """The marks of what has passed, the largest first."""
        return [[offset, self._digests[offset]] for offset in sorted(self._digests, reverse=True)]

    def agrees(self, marks: "list[list[Any]]") -> int:
        """Returns the largest offset of a peer's marks up to which the files are the same."""
        for offset, digest in marks:
            if self._digests.get(offset) == digest:
                return offset
        return 0

    def digest(self) -> bytes:
        """The SHA-256 of all that has passed; the last thing that is asked."""
        return self._whole.digest()


def usable(marks: "list[list[Any]]", size: int) -> list[int]:
    """The offsets of a peer's marks that lie within the sender's own file of `size` bytes."""
    return [mark[0] for mark in marks if mark[0] <= size]
