"""Loss, round-trip times and the congestion window, packet by packet."""

from dsoftbus.base.codec import put_u16, put_u32
from dsoftbus.packet.congestion import NewReno, Pacer
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.packet.recovery import PROBES, Recovery
from dsoftbus.packet.rtt import ACK_DELAY_MS, UNKNOWN_TIMEOUT_MS, Rtt
from dsoftbus.packet.segments import Outbox
from support import raises


class Fates(Outbox):
    """An outbox that writes down what it learns."""

    def __init__(self):
        self.acks = []
        self.losses = []

    def sent(self, segment):
        pass

    def acked(self, segment):
        self.acks.append(segment)

    def lost(self, segment):
        self.losses.append(segment)


class Shield(DatagramProtect):
    """The protection, as recovery needs it: numbers from `next_number` on were not sent."""

    def __init__(self, next_number, left_out=0):
        self._next_number = next_number
        self._left_out = left_out

    def judge(self, acks):
        return -1 if acks.largest >= self._next_number else self._left_out


class Path:
    def __init__(self, capacity=64):
        self.fates = Fates()
        self.rtt = Rtt()
        self.reno = NewReno(1000, 100000)
        self.recovery = Recovery(capacity, self.fates, self.rtt, self.reno)

    def send(self, first, last, now):
        for number in range(first, last + 1):
            self.recovery.sent(number, 1000, number, now)

    def ack(self, largest, ranges, now, next_number=1000, left_out=0):
        """`ranges`: (gap, count) downward."""
        raw = bytearray(6 + 4 * len(ranges))
        at = put_u16(raw, put_u32(raw, 0, largest), 0)
        for gap, count in ranges:
            at = put_u16(raw, put_u16(raw, at, gap), count)
        self.recovery.acknowledged(raw, 0, len(ranges), Shield(next_number, left_out), now)


def test_round_trip_time_follows_rfc_6298():
    rtt = Rtt()
    assert rtt.probe_timeout == UNKNOWN_TIMEOUT_MS and not rtt.known
    rtt.sample(100)
    assert rtt.smoothed == 100 and rtt.probe_timeout == 100 + 4 * 50 + ACK_DELAY_MS
    rtt.sample(180)
    assert rtt.smoothed == 110  # 7/8 of 100 and 1/8 of 180
    assert rtt.probe_timeout == 110 + (4 * 50 + 80 - 50) + ACK_DELAY_MS
    rtt.sample(120, 15)
    assert rtt.latest == 105
    rtt.sample(100, 90)
    assert rtt.latest == 100  # no delay explains less than the least
    rtt.restart()
    assert not rtt.known


def test_a_time_of_zero_is_a_time():
    rtt = Rtt()
    rtt.sample(0)
    assert rtt.known and rtt.probe_timeout == 1 + ACK_DELAY_MS
    rtt.sample(8)
    rtt.sample(8)
    assert 0 < rtt.smoothed <= 8


def test_three_packets_later_is_lost():
    path = Path()
    path.send(0, 9, 0)
    path.ack(4, [(0, 1)], 50)
    assert path.fates.acks == [4] and path.fates.losses == [0, 1]
    assert path.recovery.deadline() == 0 + path.rtt.loss_delay  # for 2 and 3
    path.recovery.handle_timer(path.rtt.loss_delay)
    assert path.fates.losses == [0, 1, 2, 3]
    assert path.reno.in_flight == 5000
    assert path.rtt.smoothed == 50


def test_late_acknowledgements_of_lost_packets_change_nothing():
    path = Path()
    path.send(0, 9, 0)
    path.ack(9, [(0, 1)], 50)
    assert path.fates.losses == list(range(7))
    window = path.reno.window
    path.ack(9, [(0, 10)], 60)
    assert path.fates.acks == [9, 7, 8] and path.reno.window == window
    assert path.recovery.deadline() is None and path.reno.in_flight == 0


def test_one_event_halves_the_window_once():
    path = Path()
    path.send(0, 9, 0)
    path.ack(9, [(0, 1)], 50)
    assert path.reno.window == 5500 and not path.reno.slow_start  # of 11000: 9 has arrived
    path.send(10, 14, 50)
    path.ack(14, [(0, 1)], 100)
    assert path.reno.window == 2750


