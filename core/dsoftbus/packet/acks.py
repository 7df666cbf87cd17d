"""Selective acknowledgement: what the receiver remembers, and its bytes at a packet's end.

`largest u32 | delay_ms u16 | ranges: gap u16, count u16, downward` (docs/wire-format.md).
"""

from struct import pack_into

from dsoftbus.base.codec import get_u32
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.packet.rtt import ACK_DELAY_MS

if False:  # for types
    from dsoftbus.contracts import Buffer, Deadline


ACK_FIXED = 6
ACK_RANGE = 4
RANGES_MAX = 12  # newest first: each is repeated until twelve newer gaps have come
ACK_MAX = ACK_FIXED + ACK_RANGE * RANGES_MAX
ACK_EVERY = 2  # packets (RFC 9000 section 13.2.2)
# Acknowledgements that say all ranges once more when one has changed: then the newest is enough,
# as eight in a row hardly ever get lost, and what had arrived only goes again if they do.
REPEATS = 8
HORIZON = 2056  # numbers below the newest, as many as a host has under way: then it is forgotten
LONG_DELAY_MS = 200  # a slow board's answer, which takes the acknowledgement along, takes so long
_FIELD_MAX = 0xFFFF
_FIXED = ">IH"
_RANGE = ">HH"


class AckRanges:
    """Numbers of packets whose content is in this side's hands, as ranges, the newest first."""

    delay_ms = ACK_DELAY_MS
    every = ACK_EVERY  # packets that wait for one acknowledgement

    def __init__(self) -> None:
        self._first = [0] * RANGES_MAX
        self._last = [0] * RANGES_MAX
        self.count = 0
        self._arrived = 0  # when the largest came
        # Packets that ask for an acknowledgement and have had none: one goes with any other packet
        self.pending = 0
        self._at_once = False
        self._deadline = 0
        self._repeats = 0  # acknowledgements that have all ranges still to say

    def add(self, number: int, asks: bool, now: int) -> None:
        """A packet was taken; `asks` when it wants to be acknowledged."""
        expected = self.count == 0 or number == self._last[0] + 1
        if expected and self.count:
            self._last[0] = number
            self._arrived = now
            if number - self._last[self.count - 1] > HORIZON:
                self.count -= 1
        else:
            if not self.count or number > self._last[0]:
                self._arrived = now
            self._insert(number)
        if asks:
            if not self.pending:
                self._deadline = now + self.delay_ms
            self.pending += 1
            if not expected or self.pending >= self.every:
                self._at_once = True

    def deadline(self) -> "Deadline":
        """Returns when an acknowledgement is due, in ms; 0 for at once, None for never."""
        if not self.pending:
            return None
        return 0 if self._at_once else self._deadline

    def due(self, now: int) -> bool:
        return self.pending > 0 and (self._at_once or now >= self._deadline)

    def write(self, out: "Buffer", at: int, limit: int, now: int) -> int:
        """Writes as many ranges at `at` as have room before `limit`; returns how many, maybe 0."""
        ranges = (limit - at - ACK_FIXED) // ACK_RANGE
        if ranges > self.count:
            ranges = self.count
        if ranges <= 0:
            return 0
        if self._repeats:
            self._repeats -= 1
        else:
            ranges = 1
        pack_into(_FIXED, out, at, self._last[0], min(now - self._arrived, _FIELD_MAX))
        at += ACK_FIXED
        written = 0
        above = self._last[0] + 1
        while written < ranges:
            gap = above - 1 - self._last[written]
            if gap > _FIELD_MAX:
                break
            above = self._first[written]
            pack_into(_RANGE, out, at, gap, min(self._last[written] - above + 1, _FIELD_MAX))
            at += ACK_RANGE
            written += 1
            if self._last[written - 1] - above >= _FIELD_MAX:
                break  # what lies below could not be told apart from it
        self.pending = 0
        self._at_once = False
        return written

    def _insert(self, number: int) -> None:
        first = self._first
        last = self._last
        self._repeats = REPEATS
        i = 0
        while i < self.count and number < first[i] - 1:
            i += 1
        if i < self.count and number == first[i] - 1:
            first[i] = number
            if i + 1 < self.count and last[i + 1] == number - 1:
                first[i] = first[i + 1]
                self._remove(i + 1)
        elif i < self.count and number == last[i] + 1:
            last[i] = number
        elif i < RANGES_MAX:
            self._open(i, number)

    def _open(self, i: int, number: int) -> None:
        """A new range at `i`; the oldest gives way when there are too many."""
        if self.count < RANGES_MAX:
            self.count += 1
        for k in range(self.count - 1, i, -1):
            self._first[k] = self._first[k - 1]
            self._last[k] = self._last[k - 1]
        self._first[i] = self._last[i] = number

    def _remove(self, i: int) -> None:
        self.count -= 1
        for k in range(i, self.count):
            self._first[k] = self._first[k + 1]
            self._last[k] = self._last[k + 1]


class AckReader:
    """Reads an acknowledgement into lists, which are as long as the most ranges that came."""

    def __init__(self) -> None:
        self.low: list[int] = []
        self.high: list[int] = []
        self.count = 0
        self.largest = 0
        self.delay_ms = 0

    def read(self, buffer: "Buffer", at: int, ranges: int) -> None:
        """Raises PeerError(MALFORMED) for what cannot be."""
        self.largest = get_u32(buffer, at)
        self.delay_ms = buffer[at + 4] << 8 | buffer[at + 5]
        at += ACK_FIXED
        high = self.largest
        for i in range(ranges):
            gap = buffer[at] << 8 | buffer[at + 1]
            count = buffer[at + 2] << 8 | buffer[at + 3]
            high -= gap
            low = high - count + 1
            if low < 0 or count == 0 or (gap == 0) != (i == 0):
                raise PeerError(MALFORMED, "acknowledgement")
            if i == len(self.low):
                self.high.append(0)
                self.low.append(0)
            self.high[i] = high
            self.low[i] = low
            high = low - 1
            at += ACK_RANGE
        self.count = ranges
