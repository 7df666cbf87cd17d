"""Segments: whole mux frames that are delivered in order. The queues on both sides are bounded.

Buffers come from one pool a session; it makes them when they are needed, never more than both
windows, and keeps them while memory is not short.
"""

from dsoftbus.base.codec import put_u32

if False:  # for types
    from dsoftbus.base.spares import Spares
    from dsoftbus.contracts import Any, Buffer, Copy


SEGMENT_HEADER = 5  # kinds, segment number

# Buffers that must be left by those who could do without one, for what a stream has received.
LEFT = 2

NEXT = 0
AHEAD = 1
OLD = 2
BEYOND = 3


class Outbox:
    """Segments that this side sent and the peer has not acknowledged, at most `limit`.

    A segment's buffer is the plaintext of its packet: `kinds | number | frames`. `copies` counts
    the packets under way that carry it: it is lost only when all of them are.
    """

    def __init__(self, pool: "Spares", limit: int) -> None:
        self._pool = pool
        self.limit = limit
        self._buffers: list[Any] = [None] * limit  # a bytearray where there is a segment
        self._stops = [0] * limit
        self._copies = bytearray(limit)
        self._lost = bytearray(limit)  # 1: must go again
        self._lost_count = 0
        self._lost_from = 0  # no lost segment lies below
        self.base = 0  # the oldest that is not acknowledged
        self._next = 0

    @property
    def idle(self) -> bool:
        return self.base == self._next

    @property
    def has_room(self) -> bool:
        return self._next - self.base < self.limit

    @property
    def has_lost(self) -> bool:
        return self._lost_count > 0

    def begin(self) -> bytearray:
        """The buffer of the next segment: fill it from SEGMENT_HEADER on, then `commit`. Raises
        MemoryError."""
        slot = self._next % self.limit
        buffer = self._buffers[slot]
        if buffer is None:
            buffer = self._buffers[slot] = self._pool.take(0, -1 if self.idle else LEFT)
        return buffer

    def commit(self, stop: int) -> int:
        """The segment is filled up to `stop`; returns its number."""
        number = self._next
        slot = number % self.limit
        self._stops[slot] = stop
        self._copies[slot] = 0
        put_u32(self._buffers[slot], 1, number)
        self._next = number + 1
        return number

    def take_lost(self) -> int:
        """The oldest segment that must go again, or -1."""
        if not self._lost_count:
            return -1
        number = max(self._lost_from, self.base)
        while not self._lost[number % self.limit]:
            number += 1
        self._forget_loss(number % self.limit)
        self._lost_from = number + 1
        return number

    def oldest(self) -> int:
        """The segment that the peer misses most, for a probe; -1 when it misses none."""
        return self.base if self.base < self._next else -1

    def buffer(self, number: int) -> bytearray:
        return self._buffers[number % self.limit]

    def stop(self, number: int) -> int:
        return self._stops[number % self.limit]

    def sent(self, number: int) -> None:
        slot = number % self.limit
        if self._copies[slot] < 255:
            self._copies[slot] += 1

    def acked(self, number: int) -> None:
        """A packet with segment `number` has arrived."""
        slot = number % self.limit
        if number < self.base or self._stops[slot] == 0:
            return
        self._stops[slot] = 0
        if self._lost[slot]:
            self._forget_loss(slot)
        self._pool.give(self._buffers[slot])
        self._buffers[slot] = None
        while self.base < self._next and self._stops[self.base % self.limit] == 0:
            self.base += 1

    def lost(self, number: int) -> None:
        """A packet with segment `number` is lost: the segment goes again, if none is left."""
        slot = number % self.limit
        if number < self.base or self._stops[slot] == 0 or self._lost[slot]:
            return
        if self._copies[slot]:
            self._copies[slot] -= 1
        if not self._copies[slot]:
            self._lost[slot] = 1
            self._lost_count += 1
            self._lost_from = min(self._lost_from, number)

    def _forget_loss(self, slot: int) -> None:
        self._lost[slot] = 0
        self._lost_count -= 1


class Inbox:
    """Segments that came before their turn, at most `limit` from the next one on."""

    def __init__(self, pool: "Spares", limit: int, copy: "Copy") -> None:
        self._pool = pool
        self._limit = limit
        self._copy = copy
        self._buffers: list[Any] = [None] * limit  # a bytearray where there is a segment
        self._stops = [0] * limit
        self.expected = 0
        self.held = 0

    def place(self, number: int) -> int:
        """NEXT, AHEAD (hold it), OLD (it was here) or BEYOND (there is no room for it)."""
        if number < self.expected:
            return OLD
        if number >= self.expected + self._limit:
            return BEYOND
        if self._stops[number % self._limit]:
            return OLD
        return NEXT if number == self.expected else AHEAD

    def hold(self, number: int, buffer: "Buffer", at: int, stop: int) -> None:
        """Keeps the frames `buffer[at:stop]` of a segment that is AHEAD. Raises MemoryError."""
        slot = number % self._limit
        kept = self._pool.take(stop - at, LEFT)
        self._copy(kept, 0, buffer, at, stop - at)
        self._buffers[slot] = kept
        self._stops[slot] = stop - at
        self.held += 1

    def advance(self) -> None:
        """The expected segment has been handed on."""
        self.expected += 1

    @property
    def has_next(self) -> bool:
        """The segment that is expected is held."""
        return self.held > 0 and self._stops[self.expected % self._limit] > 0

    @property
    def ready(self) -> bytearray:
        return self._buffers[self.expected % self._limit]

    @property
    def ready_stop(self) -> int:
        return self._stops[self.expected % self._limit]

    def release(self) -> None:
        """The held segment that is expected has been handed on."""
        slot = self.expected % self._limit
        self._pool.give(self._buffers[slot])
        self._buffers[slot] = None
        self._stops[slot] = 0
        self.held -= 1
        self.expected += 1