def test_slow_start_then_one_packet_a_round():
    reno = NewReno(1000, 100000)
    assert reno.window == 10000
    for _ in range(10):
        reno.on_sent(1000)
    for number in range(5):
        reno.on_acked(number, 1000, 0, 0)
        reno.on_sent(2000)
    assert reno.window == 15000
    reno.on_lost(9, 1000, 9)
    assert reno.window == reno.threshold == 7500
    for number in range(10, 18):
        reno.on_sent(1000)
        reno.on_acked(number, 1000, 0, 0)
    assert reno.window == 8500


def test_an_idle_sender_gains_no_window():
    reno = NewReno(1000, 100000)
    for number in range(50):
        reno.on_sent(1000)
        reno.on_acked(number, 1000, 0, 0)
    assert reno.window == 10000


def test_timeouts_ask_and_double():
    path = Path()
    path.send(0, 1, 0)
    assert path.recovery.deadline() == UNKNOWN_TIMEOUT_MS
    path.recovery.handle_timer(UNKNOWN_TIMEOUT_MS - 1)
    assert path.recovery.probes == 0
    path.recovery.handle_timer(UNKNOWN_TIMEOUT_MS)
    assert path.recovery.probes == PROBES and path.fates.losses == []
    path.send(2, 3, UNKNOWN_TIMEOUT_MS)
    assert path.recovery.probes == 0
    assert path.recovery.deadline() == 3 * UNKNOWN_TIMEOUT_MS
    path.ack(3, [(0, 1)], 1050)
    assert path.recovery.deadline() == 1000 + path.rtt.loss_delay


def test_an_acknowledgement_ends_the_probing_and_its_doubling():
    path = Path()
    path.send(0, 1, 0)
    path.recovery.handle_timer(UNKNOWN_TIMEOUT_MS)
    path.ack(1, [(0, 2)], 1050)
    assert path.recovery.probes == 0, "nobody has to be asked any more"
    path.send(2, 2, 2000)
    assert path.recovery.deadline() == 2000 + path.rtt.probe_timeout


def test_the_wait_doubles_six_times_and_no_more():
    path = Path()
    path.send(0, 0, 0)
    waits = []
    now = 0
    for _ in range(9):
        waits.append(path.recovery.deadline() - now)
        now = path.recovery.deadline()
        path.recovery.handle_timer(now)
    assert waits == [UNKNOWN_TIMEOUT_MS << min(i, 6) for i in range(9)]


def test_an_acknowledgement_that_says_nothing_new_ends_no_probing():
    path = Path()
    path.send(0, 3, 0)
    path.ack(1, [(0, 2)], 100)
    path.recovery.handle_timer(path.recovery.deadline())
    path.recovery.handle_timer(path.recovery.deadline())
    doubled = path.recovery.deadline()
    path.ack(1, [(0, 2)], 900)
    path.ack(0, [(0, 1)], 900)
    assert path.recovery.probes == PROBES and path.recovery.deadline() == doubled
    path.send(4, 4, 900)
    assert path.recovery.probes == PROBES - 1


def test_an_older_acknowledgement_that_comes_late_makes_nothing_less_late():
    path = Path()
    path.send(0, 9, 0)
    path.ack(5, [(0, 1)], 50)
    assert path.fates.losses == [0, 1, 2]
    path.ack(3, [(0, 1)], 51)
    path.recovery.handle_timer(path.rtt.loss_delay)
    assert path.fates.acks == [5, 3] and path.fates.losses == [0, 1, 2, 4]


def test_a_ring_has_room_for_all_but_two_probes():
    path = Path(8)
    assert path.recovery.probes == 0 and path.recovery.deadline() is None
    path.send(0, 4, 0)
    assert path.recovery.has_room
    path.send(5, 5, 0)
    assert not path.recovery.has_room
    path.ack(0, [(0, 1)], 10)
    assert path.recovery.has_room
    path.send(6, 8, 10)
    assert path.fates.losses == []  # the place of 0 is free again
    path.ack(8, [(0, 8)], 20)
    assert path.fates.acks == list(range(9)) and path.recovery.deadline() is None


