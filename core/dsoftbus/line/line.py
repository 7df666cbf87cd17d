"""A serial line as a link for datagrams: fragments, each sent again until it is acknowledged.

    kind and room u8 | epochs u8 | [seq u8 | base u8 | count u8]
    | [next u8 | held u16 | echo u8 | spoilt u8] | payload | check u16

in one COBS frame (docs/wire-format.md, serial lines). A datagram of 1000 bytes never gets over a
line that spoils one byte in a hundred; of fragments of 30 bytes two out of three do. So a datagram
is cut into fragments as long as the line lets through. Nothing overtakes on a line: the echo of a
frame's count tells the fate of all that were sent before it, and how long its answer took.

One cable leads to several nodes where a bridge stands at its end: the first byte of a datagram is
its channel, a small int, which is the line's path. NEIGHBOUR is the node at the other end itself.

The line checks against noise, not against people: packets are authenticated above it.
"""

from array import array
from binascii import crc32

from dsoftbus.base.codec import copy, put_u16
from dsoftbus.base.spares import Spares
from dsoftbus.base.ticks import earliest
from dsoftbus.line.cobs import ENCODED_MAX, HEAD, Deframer, encode
from dsoftbus.packet.rtt import Rtt

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


if False:  # for types
    from dsoftbus.contracts import Any, Buffer, Data, Deadline


NEIGHBOUR = const(0)  # the channel of the node at the other end
CHANNEL_MAX = const(255)
_DATA = const(1)
_FIRST = const(2)
_LAST = const(4)
_ACK = const(8)
_HEADER = const(2)
_CHANNEL = const(1)  # bytes before a datagram
_CHECK = const(2)
_MARK = const(0x80)  # and 0 to 4 in the three bits below it; the format before has no such frames
_ROOM_SHIFT = const(4)
_ROOM_MAX = const(4)  # as a power of two
_FRAGMENT_MAX = const(240)  # with all headers it is 252 bytes, cobs.FRAME_MAX
_FRAGMENT_MIN = const(15)  # even with 3 % of bytes spoilt, half of these arrive
_OVERHEAD = const(11)  # bytes around a fragment, about
_SEQ = const(0xFF)
_SLOTS_MAX = const(16)  # `held` has a bit for each
_SLOTS_FIRST = const(4)  # under way while nobody knows what the peer can hold
_EPOCHS = const(15)
_WAITING = const(0)  # an order: to be sent
_LOST = const(-2)  # to be sent again
_ACKNOWLEDGED = const(-1)
_ROOMS = b"\1\2\4\10\20"
_SILENCES = const(8)  # timeouts in a row, after which nobody is there: about 20 s
_STREAK = const(6)  # losses in a row, after which fragments are shortened at once
_LONG = const(60)  # fragments above this length may never get over; shorter ones do in the end
_STREAK_FIRST = const(2)  # while nothing has arrived
_BATCH = const(16)  # fragments sent between two looks at the losses
_COMPLAINTS = const(8)  # about spoilt frames, until a good one comes: two noises call no third
_QUIET_MS = const(20)  # after such a silence a zero comes first: who knows what the line picked up
_ACK_MS = const(250)  # an acknowledgement waits so long for company; what is lost is told at once
_NOW = const(0)
_AGAIN_MS = const(50)  # after a lack of memory for what was to be sent
# What is spoilt is told at once. A timeout is for what vanished: it may take its time, since one
# that comes too early costs a slow board as much as a message. RFC 6298 had 3 s at first, too.
_TIMEOUT_FIRST_MS = const(3000)
_TIMEOUT_MARGIN_MS = const(1000)  # above the mean, as section 2.4: an answer may wait for company
_NOISY_MARGIN_MS = const(50)  # where frames are spoilt, some vanish: their zero is spoilt
_TIMEOUT_MAX_MS = const(3000)  # that backing off leads to; a longer round trip has longer ones


