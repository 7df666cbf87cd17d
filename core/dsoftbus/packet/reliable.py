"""Reliable delivery over datagrams, and unreliable messages beside it.

A protected packet holds `kinds u8 | body | acknowledgement` (docs/wire-format.md). A packet holds
one body at most: a segment of whole mux frames, a message, or a probe.
"""

from dsoftbus.base.codec import get_u32
from dsoftbus.base.spares import Spares
from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    BODY_CLOSE,
    BODY_MESSAGE,
    BODY_NONE,
    BODY_PROBE,
    BODY_SEGMENT,
    PACKET_HEADER,
)
from dsoftbus.errors import MALFORMED, NONCE_EXHAUSTED, LocalError, PeerError
from dsoftbus.packet.acks import (
    ACK_EVERY,
    ACK_FIXED,
    ACK_RANGE,
    LONG_DELAY_MS,
    RANGES_MAX,
    AckRanges,
)
from dsoftbus.packet.packets import LAST_NUMBER, PACKET_OVERHEAD
from dsoftbus.packet.recovery import NO_SEGMENT, PROBES, Recovery
from dsoftbus.packet.rtt import Rtt
from dsoftbus.packet.segments import BEYOND, NEXT, OLD, SEGMENT_HEADER, Inbox, Outbox

if False:  # for types
    from collections import deque
    from collections.abc import Callable

    from dsoftbus.contracts import (
        Buffer,
        Congestion,
        Copy,
        Data,
        Deadline,
        Pacing,
        Profile,
        Sink,
    )
    from dsoftbus.mux.mux import Mux
    from dsoftbus.packet.packets import DatagramProtect


_BODY_MASK = 7
_RANGES_SHIFT = 3
_BODY_AT = PACKET_HEADER + 1  # in a packet's buffer, behind `kinds`
_FRAMES_AT = PACKET_HEADER + SEGMENT_HEADER
_AGAIN_MS = 50  # after a lack of memory for what was to be sent
_SMALL_PACKETS = 8  # under way beside the segments: messages and probes


