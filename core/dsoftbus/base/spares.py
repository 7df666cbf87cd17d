"""Buffers that are used over and over, and no more of them than the backend has memory for."""

from collections import deque

if False:  # for types
    from dsoftbus.contracts import Room


class Spares:
    """Buffers that were given back, for who needs one next; at most `most` are kept.

    Many streams of which a few hold bytes then need the memory of a few, and on a host those few
    stay in the processor's cache. One that is larger than was asked for will do. `size` is how
    long they are at least. `room` is the backend's (see `SessionTable`), or
    None: while it says no, nothing is kept, for others need the memory more.
    """

    room: "Room | None" = None
    short = False  # the last buffer that was to be made was not to be had

    def __init__(self, most: int, size: int = 0) -> None:
        self.size = size
        self.kept: deque[bytearray] = deque((), most)

    def take(self, size: int = 0, more: int = 0) -> bytearray:
        """A buffer of `size` bytes or more, where `more` of them are left for others, or with -1
        in any case: nothing would go on without. Raises MemoryError."""
        if size < self.size:
            size = self.size
        while self.kept:
            buffer = self.kept.popleft()
            if len(buffer) >= size:
                return buffer
        try:
            if more >= 0 and self.room is not None and not self.room(size, more):
                raise MemoryError
            buffer = bytearray(size)
        except MemoryError:
            self.short = True
            raise
        if self.short:
            self.short = False
        return buffer

    def give(self, buffer: bytearray) -> None:
        if not self.short:
            self.kept.append(buffer)
