"""Segments that are longer than their path carries by now: they go in parts, of hosts alone.

A part has a number of its own beside those of segments, under which `Recovery` keeps it.
"""

from dsoftbus.const import DATAGRAM_MAX
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.packet.acks import ACK_MAX
from dsoftbus.packet.growing import FIRST, moved
from dsoftbus.packet.segments import BEYOND, OLD, SEGMENT_HEADER, Inbox, Outbox

if False:  # for types
    from dsoftbus.base.spares import Spares
    from dsoftbus.contracts import Any, Buffer, Copy
    from dsoftbus.packet.path_mtu import PathMtu


PART_BYTES = 1024  # such a packet passes every path, with its acknowledgement
PARTS = 1 << 40  # numbers from here on are of parts
_SHIFT = 6  # no segment has more than 64 parts
RESENT = 4  # times that a long segment goes without arriving: the path carries it no more
_MASK = (1 << _SHIFT) - 1


def split(number: int) -> tuple[int, int]:
    """(segment, part) of the number of a part."""
    number -= PARTS
    return number >> _SHIFT, number & _MASK


class PartedOutbox(Outbox):
    """An Outbox whose segments have different lengths, up to `room` now; those that are longer go
    in parts. It holds `limit` segments, and about as many bytes as if they had 1200 each.
    `path_mtu` hears of those that are full."""

    def __init__(self, pool: "Spares", limit: int, room: int, path_mtu: "PathMtu") -> None:
        super().__init__(pool, min(FIRST, limit))
        self.most = limit
        self._path_mtu = path_mtu
        self.room = room
        self._missing: dict[int, int] = {}  # segment -> a bit for each part that has not arrived
        self._again: list[int] = []  # parts that must go, the last first
        self._begins = [0] * self.limit  # of the segments, in the bytes of all
        self._filled = 0
        self._resending = -1  # the oldest segment, if it is long and was sent again
        self.unheard = False  # what the path seems to carry does not arrive
        self._resent = 0  # times that `_resending` went

    def resize(self, room: int) -> None:
        """Segments have up to `room` bytes from now on."""
        self.room = room
        self.unheard = False
        self._resending = -1
        self._buffers[self._next % self.limit] = None  # it was begun, and may be too short

    @property
    def has_room(self) -> bool:
        if self.base == self._next:
            return True
        held = self._filled - self._begins[self.base % self.limit]
        return self._next - self.base < self.most and held < self.most * DATAGRAM_MAX

    @property
    def has_lost(self) -> bool:
        return self._lost_count > 0 or len(self._again) > 0

    def commit(self, stop: int) -> int:
        self._begins[self._next % self.limit] = self._filled
        self._filled += stop
        if stop + ACK_MAX >= self.room:
            self._path_mtu.on_filled()
        number = Outbox.commit(self, stop)  # not super(): each packet goes this way
        if self._next - self.base == self.limit < self.most:
            self._grow()
        return number

    def _grow(self) -> None:
        """All slots are taken: makes more, up to `most`."""
        size = self.limit = min(2 * self.limit, self.most)
        numbers = range(self.base, self._next)
        self._buffers = moved(self._buffers, [None] * size, numbers)
        self._stops = moved(self._stops, [0] * size, numbers)
        self._begins = moved(self._begins, [0] * size, numbers)
        self._copies = moved(self._copies, bytearray(size), numbers)
        self._lost = moved(self._lost, bytearray(size), numbers)

    def take_lost(self) -> int:
        """The oldest segment that must go again, or a part of one; -1 when there is none."""
        while True:
            while self._again:
                number = self._again.pop()
                if self._lacks(number):
                    return number
            number = super().take_lost()
            if number < 0 or self.stop(number) <= self.room:
                self._note_again(number)
                return number
            self._cut(number)

    def oldest(self) -> int:
        number = super().oldest()
        if number < 0 or (self.stop(number) <= self.room and number not in self._missing):
            self._note_again(number)
            return number
        if number not in self._missing:
            self._cut(number)
        part = 0
        while not self._missing[number] >> part & 1:
            part += 1
        return part_number(number, part)

    def sent(self, number: int) -> None:
        if number < PARTS:
            Outbox.sent(self, number)

    def acked(self, number: int) -> None:
        if number >= PARTS:
            if not self._lacks(number):
                return
            number, part = split(number)
            self._missing[number] &= ~(1 << part)
            if self._missing[number]:
                return
        if self._missing:
            self._missing.pop(number, None)
        Outbox.acked(self, number)

    def lost(self, number: int) -> None:
        if number >= PARTS:
            self._again.append(number)
        elif number not in self._missing:
            super().lost(number)

    def _cut(self, number: int) -> None:
        parts = (self.stop(number) - SEGMENT_HEADER + PART_BYTES - 1) // PART_BYTES
        self._missing[number] = (1 << parts) - 1
        for part in range(parts - 1, -1, -1):
            self._again.append(part_number(number, part))

    def _note_again(self, number: int) -> None:
        """`number` goes again, as a whole (RFC 8899, section 4.3)."""
        if number != self.base or self.stop(number) <= DATAGRAM_MAX:
            return
        if number != self._resending:
            self._resending = number
            self._resent = 1  # it went before
        self._resent += 1
        self.unheard = self._resent > RESENT

    def _lacks(self, number: int) -> bool:
        segment, part = split(number)
        return self._missing.get(segment, 0) >> part & 1 != 0


