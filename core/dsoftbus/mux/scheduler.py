"""The order of sending: strict priority with a starvation budget, round robin within a class.

Class 0 is the highest. A class that has waited through `PRIORITY_BURST` consecutive dequeues from
classes above it gets one; of several such classes the highest goes first. With all eight classes
saturated, each round of 15 is eight of class 0 and one of each other class.
"""

from collections import deque

from dsoftbus.const import PRIORITIES, PRIORITY_BURST

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.mux.stream import Stream


class Scheduler:
    """Holds each waiting stream once; `limit` bounds how many there can be."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queues: list[Any] = [None] * PRIORITIES  # made with the first stream of their class
        self._passed = bytearray(PRIORITIES)  # dequeues above each waiting class
        self.waiting = 0  # a bit per class that is not empty
        self._chosen = 0

    def push(self, stream: "Stream") -> None:
        """Queues `stream` behind the others of its class."""
        queue = self._queues[stream.priority]
        if queue is None:
            queue = self._queues[stream.priority] = deque((), self._limit)
        queue.append(stream)
        self.waiting |= 1 << stream.priority

    def peek(self) -> "Stream":
        """The stream whose turn it is; call only when there is one."""
        if self.waiting != 1 << self._chosen:
            self._chosen = self._choose()
        return self._queues[self._chosen][0]

    def pop(self) -> None:
        """Takes the stream that peek() gave, and counts its turn against those below it."""
        chosen = self._chosen
        queue = self._queues[chosen]
        queue.popleft()
        self._passed[chosen] = 0
        if not queue:
            self.waiting &= ~(1 << chosen)
        if self.waiting >> (chosen + 1):
            self._count_below(chosen)

    def remove(self, stream: "Stream") -> None:
        """Takes `stream` out wherever it stands; rare, so it may walk its class."""
        queue = self._queues[stream.priority]
        for _ in range(len(queue)):
            other = queue.popleft()
            if other is not stream:
                queue.append(other)
        if not queue:
            self.waiting &= ~(1 << stream.priority)
            self._passed[stream.priority] = 0

    def _choose(self) -> int:
        highest = _lowest_bit(self.waiting)
        lower = self.waiting & (self.waiting - 1)
        while lower:
            level = _lowest_bit(lower)
            if self._passed[level] >= PRIORITY_BURST:
                return level
            lower &= lower - 1
        return highest

    def _count_below(self, chosen: int) -> None:
        for level in range(chosen + 1, PRIORITIES):
            if self.waiting >> level & 1 and self._passed[level] < PRIORITY_BURST:
                self._passed[level] += 1


def _lowest_bit(bits: int) -> int:
    """The index of the lowest bit that is set (some bit of the eight is)."""
    level = 0
    while not bits & 1:
        bits >>= 1
        level += 1
    return level
