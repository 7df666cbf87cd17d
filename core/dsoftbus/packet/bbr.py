"""Congestion control by a model of the path: how fast it delivers, and its least round trip.

It is BBR in kind, counted in rounds (docs/datagrams.md has the model, its states, and what differs
from draft-ietf-ccwg-bbr). Sizes are in bytes, times in ms, rates in bytes in 64 ms.
"""

from dsoftbus.packet.congestion import BURST_PACKETS, INITIAL_PACKETS, LEAST_PACKETS
from dsoftbus.packet.rtt import ACK_DELAY_MS

if False:  # for types
    from dsoftbus.packet.rtt import Rtt

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


STARTUP = const(0)  # the window doubles, until the rate grows no more or a queue loses packets
DRAIN = const(1)  # the queue of the startup goes
DOWN = const(2)  # the queue of a probe goes
CRUISE = const(3)  # as fast as the path delivers
REFILL = const(4)  # a round in which the path fills, before more is tried
UP = const(5)  # a quarter more than the path has delivered
PROBE_RTT = const(6)  # little is under way, to see the round trip without a queue of one's own

_PACE = b"\x80\x20\x3a\x40\x40\x50\x40"  # of the rate, for each state, in 64ths
_HOLD = b"\x08\x08\x08\x08\x08\x09\x02"  # of what the path holds, for each state, in quarters

_RATE_SHIFT = const(6)
_ROUND_MS = const(10)  # at least: a clock of whole ms is wrong by a tenth then
_LEAST_MS = const(5000)  # after so long the least round trip is measured anew
_PROBE_RTT_MS = const(200)
_CYCLE_MS = const(2000)  # from one probe for more to the next, and up to half as much again
_CYCLE_ROUNDS = const(63)  # the same on short paths: a NewReno grows by as many packets
_FLOOR_PACKETS = const(4)  # one is acknowledged while the next is under way, two at a time
_TICKS_MS = const(2)  # by which the clocks of both ends lengthen a round trip
_JITTER_MS = const(16)  # of a radio that sends in heaps: no queue yet
_STALE_ROUNDS = const(3)  # without more than the rounds before: the path is full
_MANY_PACKETS = const(16)  # lost in a round, half as many as arrived: without a queue, too
_BURST_MS = const(8)  # what may go at once after a rest, where ten packets are less
_FILL_MS = const(1000)
_NEVER = const(0x3FFFFFFF)