def part_number(segment: int, part: int) -> int:
    return PARTS + (segment << _SHIFT) + part


class PartedInbox(Inbox):
    """An Inbox that takes parts, and keeps no more than `limit` segments of 1200 bytes would need.

    `longest`: bytes of the frames in the longest segment.
    """

    def __init__(self, pool: "Spares", limit: int, copy: "Copy", longest: int) -> None:
        super().__init__(pool, min(FIRST, limit), copy)
        self._most = limit
        self._longest = longest
        self._left = limit * DATAGRAM_MAX
        # Segment -> [buffer, total, a bit for each part that is missing]
        self._partial: dict[int, list[Any]] = {}

    def place(self, number: int) -> int:
        while self._limit <= number - self.expected < self._most:
            self._grow()
        return super().place(number)

    def _grow(self) -> None:
        """A segment is beyond the slots: makes more, up to `_most`."""
        numbers = range(self.expected, self.expected + self._limit)
        size = self._limit = min(2 * self._limit, self._most)
        self._buffers = moved(self._buffers, [None] * size, numbers)
        self._stops = moved(self._stops, [0] * size, numbers)

    def hold(self, number: int, buffer: "Buffer", at: int, stop: int) -> None:
        partial = self._partial.get(number)
        if stop - at > self._left + (partial[1] if partial is not None else 0):
            raise MemoryError
        super().hold(number, buffer, at, stop)
        self._left -= stop - at
        self._forget(number)

    def advance(self) -> None:
        if self._partial:
            self._forget(self.expected)
        self.expected += 1

    def release(self) -> None:
        self._left += self.ready_stop
        super().release()

    def put_part(
        self, number: int, total: int, part: int, buffer: "Buffer", at: int, n: int
    ) -> bool:
        """Takes `part` of segment `number`, the bytes `buffer[at : at + n]`; returns whether it is
        kept here, or was. Raises PeerError for one that cannot be; MemoryError."""
        begin = part * PART_BYTES
        if not begin < total <= self._longest or n != min(PART_BYTES, total - begin):
            raise PeerError(MALFORMED, "part")
        place = self.place(number)
        if place == OLD:
            return True
        if place == BEYOND:
            return False
        partial = self._partial.get(number) or self._begin(number, total)
        if total != partial[1]:
            raise PeerError(MALFORMED, "part of another segment")
        self._copy(partial[0], begin, buffer, at, n)
        partial[2] &= ~(1 << part)
        if not partial[2]:
            self._complete(number)
        return True

    def _begin(self, number: int, total: int) -> "list[Any]":
        if total > self._left:
            raise MemoryError
        missing = (1 << (total + PART_BYTES - 1) // PART_BYTES) - 1
        partial = self._partial[number] = [bytearray(total), total, missing]
        self._left -= total
        return partial

    def _complete(self, number: int) -> None:
        buffer, total, _ = self._partial.pop(number)
        slot = number % self._limit
        self._buffers[slot] = buffer
        self._stops[slot] = total
        self.held += 1

    def _forget(self, number: int) -> None:
        """The segment is here as a whole."""
        partial = self._partial.pop(number, None)
        if partial is not None:
            self._left += partial[1]
