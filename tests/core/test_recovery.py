"""Loss, round-trip times and the congestion window, packet by packet."""

from dsoftbus.codec import put_u16, put_u32
from dsoftbus.link.congestion import NewReno, Pacer
from dsoftbus.link.recovery import PROBES, Recovery
from dsoftbus.link.rtt import ACK_DELAY_MS, UNKNOWN_TIMEOUT_MS, Rtt
from support import raises


class Fates:
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


class Shield:
    """What recovery asks of the protection: numbers from `next_number` on were not sent."""

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
        reno.on_acked(number, 1000)
        reno.on_sent(2000)
    assert reno.window == 15000
    reno.on_lost(9, 1000, 9)
    assert reno.window == reno.threshold == 7500
    for number in range(10, 18):
        reno.on_sent(1000)
        reno.on_acked(number, 1000)
    assert reno.window == 8500


def test_an_idle_sender_gains_no_window():
    reno = NewReno(1000, 100000)
    for number in range(50):
        reno.on_sent(1000)
        reno.on_acked(number, 1000)
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
    """What was under way goes again; it does not count, be it acknowledged later or not."""
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
