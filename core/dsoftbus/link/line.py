"""A serial line as a link for datagrams: fragments, each sent again until it is acknowledged.

    kind and slots u8 | epochs u8 | [seq u8 | base u8] | [next u8 | held u16] | payload | check u16

in one COBS frame (docs/wire-format.md, serial lines). A datagram of 1000 bytes never gets over a
line that spoils one byte in a hundred; of fragments of 30 bytes two out of three do. So a datagram
is cut into fragments as long as the line lets through. Nothing overtakes on a line: when a later
fragment has been acknowledged, an earlier one that has not been is lost.

One cable leads to several nodes where a bridge stands at its end: the first byte of a datagram is
its channel, a small int, which is the line's path. NEIGHBOUR is the node at the other end itself.

The line checks against noise, not against people: packets are authenticated above it.
"""

from array import array
from binascii import crc32

from dsoftbus.codec import copy, put_u16
from dsoftbus.link.cobs import ENCODED_MAX, HEAD, Deframer, encode
from dsoftbus.link.segments import Pool

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


NEIGHBOUR = const(0)  # the channel of the node at the other end
CHANNEL_MAX = const(255)
_DATA = const(1)
_FIRST = const(2)
_LAST = const(4)
_ACK = const(8)
_HEADER = const(2)
_CHANNEL = const(1)  # bytes before a datagram
_CHECK = const(2)
_FRAGMENT_MAX = const(240)  # with all headers it is 249 bytes, below cobs.FRAME_MAX
_FRAGMENT_MIN = const(15)  # even with 3 % of bytes spoilt, half of these arrive
_OVERHEAD = const(10)  # bytes around a fragment, about
_SEQ = const(0xFF)
_SLOTS_MAX = const(16)  # `held` has a bit for each
_SLOTS_FIRST = const(4)  # under way while nobody knows what the peer can hold
_EPOCHS = const(15)
_WAITING = const(0)  # an order: to be sent, perhaps again
_ACKNOWLEDGED = const(-1)
_TRIES = const(24)  # for one fragment; then the datagram is lost, as datagrams may be
_SILENCES = const(17)  # timeouts in a row, after which nobody is there
_HASTE = const(8)  # of them before the next ones come later and later
_PATIENCE = const(3)  # of them with long fragments
_LONG = const(60)  # fragments above this length may be what keeps all from getting over
_BATCH = const(16)  # fragments sent between two looks at the losses
_QUIET_MS = const(20)  # after such a silence a zero comes first: who knows what the line picked up
_RTT_FIRST_MS = const(100)
_TIMEOUT_NOISY_MS = const(6)  # the first: only time shows that the last of a window got lost
_TIMEOUT_MIN_MS = const(30)  # USB adapters hold bytes back for 16 ms
_TIMEOUT_MAX_MS = const(2000)