class Bbr:
    """It stands in the place of `congestion.NewReno`. `limit` is what the sender's buffers can
    hold; `rtt` learns of an acknowledgement before `on_acked` does."""

    # Of a round: `_begin`
    _acked_at: int
    _delivered: int
    _quickest: int

    def __init__(self, datagram_bytes: int, limit: int, rtt: "Rtt") -> None:
        self.datagram = datagram_bytes
        self._limit = limit
        self._rtt = rtt
        self.in_flight = 0
        self.restart()

    def restart(self) -> None:
        """Knows nothing about the path; what is under way stays so."""
        self.window = min(INITIAL_PACKETS * self.datagram, self._limit)
        self.target = self._limit  # to which the window grows with what is acknowledged
        self.filled = False  # the path was full once: the model is good for something
        self.rate = 0  # the best of this cycle and of the one before
        self.least = -1  # the least round trip; -1: nothing was measured
        self.most = self._limit  # what the path took without losing some of it
        self.bubble_at = -1  # when the sender had less to send than it might have sent
        self.blocked = False  # the window is what the next packet waits for
        self._best = self._before = 0  # rates of the cycles
        self._full = 0  # the rate that rounds have to exceed by a quarter, a probe by an eighth
        self._stale = 0  # rounds that did not; or how often `most` has grown in a probe
        self._burst = self._extra = self._extra_before = 0  # acknowledged within one ms, at most
        self._grow_below = _NEVER  # the round trip beyond which a startup grows no more
        self._measured_at = self._cycle_at = self._cycle_rounds = 0
        self._probed = self._done_at = 0
        self._first_sent = self._last_sent = 0
        self._begin(-1)
        self._enter(STARTUP)

    @property
    def has_room(self) -> bool:
        """Tells whether one more packet may go."""
        if self.in_flight < self.window:
            return True
        self.blocked = self._held = True
        return False

    @property
    def pace(self) -> int:
        """The rate at which to send, above 0."""
        if self.filled:
            return (self.rate * _PACE[self.state] >> 6) or 1
        return (self.window * _PACE[STARTUP] // max(self._rtt.smoothed, 1)) or 1

    @property
    def path_bytes(self) -> int:
        """The bytes that the path holds without a queue."""
        return self.rate * max(self.least, 1) >> _RATE_SHIFT

    def on_sent(self, size: int) -> None:
        if not self.in_flight and not self.blocked:
            self._begun = -1  # a rest is no part of a round
            self._over = False
        self.in_flight += size

    def on_acked(self, number: int, size: int, sent_at: int, now: int) -> None:
        if self._over and now != self._acked_at:
            self._end(self._acked_at)
        took_ms = now - sent_at
        if self.window < self.target:
            self._grow(size, took_ms)
        self.in_flight -= size
        if took_ms < self._quickest:
            self._quickest = took_ms
        if self._begun < 0:
            self._after_rest(now)
        if now == self._begun:
            self._first_sent = sent_at
            return
        self._delivered += size
        self._burst = self._burst + size if now == self._acked_at else size
        if self._burst > self._extra:
            self._extra = self._burst
        self._acked_at = now
        self._last_sent = sent_at
        if sent_at >= self._begun and now - self._begun >= _ROUND_MS:
            self._over = True  # with this ms: all that is acknowledged in it is of this round
        elif self.in_flight <= self._leave_at:
            self._drained(now)

    def on_lost(self, number: int, size: int, last_number: int) -> None:
        """A loss counts as one of a queue where the packets behind it were late: a radio loses
        some however short the queue is."""
        self.in_flight -= size
        self._lost += size
        if self._rtt.latest > self.least + max(self.least >> 2, ACK_DELAY_MS):
            self._crowded += size

    def collapse(self) -> None:
        """Nothing has arrived for several probes: restart with the least window."""
        self.window = min(self.window, LEAST_PACKETS * self.datagram)

    def _grow(self, size: int, took_ms: int) -> None:
        used = took_ms <= self._grow_below and self.in_flight * 2 >= self.window
        if used or self.filled:
            self.window = min(self.window + size, self.target)

    # Rounds: from an acknowledgement to that of a packet that was sent after it

    def _begin(self, now: int) -> None:
        self._begun = self._acked_at = now
        self._over = self._held = False  # `_held`: the window was full in this round
        self._delivered = self._lost = self._crowded = self._burst = 0
        self._quickest = _NEVER

    def _after_rest(self, now: int) -> None:
        self._note_least(now)
        if self.state == PROBE_RTT:
            self._probe_rtt(now)
        self._begin(now)

    def _end(self, now: int) -> None:
        """A round was over at `now`: one sample of the rate, which is no higher than that of
        sending."""
        took_ms = max(now - self._begun, self._last_sent - self._first_sent)
        rate = (self._delivered << _RATE_SHIFT) // took_ms
        limited = self._first_sent <= self.bubble_at or self.state == PROBE_RTT
        self._note_least(now)
        if rate > self.rate or not limited:
            self._best = max(self._best, rate)
            self.rate = max(self._best, self._before)
        crowded = self._is_crowded()
        if crowded and self.filled and not limited:
            least = self._less(min(self.path_bytes, self.window))
            self.most = min(self.most, max(self._delivered, least))
        self._cycle_rounds += 1
        self._advance(rate, limited, crowded, now)
        self._keep_least(now)
        self._extra_before = self._extra
        self._extra = 0
        self._begin(now)
        self._first_sent = self._last_sent
        self._aim()

    def _is_crowded(self) -> bool:
        """More than a fiftieth was lost in a queue, or a third anywhere: no radio is so bad."""
        if self._crowded * 50 > self._delivered:
            return True
        return self._lost * 2 > self._delivered and self._lost > _MANY_PACKETS * self.datagram

    def _note_least(self, now: int) -> None:
        quickest = self._quickest
        if self.least < 0 or quickest <= self.least + max(self.least >> 4, 1):
            self._measured_at = now
            if self.least < 0 or quickest < self.least:
                self._set_least(quickest)

    def _keep_least(self, now: int) -> None:
        """Measures the least round trip anew where it was not seen for long."""
        if self.state == PROBE_RTT or now - self._measured_at <= _LEAST_MS:
            return
        self._measured_at = now
        if self.filled:
            self._probed = _NEVER
            self._done_at = -1
            self._enter(PROBE_RTT)
        else:
            self._set_least(self._quickest)

    def _set_least(self, least: int) -> None:
        self.least = least
        self._grow_below = least + max(least >> 1, _JITTER_MS)

    # States

    def _enter(self, state: int) -> None:
        self.state = state
        self._leave_at = self.path_bytes if state in (DRAIN, DOWN) else -1

    def _advance(self, rate: int, limited: bool, crowded: bool, now: int) -> None:
        state = self.state
        if state == STARTUP:
            self._start_up(rate, limited, crowded)
        elif state == DRAIN:
            self._stale += 1
            if self._stale > _STALE_ROUNDS:
                self._go_down(now)
        elif state == PROBE_RTT:
            self._probe_rtt(now)
        elif state in (UP, REFILL):
            self._probe(limited, crowded, now)
        elif self._is_time(now) or (not crowded and self._has_found_more()):
            self._enter(REFILL)

    def _start_up(self, rate: int, limited: bool, crowded: bool) -> None:
        if crowded:
            self.most = max(self.path_bytes, self._delivered)
            self._stale = _STALE_ROUNDS
        elif limited:
            return
        elif rate * 4 >= self._full * 5:
            self._full = rate
            self._stale = 0
        else:
            self._stale += 1
        if self._stale >= _STALE_ROUNDS:
            self.filled = True
            self._stale = 0
            self._enter(DRAIN)

    def _probe(self, limited: bool, crowded: bool, now: int) -> None:
        """After a round of filling more is tried, until it stands in a queue."""
        if crowded or limited:
            self._go_down(now)
        elif self.state == REFILL:
            self._stale = 0
            self._full = self.rate
            self._enter(UP)
        elif self._crowded:
            self._go_down(now)
        elif self._held and self.window >= self.most - self.datagram:
            self.most = min(self.most + (self.datagram << self._stale), self._limit)
            self._stale += 1
        elif self.in_flight * 4 >= self.path_bytes * 5:
            self._go_down(now)

    def _has_found_more(self) -> bool:
        """Tells whether the last probe was worth the next: its packets have just arrived."""
        return self._cycle_rounds <= 2 and self.rate * 8 >= self._full * 9

    def _go_down(self, now: int) -> None:
        """A new cycle begins. A sender with little to say forgets no rate."""
        if self._best and self._first_sent > self.bubble_at:
            self._before = self._best
            self._best = 0
        self._cycle_at = now + _CYCLE_MS + (now + self._delivered & 1023)  # not all at once
        self._cycle_rounds = 0
        self._enter(DOWN)

    def _is_time(self, now: int) -> bool:
        rounds = min(self.path_bytes // self.datagram, _CYCLE_ROUNDS)
        return now >= self._cycle_at or self._cycle_rounds >= rounds

    def _drained(self, now: int) -> None:
        """No more is under way than the path holds."""
        if self.state == DRAIN:
            self._go_down(now)
        else:
            self._enter(CRUISE)
        self._aim()

    def _probe_rtt(self, now: int) -> None:
        self._probed = min(self._probed, self._quickest)
        if self._done_at < 0:
            if self.in_flight < self.target + self.datagram:  # one may stand out
                self._done_at = now + _PROBE_RTT_MS
        elif now >= self._done_at:
            self._measured_at = now
            self._set_least(self._probed)
            self._go_down(now)
            self._enter(CRUISE)
            self._aim()

    # What follows from the model

    def _less(self, n: int) -> int:
        return n * 45 >> 6  # 7/10: no more than CUBIC gives up

    def _aim(self) -> None:
        """Sets the window: down at once, up with what is acknowledged."""
        if not self.filled:
            return
        state = self.state
        target = self.path_bytes * _HOLD[state] >> 2
        most = self.most
        if state != PROBE_RTT:
            target += max(self._extra, self._extra_before)  # acknowledgements that come in heaps
            target += self.rate * _TICKS_MS >> _RATE_SHIFT
        if state in (CRUISE, PROBE_RTT):
            most = most * 54 >> 6  # leaves room for others
        target = max(min(target, most), _FLOOR_PACKETS * self.datagram)
        self.target = min(target, self._limit)
        self.window = min(self.window, self.target)


class RatePacer:
    """It stands in the place of `congestion.Pacer`: a bucket that fills at the pace of
    `congestion`, and tells it when it runs over, since more might have been sent then."""

    def __init__(self, datagram_bytes: int, congestion: Bbr, rtt: "Rtt", now: int) -> None:
        self.datagram = datagram_bytes
        self._congestion = congestion
        self._rtt = rtt
        self._at = now
        self.restart()

    def restart(self) -> None:
        """Knows nothing about the path."""
        self._tokens = BURST_PACKETS * self.datagram << _RATE_SHIFT

    def ready_at(self, now: int) -> int:
        """Returns when the next packet may go, in ms, `now` at the earliest."""
        if now > self._at:
            self._fill(now)
        missing = (self.datagram << _RATE_SHIFT) - self._tokens
        if missing <= 0 or not self._rtt.known:
            return now
        pace = self._congestion.pace
        return now + (missing + pace - 1) // pace

    def _fill(self, now: int) -> None:
        pace = self._congestion.pace
        most = max(BURST_PACKETS * self.datagram << _RATE_SHIFT, pace * _BURST_MS)
        self._tokens += pace * min(now - self._at, _FILL_MS)
        self._at = now
        if self._tokens > most:
            self._tokens = most
            if not self._congestion.blocked:
                self._congestion.bubble_at = now

    def on_sent(self, size: int) -> None:
        self._congestion.blocked = False
        self._tokens -= size << _RATE_SHIFT