def test_a_segment_counts_as_lost_when_no_copy_of_it_is_left():
    told = []
    path = Path()
    path.fates.sent = told.append
    path.recovery.sent(0, 100, 0, 0)
    path.recovery.sent(1, 100, -1, 0)  # a message: nobody sends it again
    assert told == [0]
    path.ack(1, [(0, 2)], 10)
    assert path.fates.acks == [0]
    path.recovery.sent(2, 100, -1, 20)
    path.recovery.restart()
    assert path.fates.losses == []


def test_two_timeouts_are_no_silence_and_three_are():
    for timeouts in (2, 3):
        path = Path()
        path.send(0, 9, 0)
        for _ in range(timeouts):
            path.recovery.handle_timer(path.recovery.deadline())
        now = path.recovery.deadline()
        path.ack(9, [(0, 10)], now - 1)
        assert path.reno.window == (14000 if timeouts == 2 else 2000)


def test_the_window_is_halved_down_to_two_packets():
    path = Path()
    for first in range(0, 60, 10):
        path.send(first, first + 9, first)
        path.ack(first + 9, [(0, 1)], first + 5)
    assert path.reno.window == path.reno.threshold == 2000


def test_a_number_that_was_left_out_makes_nothing_late():
    """3 was never sent: behind 2 there are only 4 and 5, which is not three packets later."""
    path = Path()
    path.send(0, 2, 0)
    path.send(4, 5, 0)
    path.ack(5, [(0, 1)], 50, left_out=1)
    assert path.fates.losses == [0, 1]
    path = Path()
    path.send(0, 2, 0)
    path.send(4, 5, 0)
    path.ack(5, [(0, 1)], 50)
    assert path.fates.losses == [0, 1, 2]


def test_a_new_path_owes_nothing_to_the_old_one():
    """Packets that were under way go again; they do not count, be they acknowledged later or
    not."""
    path = Path()
    path.send(0, 9, 0)
    path.ack(9, [(0, 1)], 50)
    path.send(10, 13, 50)
    path.recovery.handle_timer(path.recovery.deadline())
    path.recovery.handle_timer(path.recovery.deadline())
    path.recovery.restart()
    path.reno.restart()
    assert path.fates.losses == list(range(7)) + [7, 8, 10, 11, 12, 13]
    assert path.recovery.deadline() is None and path.reno.in_flight == 0
    path.send(14, 18, 1000)
    assert path.recovery.deadline() == 1000 + path.rtt.probe_timeout
    path.ack(12, [(0, 1)], 1010)
    assert path.reno.in_flight == 5000 and path.reno.window == path.reno.threshold // 10 == 10000
    path.ack(18, [(0, 5)], 1040)
    assert path.reno.in_flight == 0 and path.reno.slow_start and path.reno.window > 10000


def test_after_long_silence_it_begins_anew():
    path = Path()
    path.send(0, 9, 0)
    now = 0
    for _ in range(3):
        now = path.recovery.deadline()
        path.recovery.handle_timer(now)
        path.send(10 + now, 10 + now, now)
    path.ack(10 + now, [(0, 1)], now + 10, 2 * now)
    assert path.reno.window == 2000


def test_a_full_ring_gives_up_its_oldest():
    path = Path(8)
    path.send(0, 11, 0)
    assert path.fates.losses == [0, 1, 2, 3] and not path.recovery.has_room


def test_what_was_not_sent_cannot_be_acknowledged():
    path = Path()
    path.send(0, 3, 0)
    raises("core.reject.nonce_mismatch_or_stale_reply", path.ack, 4, [(0, 1)], 10, 4)
    assert path.fates.acks == []


def in_avoidance(window=10000, limit=100000):
    """A NewReno that has left slow start with this window; losses up to packet 0 are one event."""
    reno = NewReno(1000, limit)
    reno.on_lost(0, 0, 0)
    reno.window = reno.threshold = window
    return reno


