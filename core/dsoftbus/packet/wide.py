"""Reliable delivery between two hosts: their packets grow to what the path carries.

docs/wire-format.md, path MTU. Sessions of boards are those of `reliable`.
"""

from collections import deque

from dsoftbus.base.codec import get_u32, put_u16, put_u32
from dsoftbus.const import (
    BODY_PART,
    BODY_PROBE,
    BODY_SEGMENT,
    DATAGRAM_MAX,
    PACKET_HEADER,
    TAG_BYTES,
)
from dsoftbus.errors import MALFORMED, NONCE_EXHAUSTED, LocalError, PeerError
from dsoftbus.packet.growing import GrowingRecovery
from dsoftbus.packet.packets import LAST_NUMBER, PACKET_OVERHEAD
from dsoftbus.packet.parts import PART_BYTES, PARTS, PartedInbox, PartedOutbox, split
from dsoftbus.packet.path_mtu import NO_PROBE, PathMtu
from dsoftbus.packet.reliable import Reliable
from dsoftbus.packet.segments import SEGMENT_HEADER

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Buffer, Congestion, Copy, Pacing, Profile, Sink
    from dsoftbus.mux.mux import Mux
    from dsoftbus.packet.packets import DatagramProtect
    from dsoftbus.packet.rtt import Rtt


_BODY_AT = PACKET_HEADER + 1
_PART_AT = _BODY_AT + 7  # behind segment number, total, part
_KEPT = 2  # windows of bytes, one each way, whose buffers are kept


class WideReliable(Reliable):
    """`Reliable`, whose `datagram_bytes` is the ceiling of a search that begins at 1200."""

    _inbox: "PartedInbox"
    _outbox: "PartedOutbox"

    def __init__(
        self,
        profile: "Profile",
        copy: "Copy",
        protect: "DatagramProtect",
        own_bytes: int,
        datagram_bytes: int,
        peer_segments: int,
        now: int,
        flow: "Callable[[int, int, Rtt, int], tuple[Congestion, Pacing]]",
    ) -> None:
        base = DATAGRAM_MAX
        super().__init__(profile, copy, protect, base, base, peer_segments, now, flow)
        longest = own_bytes - PACKET_OVERHEAD - SEGMENT_HEADER
        self._inbox = PartedInbox(self.pool, profile.segments, copy, longest)
        self.path_mtu = PathMtu(datagram_bytes)
        self._outbox = PartedOutbox(self.pool, self._outbox.limit, self._room, self.path_mtu)
        segments = self._outbox.most
        self.recovery = GrowingRecovery(segments, self._outbox, self.rtt, self.congestion)
        self._parted = False  # parts have come: a segment may be whole

    @property
    def message_max(self) -> int:
        """The longest unreliable message, in bytes: on every path."""
        return DATAGRAM_MAX - PACKET_OVERHEAD - 1

    def forget_path(self) -> None:
        """Nothing is known of what the path carries; what was longer goes in parts."""
        self.path_mtu.restart()
        self._resize()

    def _resize(self) -> None:
        size = self.path_mtu.size
        self._room = size - PACKET_OVERHEAD
        self._outbox.resize(self._room)
        self.pool.size = self._room
        self.pool.kept = deque((), _KEPT * self._outbox.most * DATAGRAM_MAX // size)
        self.congestion.datagram = size  # type: ignore[attr-defined] # a network's has it
        self.pacer.datagram = size  # type: ignore[attr-defined] # as above

    # Inputs

    def receive(self, buffer: "Buffer", stop: int, now: int, sink: "Sink") -> bool:
        taken = Reliable.receive(self, buffer, stop, now, sink)  # not super(): every packet
        if self.path_mtu.number != NO_PROBE:
            self._look_for_probe()
        if self._parted:
            self._parted = False
            self.deliver(now, sink)
        return taken

    def _look_for_probe(self) -> None:
        acks = self.recovery.acks
        number = self.path_mtu.number
        for i in range(acks.count):
            if acks.low[i] <= number <= acks.high[i]:
                self.path_mtu.on_acked()
                self._resize()
                return

    def _on_other(self, body: int, buffer: "Buffer", end: int) -> bool:
        if body != BODY_PART:
            return super()._on_other(body, buffer, end)
        number = get_u32(buffer, _BODY_AT) if end > _PART_AT else -1
        if number < 0:
            raise PeerError(MALFORMED, "part")
        total = buffer[_PART_AT - 3] << 8 | buffer[_PART_AT - 2]
        part = buffer[_PART_AT - 1]
        self._parted = True
        try:
            return self._inbox.put_part(number, total, part, buffer, _PART_AT, end - _PART_AT)
        except MemoryError:
            return False  # nothing has changed, and the peer will send it again

    # Outputs

    def presses(self, source: "Mux", now: int) -> bool:
        """Tells whether there is, or may be at once, more to send than an acknowledgement that is
        not due."""
        recovery = self.recovery
        if self._outbox.has_lost or self.waiting or source.has_output or recovery.probes:
            return True
        return recovery.loss_at is not None or (self.acks.pending > 0 and self.acks.due(now))

    def _send_body(self, out: "Buffer", source: "Mux", now: int) -> int:
        mtu = self.path_mtu
        if mtu.wanted and mtu.due(now, self.rtt.probe_timeout):
            return self._send_probe(out, now)
        if self._outbox.unheard:
            self.forget_path()
        return Reliable._send_body(self, out, source, now)

    def _send_probe(self, out: "Buffer", now: int) -> int:
        """It is no part of what is under way: its loss says nothing of congestion."""
        number = self.protect.next_number
        if number > LAST_NUMBER:
            raise LocalError(NONCE_EXHAUSTED)
        stop = self.path_mtu.next_size - TAG_BYTES
        out[PACKET_HEADER] = BODY_PROBE
        out[_BODY_AT:stop] = bytes(stop - _BODY_AT)
        n = self.protect.seal(out, PACKET_HEADER, stop, out)
        self.path_mtu.on_probe(number, now)
        self.pacer.on_sent(n)
        return n

    def _send_again(self, out: "Buffer", segment: int, now: int) -> int:
        if segment >= PARTS:
            return self._send_part(out, segment, now)
        buffer = self._outbox.buffer(segment)
        if len(buffer) >= self._room:
            return self._send_segment(out, segment, now)
        # It was filled when packets were shorter, and has no room for an acknowledgement.
        stop = self._outbox.stop(segment)
        self._copy(out, PACKET_HEADER, buffer, 0, stop)
        stop += PACKET_HEADER
        return self._send(out, out, PACKET_HEADER, stop, BODY_SEGMENT, segment, now)

    def _send_part(self, out: "Buffer", number: int, now: int) -> int:
        segment, part = split(number)
        buffer, stop = self._outbox.buffer(segment), self._outbox.stop(segment)
        begin = SEGMENT_HEADER + part * PART_BYTES
        n = min(PART_BYTES, stop - begin)
        at = put_u16(out, put_u32(out, _BODY_AT, segment), stop - SEGMENT_HEADER)
        out[at] = part
        self._copy(out, _PART_AT, buffer, begin, n)
        return self._send(out, out, PACKET_HEADER, _PART_AT + n, BODY_PART, number, now)


def forget_path(reliable: Reliable, most: int) -> None:
    """The path is another, of a link whose longest datagram has `most` bytes: see
    `WideReliable.forget_path`."""
    if isinstance(reliable, WideReliable):
        reliable.path_mtu.limit(most)
        reliable.forget_path()