class Line:
    """One end. Bytes come through `space()` and `filled(n, now)` and leave by `poll_transmit`;
    `sendto` and `recvfrom_into` make it a link of DatagramPump.

    `mtu`: the longest datagram. `slots`: fragments under way each way, a power of two up to 16.
    `epoch`: any number, another one after each start.
    """

    def __init__(self, epoch: int, mtu: int = 1200, slots: int = 16) -> None:
        self.mtu = mtu
        self.fragment_bytes = _FRAGMENT_MAX  # what is cut now
        self.lost = 0  # fragments that were sent again
        self.needless = 0  # those of them that had arrived
        self.abandoned = 0  # times that everything under way was given up
        self.old = 0  # frames of a peer that speaks the format before this one
        self._slots = slots
        self._mark = _MARK | _ROOMS.find(bytes((slots,))) << _ROOM_SHIFT
        self._window = min(slots, _SLOTS_FIRST)
        self._epoch = epoch % _EPOCHS + 1
        self._peer = 0  # the peer's epoch, 0 while it has not been heard
        self.frames = Deframer()
        self._now = 0
        # Out: the datagram that is being cut, and the fragments under way, from base to seq.
        self._out = bytearray()  # as long as the longest so far; so is the one for what comes in
        self._out_at = self._out_stop = 0
        self.pool = Spares(2 * slots, _FRAGMENT_MAX)
        self._sent: list[Any] = [None] * slots
        self._sent_bytes = bytearray(slots)
        self._sent_kind = bytearray(slots)
        self._order = array("i", bytes(4 * slots))
        self._sent_at = array("H", bytes(4 * slots))  # when the last 2 * slots frames were sent
        self._base = self._seq = epoch & _SEQ
        self._sends = 0  # the order of the last fragment that was sent
        self._echoed = 0  # of the last one that was measured
        self._told = 0  # how many frames were spoilt, as the peer said last, modulo 256
        self._batch_from = 0
        self._batch_told = 0
        self._streak = 0  # fragments that were spoilt since one has arrived
        self._rtt = Rtt()
        self._backoff = 0  # timeouts since the last that was measured (RFC 6298 section 5.7)
        self._due: int | None = None
        self._quiet_from = -_QUIET_MS
        # In: all before taken is in the datagram, all before next is here; what waits is in slots.
        self._got: list[Any] = [None] * slots
        self._got_bytes = bytearray(slots)  # 0: not here
        self._got_kind = bytearray(slots)
        self._taken = self._next = 0
        self._datagram = bytearray()
        self._datagram_bytes = -1  # so far; -1: up to the next first fragment there is nothing
        self._whole = 0  # the length of a datagram that nobody has read yet
        self._echo = 0  # the count of the last fragment that is here
        self._ack_at: int | None = None  # when an acknowledgement goes, without company if need be
        self._owed = 0  # fragments since the last one
        self._noticed = 0  # what was dropped when the peer was last told
        self._complaints = _COMPLAINTS

    # The link of a datagram pump

    def sendto(self, buffer: "Data", n: int, channel: int) -> bool:
        """Takes the datagram `buffer[:n]`; False while the one before it is being cut,
        and while there is no memory for it."""
        if self._out_at < self._out_stop:
            return False
        if len(self._out) < _CHANNEL + n:
            try:
                self._out = bytearray(_CHANNEL + n)
            except MemoryError:
                self._due = self._due or self._now + _AGAIN_MS
                return False
        self._out[0] = channel
        copy(self._out, _CHANNEL, buffer, 0, n)
        self._out_at = 0
        self._out_stop = _CHANNEL + n
        return True

    def recvfrom_into(self, buffer: "Buffer") -> tuple[int, int] | None:
        """The next whole datagram: (its length, its channel), or None."""
        while not self._whole and self._taken != self._next:
            slot = self._taken % self._slots
            self._join(self._got_kind[slot], self._got[slot], 0, self._got_bytes[slot])
            self._drop(slot)
            self._taken = (self._taken + 1) & _SEQ
        if not self._whole:
            return None
        n = min(self._whole - _CHANNEL, len(buffer))
        self._whole = 0
        copy(buffer, 0, self._datagram, _CHANNEL, n)
        return n, self._datagram[0]

    @property
    def listens(self) -> bool:
        """Tells whether there is more to send than may be under way, and room for what is read."""
        return self._out_at < self._out_stop and not self._whole and self._taken == self._next

    def _join(self, kind: int, src: "Data", at: int, n: int) -> None:
        """Adds the next fragment to the datagram, which may then be whole."""
        have = 0 if kind & _FIRST else self._datagram_bytes
        if not 0 <= have <= _CHANNEL + self.mtu - n:
            self._datagram_bytes = -1
            return
        if have + n > len(self._datagram):
            self._datagram += bytes(have + n - len(self._datagram))
        copy(self._datagram, have, src, at, n)
        self._whole = have + n if kind & _LAST else 0
        self._datagram_bytes = -1 if kind & _LAST else have + n

    # Bytes in

    def space(self) -> memoryview:
        """A view for the port to read into, never empty; `filled(n, now)` says how much."""
        return self.frames.space()

    def filled(self, n: int, now: int) -> None:
        """The port has read `n` bytes into the view of `space()`."""
        self._now = now
        self.frames.filled(n)
        found = True
        while found:
            found = self.frames.next()
            if self.frames.dropped != self._noticed:
                self._complain()
            if found:
                self._on_frame(self.frames.buffer, self.frames.at, self.frames.stop - _CHECK)

    def _complain(self) -> None:
        """Tells the peer, now, that something was spoilt: it may be all that was under way."""
        self._noticed = self.frames.dropped
        if self._complaints:
            self._complaints -= 1
            self._ack_at = _NOW
            if self.fragment_bytes < _FRAGMENT_MAX:
                self._resend_oldest()  # it may be the answer that was spoilt

    def _on_frame(self, buffer: "Buffer", at: int, stop: int) -> None:
        kind = buffer[at]
        epochs = buffer[at + 1]
        body = at + _HEADER + (3 if kind & _DATA else 0)
        payload = body + (5 if kind & _ACK else 0)
        check = buffer[stop] << 8 | buffer[stop + 1]
        room = kind - _MARK >> _ROOM_SHIFT
        old = not 0 <= room <= _ROOM_MAX
        short = payload > stop and not old
        if short or not epochs >> 4 or _check(buffer, at, stop) != check:
            self.frames.dropped += 1
            self._complain()
            return
        if old:
            self.old += 1
            return
        self._complaints = _COMPLAINTS
        self._window = min(self._slots, 1 << room)
        if kind & _ACK:
            self._on_ack(epochs & 15, buffer, body)
        if kind & _DATA and payload < stop <= payload + _FRAGMENT_MAX:
            self._in_step(epochs >> 4, buffer[at + 3])
            self._on_fragment(
                kind, buffer[at + 2], buffer[at + 4], buffer, payload, stop - payload
            )

    def _in_step(self, epoch: int, base: int) -> None:
        """Follows a peer that has started anew, or given up what was under way."""
        if epoch == self._peer and (self._next - base) & _SEQ <= _SLOTS_MAX:
            return
        if self._backoff and self._due is not None:
            self._due = self._now  # it is there again, and has nothing of what it was sent
        self._peer = epoch
        self._taken = self._next = base
        self._datagram_bytes = -1
        for slot in range(self._slots):
            self._drop(slot)

    def _drop(self, slot: int) -> None:
        """The fragment that came in `slot` is not needed any more."""
        if self._got_bytes[slot]:
            self._got_bytes[slot] = 0
            self.pool.give(self._got[slot])
            self._got[slot] = None

    def _on_fragment(
        self, kind: int, seq: int, count: int, buffer: "Buffer", at: int, n: int
    ) -> None:
        slot = seq % self._slots
        ahead = (seq - self._next) & _SEQ
        self._owed += 1
        noisy = self.fragment_bytes < _FRAGMENT_MAX or (n < _FRAGMENT_MAX and not kind & _LAST)
        if ahead or noisy or 2 * self._owed >= self._window:  # where it is noisy, nothing waits
            self._ack_at = _NOW
        elif self._ack_at is None:
            self._ack_at = self._now + _ACK_MS
        if ahead <= _SEQ >> 1 and not self._got_bytes[slot]:
            if (seq - self._taken) & _SEQ >= self._slots:
                return  # there is no room yet
            try:
                if seq == self._taken and not self._whole:
                    self._join(kind, buffer, at, n)
                    self._taken = self._next = (seq + 1) & _SEQ
                else:  # before its turn, or before the last datagram was read
                    self._got[slot] = self.pool.take()
                    copy(self._got[slot], 0, buffer, at, n)
                    self._got_bytes[slot] = n
                    self._got_kind[slot] = kind
            except MemoryError:
                return  # nor is there
            last = (self._taken + self._slots) & _SEQ
            while self._next != last and self._got_bytes[self._next % self._slots]:
                self._next = (self._next + 1) & _SEQ
        self._echo = count

    # Acknowledgements

    def _on_ack(self, epoch: int, buffer: "Buffer", at: int) -> None:
        """`next | held | echo | spoilt` at `buffer[at:]`: all before `next` have arrived, and of
        those behind it the ones that `held` names."""
        lost = 0
        told = self._told
        self._told = buffer[at + 4]
        if epoch == self._epoch:
            done = (buffer[at] - self._base) & _SEQ
            if done > (self._seq - self._base) & _SEQ:
                return  # of long ago
            lost = self._settle_arrived(done, buffer, at)
        elif epoch:
            return  # what it speaks of was given up
        if self._told != told:
            self._ack_at = _NOW  # which may be what was spoilt
            lost = lost or self._resend_oldest()
        self._streak += lost
        if self._streak >= (_STREAK if self._echoed else _STREAK_FIRST):
            self._shorten()

    def _settle_arrived(self, done: int, buffer: "Buffer", at: int) -> int:
        """Returns how many fragments turn out to be lost: what was sent before the newest that
        has arrived, and has not arrived."""
        held = buffer[at + 1] << 8 | buffer[at + 2]
        newest = self._sends - ((self._sends - buffer[at + 3]) & _SEQ)
        for i in range((self._seq - self._base) & _SEQ):
            if i < done or (i > done and held >> (i - done - 1) & 1):
                slot = (self._base + i) % self._slots
                self.needless += self._order[slot] > newest  # the answer is to one before it
                self._settle(slot)
        self._base = (self._base + done) & _SEQ
        if newest > self._echoed:  # a frame has been answered
            self._echoed = newest
            self._streak = 0
            if self._sends - newest < len(self._sent_at):
                rtt_ms = (self._now - self._sent_at[newest % len(self._sent_at)]) & 0xFFFF
                if self.fragment_bytes < _FRAGMENT_MAX and self._rtt.known:
                    # The first answers may have been spoilt.
                    rtt_ms = min(rtt_ms, 2 * self._rtt.smoothed + _NOISY_MARGIN_MS)
                self._rtt.sample(rtt_ms)
                self._backoff = 0
            self._arm()
        lost = 0
        for slot in range(self._slots):
            if 0 < self._order[slot] < newest:
                self._order[slot] = _LOST
                lost += 1
        return lost

    def _settle(self, slot: int) -> None:
        """The fragment in `slot` is of no interest any more."""
        self._order[slot] = _ACKNOWLEDGED
        if self._sent[slot] is not None:
            self.pool.give(self._sent[slot])
            self._sent[slot] = None

    def _resend_oldest(self) -> int:
        """The fragment that is under way for longest goes again; returns 0 if there is none."""
        oldest = -1
        for slot in range(self._slots):
            order = self._order[slot]
            if order > 0 and (oldest < 0 or order < self._order[oldest]):
                oldest = slot
        if oldest >= 0:
            self._order[oldest] = _LOST
        return oldest >= 0

    def _give_up(self) -> None:
        """Gives up the frames under way; a new epoch tells the peer where to go on."""
        self.abandoned += 1
        self._epoch = self._epoch % _EPOCHS + 1
        self._out_at = self._out_stop
        self._base = self._seq
        for slot in range(self._slots):
            self._settle(slot)
        self._backoff = 0
        self._due = None

    def _shorten(self) -> None:
        """Fragments as long as those under way do not get over: sessions send again, in others."""
        self._streak = 0
        size = self._sent_bytes[self._base % self._slots]
        self.fragment_bytes = max(min(self.fragment_bytes, size) // 4, _FRAGMENT_MIN)
        if size > (_LONG if self._echoed else 2 * _FRAGMENT_MIN):
            self._give_up()

    def _adapt(self) -> None:
        """Chooses the length of fragments that brings most over the line.

        With a chance `e` for each byte to be spoilt, half the length is better as soon as more
        than overhead / (half + overhead) of the fragments get lost; a quarter of what the present
        length would bear leaves room for twice the length.
        """
        size = self.fragment_bytes
        lost = (self._told - self._batch_told) & _SEQ
        self._batch_told = self._told
        self._batch_from = self._sends
        if lost * (size // 2 + _OVERHEAD) > _BATCH * _OVERHEAD:
            self.fragment_bytes = max(size // 2, _FRAGMENT_MIN)
        elif lost * 4 * (size + _OVERHEAD) < _BATCH * _OVERHEAD:
            self.fragment_bytes = min(size * 2, _FRAGMENT_MAX)

    # Timers

    def poll_timer(self) -> "Deadline":
        """Returns when `handle_timer` is due, in ms, or None."""
        return earliest(self._due, self._ack_at)

    def handle_timer(self, now: int) -> None:
        """Asks by one fragment what has become of all, when nothing has been heard for long."""
        self._now = now
        if self._ack_at is not None and now >= self._ack_at:
            self._ack_at = _NOW
        if self._due is None or now < self._due:
            return
        self._backoff += 1
        if self._backoff > _SILENCES:
            self._give_up()
        else:
            self._resend_oldest()
        self._arm()

    def _arm(self) -> None:
        self._due = None
        if self._base != self._seq:
            rtt = self._rtt
            margin_ms = _TIMEOUT_MARGIN_MS if rtt.known else _TIMEOUT_FIRST_MS
            if self.fragment_bytes < _FRAGMENT_MAX:
                margin_ms = _NOISY_MARGIN_MS
            wait_ms = max(rtt.smoothed + margin_ms, rtt.probe_timeout)
            longest_ms = max(wait_ms, _TIMEOUT_MAX_MS)
            self._due = self._now + min(wait_ms << self._backoff, longest_ms)

    # Bytes out

    def poll_transmit(self, out: bytearray, now: int) -> int:
        """Writes one frame into `out` (FRAME_ROOM bytes or more); returns its length, or 0.

        Best asked when the port has taken the frame before: acknowledgements are then fresh.
        """
        self._now = now
        if self._sends - self._batch_from >= _BATCH:
            self._adapt()
        # On a noisy line an acknowledgement seldom gets over with a fragment behind it, and both
        # ends may then wait for each other's.
        noisy = self._streak or self._complaints < _COMPLAINTS
        slot = -1 if noisy and self._ack_at == _NOW else self._next_slot(now)
        if slot < 0 and self._ack_at != _NOW:
            return 0
        start = 0
        if now - self._quiet_from >= _QUIET_MS:
            out[0] = 0
            start = 1
        stop = self._put_frame(out, start + HEAD, slot)
        put_u16(out, stop, _check(out, start + HEAD, stop))
        self._quiet_from = now
        return encode(out, start, stop + _CHECK)

    def _next_slot(self, now: int) -> int:
        """The slot of the oldest fragment that is to be sent again, or of the next one, or -1."""
        under_way = (self._seq - self._base) & _SEQ
        for i in range(under_way):
            slot = (self._base + i) % self._slots
            if self._order[slot] == _LOST:
                return slot
        at = self._out_at
        if under_way >= self._window or at >= self._out_stop:
            return -1
        slot = self._seq % self._slots
        n = min(self.fragment_bytes, self._out_stop - at)
        try:
            self._sent[slot] = self.pool.take()
        except MemoryError:
            self._due = self._due or now + _AGAIN_MS
            return -1
        copy(self._sent[slot], 0, self._out, at, n)
        self._out_at = at + n
        kind = _DATA if at else _DATA | _FIRST
        self._sent_kind[slot] = kind | _LAST if at + n == self._out_stop else kind
        self._sent_bytes[slot] = n
        self._order[slot] = _WAITING
        self._seq = (self._seq + 1) & _SEQ
        return slot

    def _put_frame(self, out: bytearray, at: int, slot: int) -> int:
        """Writes the frame without its check; returns the index past it."""
        head = at
        out[head] = self._mark
        out[at + 1] = self._epoch << 4 | self._peer
        at += _HEADER
        if slot >= 0:
            out[head] |= self._sent_kind[slot]
            self._sends += 1
            self.lost += self._order[slot] == _LOST
            out[at] = (self._base + (slot - self._base) % self._slots) & _SEQ
            out[at + 1] = self._base
            out[at + 2] = self._sends & _SEQ
            at += 3
            self._order[slot] = self._sends
            self._sent_at[self._sends % len(self._sent_at)] = self._now & 0xFFFF
            if self._due is None:
                self._arm()
        if self._ack_at == _NOW or (self._ack_at and self._out_at == self._out_stop):
            out[head] |= _ACK
            held = 0  # bits for the fragments behind the first one that is missing
            for i in range(1, (self._taken + self._slots - self._next) & _SEQ):
                if self._got_bytes[(self._next + i) % self._slots]:
                    held |= 1 << (i - 1)
            out[at] = self._next
            at = put_u16(out, at + 1, held)
            out[at] = self._echo
            out[at + 1] = self._noticed & _SEQ
            at += 2
            self._ack_at = None
            self._owed = 0
        if slot >= 0:
            n = self._sent_bytes[slot]
            copy(out, at, self._sent[slot], 0, n)
            at += n
        return at


FRAME_ROOM = ENCODED_MAX + 1  # a zero before it


def _check(buffer: "Buffer", at: int, stop: int) -> int:
    return crc32(memoryview(buffer)[at:stop]) & 0xFFFF