def grown(reno, first, count):
    """The window after `count` packets that filled it were acknowledged, one after the other."""
    for number in range(first, first + count):
        reno.in_flight = reno.window
        reno.on_acked(number, 1000, 0, 0)
    return reno.window


def test_a_window_grows_by_a_packet_for_a_window_and_counts_on_from_there():
    reno = in_avoidance()
    assert grown(reno, 1, 9) == 10000 and grown(reno, 10, 1) == 11000
    assert grown(reno, 11, 10) == 11000 and grown(reno, 21, 1) == 12000


def test_a_loss_forgets_what_was_counted_towards_a_packet_more():
    reno = in_avoidance(20000)
    grown(reno, 1, 19)
    reno.on_lost(20, 0, 20)
    assert reno.window == 10000
    assert grown(reno, 21, 9) == 10000 and grown(reno, 30, 1) == 11000
    reno.restart()
    assert reno.window == 10000 and reno.slow_start and reno._acked == 0


def test_losses_up_to_the_newest_packet_of_then_are_one_event():
    reno = NewReno(1000, 100000)
    reno.on_lost(0, 0, 7)
    assert reno.window == 5000
    for number in range(8):
        reno.on_lost(number, 0, 20)
        assert reno.window == 5000
    assert grown(reno, 5, 3) == 5000, "no growth for what was sent before the loss"
    reno.on_lost(8, 0, 20)
    assert reno.window == 2500


def test_the_window_never_leaves_what_the_buffers_hold():
    for reno in (NewReno(1000, 12500), in_avoidance(12000, 12500)):
        assert grown(reno, 1, 40) == 12500
    assert NewReno(1000, 4000).window == 4000


def test_a_sender_that_fills_half_of_its_window_uses_it():
    for used, window in ((5000, 11000), (4999, 10000)):
        reno = NewReno(1000, 100000)
        reno.in_flight = used
        reno.on_acked(0, 1000, 0, 0)
        assert reno.window == window and reno.in_flight == used - 1000


def test_the_last_packet_of_a_window_may_stand_out():
    reno = NewReno(1000, 100000)
    reno.in_flight = 9999
    assert reno.has_room
    reno.on_sent(1)
    assert not reno.has_room


def test_the_pace_to_the_millisecond():
    """A window of 40 packets in 100 ms, and a quarter more: two ms a packet. Ten go at once."""
    rtt = Rtt()
    rtt.sample(100)
    reno = NewReno(1000, 1000000)
    reno.window = reno.threshold = 40000
    pacer = Pacer(1000, reno, rtt, 0)
    for _ in range(10):
        assert pacer.ready_at(0) == 0
        pacer.on_sent(1000)
    assert pacer.ready_at(0) == 2 and pacer.ready_at(1) == 2 and pacer.ready_at(2) == 2
    pacer.on_sent(1000)
    assert pacer.ready_at(2) == 4
    pacer.on_sent(1000)
    assert pacer.ready_at(2) == 6
    # After any rest there are ten again, and no more; in slow start it is twice as fast.
    for _ in range(10):
        assert pacer.ready_at(1000) == 1000
        pacer.on_sent(1000)
    assert pacer.ready_at(1000) == 1002
    reno.threshold = 80000
    pacer.on_sent(1000)
    assert pacer.ready_at(1000) == 1003  # 2000 bytes short, 800 a ms
    pacer.restart()
    assert pacer.ready_at(1000) == 1000 and pacer._tokens == 10000


def test_pacing_spreads_a_window_over_a_round_trip():
    rtt = Rtt()
    reno = NewReno(1000, 1000000)
    pacer = Pacer(1000, reno, rtt, 0)
    for _ in range(20):
        assert pacer.ready_at(0) == 0  # nothing was measured: nothing to spread over
        pacer.on_sent(1000)
    rtt.sample(100)
    reno.window = reno.threshold = 40000  # 50 packets in 100 ms
    now = sent = 0
    while now < 1000:
        ready = pacer.ready_at(now)
        assert ready >= now
        if ready > now:
            now = ready
        else:
            pacer.on_sent(1000)
            sent += 1
    assert 480 <= sent <= 500