class Line:
    """One end. Bytes come through `space()` and `filled(n, now)` and leave by `poll_transmit`;
    `sendto` and `recvfrom_into` make it a link of DatagramPump.

    `mtu`: the longest datagram. `slots`: fragments under way each way, a power of two up to 16.
    `epoch`: any number, another one after each start.
    """

    def __init__(self, epoch: int, mtu: int = 1200, slots: int = 16):
        self.mtu = mtu
        self.fragment_bytes = _FRAGMENT_MAX  # what is cut now
        self.lost = 0  # fragments that were sent again
        self.abandoned = 0  # times that everything under way was given up
        self.spoilt = 0  # frames whose check was wrong
        self._slots = slots
        self._window = min(slots, _SLOTS_FIRST)
        self._epoch = epoch % _EPOCHS + 1
        self._peer = 0  # the peer's epoch, 0 while it has not been heard
        self._in = Deframer()
        self._now = 0
        # Out: the datagram that is being cut, and the fragments under way, from base to seq.
        self._out = bytearray()  # as long as the longest so far; so is the one for what comes in
        self._out_at = self._out_stop = 0
        self._pool = Pool(_FRAGMENT_MAX, 2 * slots)
        self._sent: list = [None] * slots
        self._sent_bytes = bytearray(slots)
        self._sent_kind = bytearray(slots)
        self._tries = bytearray(slots)
        self._order = array("i", bytes(4 * slots))
        self._sent_at = array("i", bytes(4 * slots))
        self._base = self._seq = epoch & _SEQ
        self._sends = 0  # the order of the last fragment that was sent
        self._batch_from = 0
        self._batch_lost = 0
        self._rtt_ms = _RTT_FIRST_MS
        self._backoff = 0  # timeouts in a row
        self._due: int = None
        self._quiet_from = -_QUIET_MS
        # In: all before taken is in the datagram, all before next is here; what waits is in slots.
        self._got: list = [None] * slots
        self._got_bytes = bytearray(slots)  # 0: not here
        self._got_kind = bytearray(slots)
        self._taken = self._next = 0
        self._datagram = bytearray()
        self._datagram_bytes = -1  # so far; -1: up to the next first fragment there is nothing
        self._whole = 0  # the length of a datagram that nobody has read yet
        self._owes_ack = False

    # The link of a datagram pump

    def sendto(self, buffer, n: int, channel: int) -> bool:
        """Takes the datagram `buffer[:n]`; False while the one before it is being cut."""
        if self._out_at < self._out_stop:
            return False
        if len(self._out) < _CHANNEL + n:
            self._out = bytearray(_CHANNEL + n)
        self._out[0] = channel
        copy(self._out, _CHANNEL, buffer, 0, n)
        self._out_at = 0
        self._out_stop = _CHANNEL + n
        return True

    def recvfrom_into(self, buffer):
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

    def close(self) -> None:
        """Drops what is under way."""
        self._forget()

    def _join(self, kind: int, src, at: int, n: int) -> None:
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

    def space(self):
        """A view for the port to read into, never empty; `filled(n, now)` says how much."""
        return self._in.space()

    def filled(self, n: int, now: int) -> None:
        """The port has read `n` bytes into the view of `space()`."""
        self._now = now
        self._in.filled(n)
        while self._in.next():
            self._on_frame(self._in.buffer, self._in.at, self._in.stop - _CHECK)

    @property
    def dropped(self) -> int:
        """Stretches between two zeros that were no frame, or one that noise has changed."""
        return self._in.dropped + self.spoilt

    def _on_frame(self, buffer, at: int, stop: int) -> None:
        if _check(buffer, at, stop) != buffer[stop] << 8 | buffer[stop + 1]:
            self.spoilt += 1
            return
        kind = buffer[at]
        epochs = buffer[at + 1]
        body = at + _HEADER + (2 if kind & _DATA else 0)
        payload = body + (3 if kind & _ACK else 0)
        if payload > stop or not epochs >> 4:
            self.spoilt += 1
            return
        if kind & _ACK and epochs & 15 == self._epoch:
            held = buffer[body + 1] << 8 | buffer[body + 2]
            self._window = min(self._slots, (kind >> 4) + 1)
            self._on_ack(buffer[body], held)
        if kind & _DATA and payload < stop <= payload + _FRAGMENT_MAX:
            self._in_step(epochs >> 4, buffer[at + 3])
            self._on_fragment(kind, buffer[at + 2], buffer, payload, stop - payload)

    def _in_step(self, epoch: int, base: int) -> None:
        """Follows a peer that has started anew, or given up what was under way."""
        if epoch == self._peer and (self._next - base) & _SEQ <= _SLOTS_MAX:
            return
        self._peer = epoch
        self._taken = self._next = base
        self._datagram_bytes = -1
        for slot in range(self._slots):
            self._drop(slot)

    def _drop(self, slot: int) -> None:
        """The fragment that came in `slot` is not needed any more."""
        if self._got_bytes[slot]:
            self._got_bytes[slot] = 0
            self._pool.give(self._got[slot])
            self._got[slot] = None

    def _on_fragment(self, kind: int, seq: int, buffer, at: int, n: int) -> None:
        self._owes_ack = True
        slot = seq % self._slots
        behind = (seq - self._next) & _SEQ > _SEQ >> 1
        if behind or (seq - self._taken) & _SEQ >= self._slots or self._got_bytes[slot]:
            return  # it was here before, or there is no room yet
        try:
            if seq == self._taken and not self._whole:
                self._join(kind, buffer, at, n)
                self._taken = self._next = (seq + 1) & _SEQ
            else:
                self._hold(slot, kind, buffer, at, n)
        except MemoryError:
            return  # there is no room yet, either
        self._advance()

    def _hold(self, slot: int, kind: int, buffer, at: int, n: int) -> None:
        """Keeps a fragment that came before its turn, or before the last datagram was read."""
        self._got[slot] = self._pool.take()
        copy(self._got[slot], 0, buffer, at, n)
        self._got_bytes[slot] = n
        self._got_kind[slot] = kind

    def _advance(self) -> None:
        last = (self._taken + self._slots) & _SEQ
        while self._next != last and self._got_bytes[self._next % self._slots]:
            self._next = (self._next + 1) & _SEQ

    # Acknowledgements

    def _on_ack(self, upto: int, held: int) -> None:
        """All before `upto` have arrived, and of those behind it the ones that `held` names."""
        under_way = (self._seq - self._base) & _SEQ
        done = (upto - self._base) & _SEQ
        if done > under_way:
            return  # of long ago
        newest = 0
        for i in range(under_way):
            slot = (self._base + i) % self._slots
            arrived = i < done or (i > done and held >> (i - done - 1) & 1)
            if arrived:
                if self._order[slot] > 0:
                    newest = max(newest, self._order[slot])
                    self._measure(slot)
                self._settle(slot)
        self._base = (self._base + done) & _SEQ
        if newest:
            self._backoff = 0
            self._find_lost(newest)
            self._arm()

    def _settle(self, slot: int) -> None:
        """The fragment in `slot` is of no interest any more."""
        self._order[slot] = _ACKNOWLEDGED
        if self._sent[slot] is not None:
            self._pool.give(self._sent[slot])
            self._sent[slot] = None

    def _measure(self, slot: int) -> None:
        if self._tries[slot] == 1:  # of one that was sent twice nobody knows which arrived
            self._rtt_ms += (self._now - self._sent_at[slot] - self._rtt_ms) >> 3

    def _find_lost(self, newest: int) -> None:
        """What was sent before `newest`, which has arrived, and has not arrived, is lost."""
        for slot in range(self._slots):
            if 0 < self._order[slot] < newest:
                self._resend(slot)
                self._batch_lost += 1
                if self._tries[slot] >= _TRIES:
                    self._give_up()

    def _resend(self, slot: int) -> None:
        self.lost += 1
        self._order[slot] = _WAITING

    def _give_up(self) -> None:
        """What is under way is lost; a new epoch tells the peer where to go on."""
        self.abandoned += 1
        self._forget()
        self._epoch = self._epoch % _EPOCHS + 1

    def _forget(self) -> None:
        self._out_at = self._out_stop
        self._base = self._seq
        for slot in range(self._slots):
            self._settle(slot)
        self._backoff = 0
        self._batch_from = self._sends
        self._batch_lost = 0
        self._due = None

    def _adapt(self) -> None:
        """Chooses the length of fragments that brings most over the line.

        With a chance `e` for each byte to be spoilt, half the length is better as soon as more
        than overhead / (half + overhead) of the fragments get lost; a quarter of what the present
        length would bear leaves room for twice the length.
        """
        size = self.fragment_bytes
        lost = self._batch_lost
        self._batch_lost = 0
        self._batch_from = self._sends
        if lost * (size // 2 + _OVERHEAD) > _BATCH * _OVERHEAD:
            self.fragment_bytes = max(size // 2, _FRAGMENT_MIN)
            if lost >= _BATCH - 1 and size > _FRAGMENT_MIN:
                self._give_up()  # fragments of the old length would take for ever
        elif lost * 4 * (size + _OVERHEAD) < _BATCH * _OVERHEAD:
            self.fragment_bytes = min(size * 2, _FRAGMENT_MAX)

    # Timers

    def poll_timer(self):
        """When `handle_timer` is due, in ms, or None."""
        return self._due

    def handle_timer(self, now: int) -> None:
        """Sends what is under way again when nothing has been heard for long."""
        self._now = now
        if self._due is None or now < self._due:
            return
        self._backoff += 1
        for slot in range(self._slots):
            if self._order[slot] > 0:
                self._resend(slot)
                self._batch_lost += self._backoff > 1  # once, it may be the answers that got lost
        if self._backoff > _SILENCES:
            self._give_up()
        elif self._backoff > _PATIENCE and self._sent_bytes[self._base % self._slots] > _LONG:
            self.fragment_bytes = min(self.fragment_bytes, _LONG)  # such long ones do not get over
            self._give_up()
        self._arm()

    def _arm(self) -> None:
        if self._base == self._seq:
            self._due = None
            return
        late = min(max(self._backoff - _HASTE, 0), 6)
        least_ms = _TIMEOUT_MIN_MS
        if self.fragment_bytes <= _LONG:
            least_ms = min(_TIMEOUT_NOISY_MS << self._backoff, least_ms)
        wait_ms = max(2 * self._rtt_ms, least_ms) << late
        self._due = self._now + min(wait_ms, _TIMEOUT_MAX_MS)

    # Bytes out

    def poll_transmit(self, out, now: int) -> int:
        """Writes one frame into `out` (FRAME_ROOM bytes or more); returns its length, or 0.

        Best asked when the port has taken the frame before: acknowledgements are then fresh.
        """
        self._now = now
        if self._sends - self._batch_from >= _BATCH:
            self._adapt()
        slot = self._waiting()
        if slot < 0 and self._may_cut:
            slot = self._cut()
        if slot < 0 and not self._owes_ack:
            return 0
        start = 0
        if now - self._quiet_from >= _QUIET_MS:
            out[0] = 0
            start = 1
        stop = self._put_frame(out, start + HEAD, slot)
        put_u16(out, stop, _check(out, start + HEAD, stop))
        self._quiet_from = now
        return encode(out, start, stop + _CHECK)

    def _waiting(self) -> int:
        """The slot of the oldest fragment that is to be sent again, or -1."""
        for i in range((self._seq - self._base) & _SEQ):
            slot = (self._base + i) % self._slots
            if self._order[slot] == _WAITING:
                return slot
        return -1

    @property
    def _may_cut(self) -> bool:
        room = (self._seq - self._base) & _SEQ < self._window
        return room and self._out_at < self._out_stop

    def _cut(self) -> int:
        """Puts the next fragment of the datagram into a slot."""
        slot = self._seq % self._slots
        at = self._out_at
        n = min(self.fragment_bytes, self._out_stop - at)
        self._sent[slot] = self._pool.take()
        copy(self._sent[slot], 0, self._out, at, n)
        self._out_at = at + n
        kind = _DATA if at else _DATA | _FIRST
        self._sent_kind[slot] = kind | _LAST if at + n == self._out_stop else kind
        self._sent_bytes[slot] = n
        self._tries[slot] = 0
        self._order[slot] = _WAITING
        self._seq = (self._seq + 1) & _SEQ
        return slot

    def _put_frame(self, out, at: int, slot: int) -> int:
        """Writes the frame without its check; returns the index past it."""
        head = at
        out[head] = 0
        out[at + 1] = self._epoch << 4 | self._peer
        at += _HEADER
        if slot >= 0:
            out[head] = self._sent_kind[slot]
            at = self._put_numbers(out, at, slot)
        if self._owes_ack:
            out[head] |= _ACK | (self._slots - 1) << 4
            out[at] = self._next
            at = put_u16(out, at + 1, self._held())
            self._owes_ack = False
        if slot >= 0:
            n = self._sent_bytes[slot]
            copy(out, at, self._sent[slot], 0, n)
            at += n
        return at

    def _put_numbers(self, out, at: int, slot: int) -> int:
        """The fragment in `slot` is sent now."""
        out[at] = (self._base + (slot - self._base) % self._slots) & _SEQ
        out[at + 1] = self._base
        self._sends += 1
        self._tries[slot] += 1
        self._order[slot] = self._sends
        self._sent_at[slot] = self._now
        if self._due is None:
            self._arm()
        return at + 2

    def _held(self) -> int:
        """Bits for the fragments behind the first one that is missing."""
        held = 0
        ahead = (self._taken + self._slots - self._next) & _SEQ
        for i in range(1, ahead):
            if self._got_bytes[(self._next + i) % self._slots]:
                held |= 1 << (i - 1)
        return held


FRAME_ROOM = ENCODED_MAX + 1  # a zero before it


def _check(buffer, at: int, stop: int) -> int:
    return crc32(memoryview(buffer)[at:stop]) & 0xFFFF
