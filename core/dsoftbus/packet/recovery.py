"""Packets under way, those that arrived and those that were lost (RFC 9002 section 6)."""

from dsoftbus.base.ticks import earliest
from dsoftbus.const import U30_MAX
from dsoftbus.errors import STALE_REPLY, PeerError
from dsoftbus.packet.acks import AckReader

if False:  # for types
    from dsoftbus.contracts import Buffer, Congestion, Deadline
    from dsoftbus.packet.packets import DatagramProtect
    from dsoftbus.packet.rtt import Rtt
    from dsoftbus.packet.segments import Outbox


REORDER_PACKETS = 3  # RFC 9002 section 6.1.1
PROBES = 2  # packets a timeout may send: one of them may get lost (section 6.2.4)
PERSISTENT_PROBES = 3  # timeouts in a row after which the path is taken to have changed
BACKOFF_MAX = 6  # doublings
NO_SEGMENT = -1


class Recovery:
    """A ring of the packets that ask for an acknowledgement, in the order they were sent.

    `capacity` bounds it. A packet with size 0 in the ring has been settled and waits for the ones
    before it. `outbox` learns what became of its segments.
    """

    def __init__(
        self, capacity: int, outbox: "Outbox", rtt: "Rtt", congestion: "Congestion"
    ) -> None:
        self.outbox = outbox
        self._rtt = rtt
        self.congestion = congestion
        self.acks = AckReader()
        self._capacity = capacity
        self._numbers = [0] * capacity
        self._times = [0] * capacity
        self._sizes = [0] * capacity
        self._segments = [0] * capacity
        self._head = 0
        self._count = 0
        self._largest_acked = -1
        self._reorder = REORDER_PACKETS
        self._sent_at = 0
        # When the oldest packet is lost, unless it is acknowledged
        self.loss_at: int | None = None
        self._timeouts = 0  # in a row, without an acknowledgement
        self.probes = 0  # packets that may go although the window is full

    @property
    def has_room(self) -> bool:
        """Tells whether one more packet can be recorded; probes go anyway."""
        return self._count < self._capacity - PROBES

    def sent(self, number: int, size: int, segment: int, now: int) -> None:
        """Packet `number` asks for an acknowledgement; it carries `segment`, or NO_SEGMENT."""
        if self._count == self._capacity:
            self._make_room()
        slot = (self._head + self._count) % self._capacity
        self._count += 1
        self._numbers[slot] = number
        self._times[slot] = now
        self._sizes[slot] = size
        self._segments[slot] = segment
        self._sent_at = now
        if self.probes:
            self.probes -= 1
        if segment >= 0:
            self.outbox.sent(segment)
        self.congestion.on_sent(size)

    def acknowledged(
        self, buffer: "Buffer", at: int, ranges: int, protect: "DatagramProtect", now: int
    ) -> None:
        """The peer's acknowledgement in `buffer[at:]`; raises PeerError for one that `protect`
        finds false."""
        acks = self.acks
        acks.read(buffer, at, ranges)
        left_out = protect.judge(acks)
        if left_out < 0:
            raise PeerError(STALE_REPLY, "acknowledges what was not sent")
        if self._settle(now):
            if self._timeouts >= PERSISTENT_PROBES:
                self.congestion.collapse()
            self._timeouts = 0
            self.probes = 0
        if acks.largest > self._largest_acked:
            self._largest_acked = acks.largest
            self._reorder = REORDER_PACKETS + left_out
        self._find_lost(now)

    def deadline(self) -> "Deadline":
        """Returns when `handle_timer` is due, in ms, or None."""
        if not self._count:
            return None
        backoff = min(self._timeouts, BACKOFF_MAX)
        probe_at = self._sent_at + (self._rtt.probe_timeout << backoff)
        return probe_at if self.loss_at is None else earliest(self.loss_at, probe_at)

    def handle_timer(self, now: int) -> None:
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return
        if self.loss_at is not None and now >= self.loss_at:
            self._find_lost(now)
        else:
            self._timeouts += 1
            self._sent_at = now
            self.probes = PROBES

    def restart(self) -> None:
        """The path has changed: nothing is under way any more."""
        self._timeouts = 0
        acked = self._largest_acked
        self._largest_acked = U30_MAX  # everything was sent well before that
        self._find_lost(0)
        self._largest_acked = acked

    def _settle(self, now: int) -> bool:
        """Walks the ring beside the ranges; returns whether anything was new."""
        acks = self.acks
        i = acks.count - 1  # the lowest range
        settled = False
        for k in range(self._count):
            slot = (self._head + k) % self._capacity
            number = self._numbers[slot]
            if number > acks.largest:
                break
            while number > acks.high[i]:
                i -= 1
            if number >= acks.low[i] and self._sizes[slot]:
                settled = True
                if number == acks.largest:
                    self._rtt.sample(now - self._times[slot], acks.delay_ms)
                self.congestion.on_acked(number, self._sizes[slot], self._times[slot], now)
                self._sizes[slot] = 0
                if self._segments[slot] >= 0:
                    self.outbox.acked(self._segments[slot])
        self._drop_settled()
        return settled

    def _find_lost(self, now: int) -> None:
        """Packets that were sent well before one that arrived are lost."""
        self.loss_at = None
        if not self._count:
            return
        delay = self._rtt.loss_delay
        for k in range(self._count):
            slot = (self._head + k) % self._capacity
            number = self._numbers[slot]
            if number >= self._largest_acked:
                break
            if not self._sizes[slot]:
                continue
            late_at = self._times[slot] + delay
            if number > self._largest_acked - self._reorder and now < late_at:
                self.loss_at = late_at
                break
            self._lose(slot)
        self._drop_settled()

    def _make_room(self) -> None:
        self._lose(self._head)
        self._drop_settled()

    def _lose(self, slot: int) -> None:
        newest = self._numbers[(self._head + self._count - 1) % self._capacity]
        self.congestion.on_lost(self._numbers[slot], self._sizes[slot], newest)
        self._sizes[slot] = 0
        if self._segments[slot] >= 0:
            self.outbox.lost(self._segments[slot])

    def _drop_settled(self) -> None:
        while self._count and not self._sizes[self._head]:
            self._head = (self._head + 1) % self._capacity
            self._count -= 1