class Reliable:
    """One side of a session's packets, sealed by `protect`.

    `own_bytes`: the longest datagram this side takes, `datagram_bytes` what both take;
    `peer_segments`: what the peer can hold; `flow` gives the congestion control. `sink(buffer, at,
    stop, now)` takes frames in order (contracts.Sink).
    """

    # Of unreliable messages; `unreliable` makes the queues with the first.
    # Takes a message of the peer or not, where access rules decide it
    gate: "Callable[[], bool] | None" = None
    _taken = 0  # bytes of the next segment's frames that the sink has taken
    stuck = False  # the next segment is, or was, here, and its frames find no memory
    messages_dropped = 0  # arrived, and there was no room, or `gate` said no
    waiting: "deque[bytes] | tuple[()]" = ()  # messages to be sent
    arrived: "deque[bytes] | tuple[()]" = ()

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
        self._copy = copy
        self.protect = protect
        self._room = datagram_bytes - PACKET_OVERHEAD
        segments = min(profile.segments, peer_segments)
        self.pool = Spares(profile.segments + segments, own_bytes - PACKET_OVERHEAD)
        self._outbox = Outbox(self.pool, segments)
        self._inbox = Inbox(self.pool, profile.segments, copy)
        self.messages_max = profile.messages
        self.rtt = Rtt()
        limit = segments * datagram_bytes
        self.congestion, self.pacer = flow(datagram_bytes, limit, self.rtt, now)
        capacity = 2 * segments + _SMALL_PACKETS
        self.recovery = Recovery(capacity, self._outbox, self.rtt, self.congestion)
        self.acks = AckRanges()
        self._crowded = False  # an acknowledgement was due, and the last packet had no room for it
        self._paced_until: int | None = None  # when the pacer lets go what nothing else holds back
        self.close_code = -1  # of the peer's CLOSE
        self.segments_resent = 0

    # Commands

    def wait(self, patience_ms: int) -> None:
        """Leaves the layer below, which delivers by itself, `patience_ms` for that.
        Acknowledgements cost more than they bring then: up to half a window waits for one."""
        self.rtt.unknown_ms += patience_ms
        self.rtt.margin_ms = patience_ms
        self.acks.delay_ms = LONG_DELAY_MS
        self.acks.every = min(max(self._outbox.limit // 2, ACK_EVERY), RANGES_MAX)

    @property
    def message_max(self) -> int:
        """The longest unreliable message, in bytes."""
        return self._room - 1

    def probe(self) -> None:
        """Asks the peer for a packet, now."""
        self.recovery.probes = PROBES

    # Inputs

    def receive(self, buffer: "Buffer", stop: int, now: int, sink: "Sink") -> bool:
        """Reads the plaintext of the packet that `protect` has opened in `buffer`, up to `stop`.

        Returns False when its body found no room here: it will come again. Raises PeerError.
        """
        kinds = buffer[PACKET_HEADER]
        body = kinds & _BODY_MASK
        ranges = kinds >> _RANGES_SHIFT
        end = stop
        if ranges:
            end -= ACK_FIXED + ACK_RANGE * ranges
        if end < _BODY_AT:
            raise PeerError(MALFORMED, "packet")
        if ranges:
            self.recovery.acknowledged(buffer, end, ranges, self.protect, now)
        if body == BODY_SEGMENT:
            taken = self._on_segment(buffer, end, now, sink)
        else:
            taken = self._on_other(body, buffer, end)
        if taken:
            asks = body != BODY_NONE and body != BODY_CLOSE
            self.acks.add(self.protect.number, asks, now)
        return taken

    def handle_timer(self, now: int) -> None:
        self.recovery.handle_timer(now)

    def _on_segment(self, buffer: "Buffer", end: int, now: int, sink: "Sink") -> bool:
        number = get_u32(buffer, _BODY_AT) if end > _FRAMES_AT else -1
        if number < 0:
            raise PeerError(MALFORMED, "segment")
        inbox = self._inbox
        place = inbox.place(number)
        if place == NEXT:
            if not self._sank(sink, buffer, _FRAMES_AT, end, now):
                return False
            inbox.advance()
            if inbox.held:
                self.deliver(now, sink)
            return True
        if place == OLD:
            return True
        return place != BEYOND and self._hold(number, buffer, end)

    def deliver(self, now: int, sink: "Sink") -> None:
        """Hands on what is held and has its turn, as far as there is memory for it."""
        inbox = self._inbox
        while inbox.has_next and self._sank(sink, inbox.ready, 0, inbox.ready_stop, now):
            inbox.release()

    def _sank(self, sink: "Sink", buffer: "Buffer", at: int, stop: int, now: int) -> bool:
        """Hands on the frames of the next segment in `buffer[at:stop]`; False when some are left:
        then those before are not handed on again."""
        reached = sink(buffer, at + self._taken, stop, now)
        if reached < stop:
            self.stuck = True
            self._taken = reached - at
        elif self.stuck:
            self.stuck = False
            self._taken = 0
        return reached >= stop

    def _hold(self, number: int, buffer: "Buffer", end: int) -> bool:
        try:
            self._inbox.hold(number, buffer, _FRAMES_AT, end)
        except MemoryError:
            return False  # nothing has changed, and the peer will send it again
        return True

    def _on_other(self, body: int, buffer: "Buffer", end: int) -> bool:
        if body == BODY_MESSAGE:
            from dsoftbus.packet.unreliable import on_message  # only who has such pays for it

            on_message(self, buffer, _BODY_AT, end)
            return True
        if body == BODY_CLOSE and end == _BODY_AT + 1:
            self.close_code = buffer[_BODY_AT]
        elif body != BODY_PROBE and (end != _BODY_AT or body != BODY_NONE):
            raise PeerError(MALFORMED, "packet body")
        return True

    # Outputs

    def poll_transmit(self, out: "Buffer", source: "Mux", now: int) -> int:
        """Writes one packet into `out`; returns its length, 0 when nothing may go now.

        `source` is the mux: it fills new segments.
        """
        self._paced_until = None
        if not self._crowded and self._may_send(source, now):
            n = self._send_body(out, source, now)
            if n:
                return n
        if self.acks.pending and self.acks.due(now):
            return self._send_in_place(out, 0, BODY_NONE, now)
        return 0

    def poll_timer(self) -> "Deadline":
        """The next deadline, or None; once poll_transmit has nothing more to give."""
        deadline = self.recovery.deadline()
        acknowledge_at = self.acks.deadline()
        if acknowledge_at is not None:
            deadline = earliest(deadline, acknowledge_at)
        return deadline if self._paced_until is None else earliest(deadline, self._paced_until)

    def write_close(self, out: "Buffer", code: int) -> int:
        """A packet that tells the end."""
        out[PACKET_HEADER] = BODY_CLOSE
        out[_BODY_AT] = code
        return self.protect.seal(out, PACKET_HEADER, _BODY_AT + 1, out)

    @property
    def settled(self) -> int:
        """The number of segments that the peer has acknowledged, up to the first that it has
        not."""
        return self._outbox.base

    @property
    def idle(self) -> bool:
        """True when all that was sent has been acknowledged, or needs not be."""
        return self._outbox.idle and not self.waiting

    def _may_send(self, source: "Mux", now: int) -> bool:
        """Returns whether a packet with a body may go; sets the timer where only pacing forbids
        it."""
        if self.recovery.probes:
            return True
        outbox = self._outbox
        if not (outbox.has_lost or self.waiting or (source.has_output and outbox.has_room)):
            return False
        if not (self.congestion.has_room and self.recovery.has_room):
            return False
        ready_at = self.pacer.ready_at(now)
        if ready_at > now:
            self._paced_until = ready_at
            return False
        return True

    def _send_body(self, out: "Buffer", source: "Mux", now: int) -> int:
        """Sends one body: lost segments come first, then messages, then new segments."""
        outbox = self._outbox
        segment = outbox.take_lost()
        if segment < 0 and self.recovery.probes:
            segment = outbox.oldest()
        if segment >= 0:
            self.segments_resent += 1
            return self._send_again(out, segment, now)
        if self.waiting:
            return self._send_message(out, self.waiting.popleft(), now)
        if outbox.has_room and source.has_output:
            stop = self._fill(source, now)
            if stop > SEGMENT_HEADER:
                return self._send_segment(out, outbox.commit(stop), now)
        if self.recovery.probes:
            return self._send_in_place(out, 0, BODY_PROBE, now)
        return 0

    def _fill(self, source: "Mux", now: int) -> int:
        """Fills a new segment; returns where it stops, 0 where there is no memory for it now."""
        room = self._room
        if self.acks.pending:
            room -= ACK_FIXED + ACK_RANGE * self.acks.count
        try:
            buffer = self._outbox.begin()
        except MemoryError:
            self._paced_until = now + _AGAIN_MS
            return 0
        return source.fill(buffer, SEGMENT_HEADER, room)

    def _send_segment(self, out: "Buffer", segment: int, now: int) -> int:
        outbox = self._outbox
        stop = outbox.stop(segment)
        return self._send(out, outbox.buffer(segment), 0, stop, BODY_SEGMENT, segment, now)

    def _send_again(self, out: "Buffer", segment: int, now: int) -> int:
        return self._send_segment(out, segment, now)

    def _send_message(self, out: "Buffer", data: "Data", now: int) -> int:
        n = len(data)
        self._copy(out, _BODY_AT, data, 0, n)
        return self._send_in_place(out, n, BODY_MESSAGE, now)

    def _send_in_place(self, out: "Buffer", n: int, body: int, now: int) -> int:
        """Sends the `n` bytes that lie where the body of a packet in `out` does."""
        return self._send(out, out, PACKET_HEADER, _BODY_AT + n, body, NO_SEGMENT, now)

    def _send(
        self,
        out: "Buffer",
        buffer: "Buffer",
        at: int,
        stop: int,
        body: int,
        segment: int,
        now: int,
    ) -> int:
        """Seals the plaintext `buffer[at:stop]`, with an acknowledgement where there is room."""
        number = self.protect.next_number
        if number > LAST_NUMBER:
            raise LocalError(NONCE_EXHAUSTED)
        acks = self.acks
        ranges = 0
        if acks.pending:
            ranges = acks.write(buffer, stop, at + self._room, now)
            self._crowded = not ranges and acks.due(now)
        buffer[at] = body | ranges << _RANGES_SHIFT
        if ranges:
            stop += ACK_FIXED + ACK_RANGE * ranges
        n = self.protect.seal(buffer, at, stop, out)
        if body != BODY_NONE:
            self.recovery.sent(number, n, segment, now)
            self.pacer.on_sent(n)
        return n
