"""The model of a path: its rounds, its states, and what it makes of losses."""

from dsoftbus.packet.bbr import (
    CRUISE,
    DOWN,
    DRAIN,
    PROBE_RTT,
    REFILL,
    STARTUP,
    UP,
    Bbr,
    RatePacer,
)
from dsoftbus.packet.rtt import Rtt
from dsoftbus_sim.chance import Chance

SIZE = 1000
LIMIT = 400000
STATES = (STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT)


class Line:
    """A bottleneck of `rate` bytes a ms and `latency_ms` there and back; its queue holds `queue`
    bytes, and every acknowledgement waits for the next multiple of `heap_ms`."""

    def __init__(self, rate=250, latency_ms=50, queue=25000, lose=None, heap_ms=1, limit=LIMIT):
        self.rate, self.latency_ms, self.queue = rate, latency_ms, queue
        self.lose = lose or (lambda number: False)
        self.heap_ms = heap_ms
        self.rtt = Rtt()
        self.bbr = Bbr(SIZE, limit, self.rtt)
        self.pacer = RatePacer(SIZE, self.bbr, self.rtt, 0)
        self.now = self.number = self.acked = self.lost = 0
        self.free_at = 0  # when the bottleneck has sent what waits there, in 1/rate ms
        self.out = []  # (when its fate is known, number, sent at, lost)
        self.seen = []  # states, in their order
        self.waits = []  # of each packet in the queue, in ms

    def turn(self, rate):
        """The bottleneck has another rate from now on, and its queue is gone."""
        self.rate, self.free_at = rate, self.now * rate

    def run(self, ms, want=lambda now: True):
        """The sender has something to send in each ms for which `want` says so."""
        end = self.now + ms
        while self.now < end:
            self.now += 1
            self._hear()
            while (
                want(self.now) and self.bbr.has_room and self.pacer.ready_at(self.now) <= self.now
            ):
                self.send()
            self.check()
        return self

    def _may_send(self):
        return self.bbr.has_room and self.pacer.ready_at(self.now) <= self.now

    def send(self):
        bbr = self.bbr
        bbr.on_sent(SIZE)
        self.pacer.on_sent(SIZE)
        begin = max(self.free_at, self.now * self.rate)
        waited = begin - self.now * self.rate
        gone = waited + SIZE > self.queue
        if not gone:
            self.free_at = begin + SIZE
            self.waits.append(waited // self.rate)
            begin += SIZE
        back = begin // self.rate + self.latency_ms
        back += -back % self.heap_ms
        self.out.append((back, self.number, self.now, gone or self.lose(self.number)))
        self.number += 1

    def _hear(self):
        while self.out and self.out[0][0] <= self.now:
            _, number, sent_at, lost = self.out.pop(0)
            if lost:
                self.lost += 1
                self.bbr.on_lost(number, SIZE, self.number - 1)
            else:
                self.rtt.sample(self.now - sent_at)
                self.bbr.on_acked(number, SIZE, sent_at, self.now)
                self.acked += 1
        if not self.seen or self.seen[-1] != self.bbr.state:
            self.seen.append(self.bbr.state)

    def check(self):
        """Each packet under way is counted, and the window is within its bounds."""
        bbr = self.bbr
        assert bbr.in_flight == len(self.out) * SIZE >= 0
        assert min(2 * SIZE, LIMIT) <= bbr.window <= bbr._limit
        assert bbr.in_flight <= bbr.window or bbr.window <= bbr.target <= bbr._limit
        assert bbr.state in STATES and bbr.pace > 0 and bbr.rate >= 0
        assert not bbr.filled or bbr.target >= min(4 * SIZE, bbr._limit)

    def rate_since(self, acked, ms):
        return (self.acked - acked) * SIZE / ms / self.rate


def test_a_path_is_filled_and_its_queue_goes_again():
    line = Line().run(3000)
    bbr = line.bbr
    assert line.seen[:4] == [STARTUP, DRAIN, DOWN, CRUISE]
    assert 240 <= bbr.rate >> 6 <= 260 and 50 <= bbr.least <= 54
    assert line.lost == 0
    acked = line.acked
    line.waits.clear()
    line.run(6000)
    assert line.rate_since(acked, 6000) > 0.95
    waits = sorted(line.waits)
    assert waits[len(waits) // 2] < 15 and waits[-1] <= 52  # half a path, a path


def test_a_probe_for_more_fills_first_and_empties_afterwards():
    line = Line().run(8000)
    at = line.seen.index(REFILL)
    assert line.seen[at - 1 : at + 4] == [CRUISE, REFILL, UP, DOWN, CRUISE]


def test_more_is_found_soon_and_less_in_two_cycles():
    line = Line(rate=100).run(3000)
    assert 95 <= line.bbr.rate >> 6 <= 105
    line.turn(400)
    line.run(5000)
    assert line.bbr.rate >> 6 > 380
    line.turn(100)
    line.run(12000)
    assert line.bbr.rate >> 6 < 110


def test_a_radio_may_lose_a_tenth():
    chance = Chance(1)
    line = Line(lose=lambda number: chance.happens(100)).run(3000)
    acked = line.acked
    line.run(6000)
    assert line.rate_since(acked, 6000) > 0.8
    assert line.bbr.most > line.bbr.path_bytes


def test_a_short_queue_that_loses_ends_the_startup_and_bounds_the_window():
    line = Line(queue=6000).run(5000)
    assert line.bbr.filled and line.bbr.most < LIMIT
    acked, lost = line.acked, line.lost
    line.run(6000)
    assert line.rate_since(acked, 6000) > 0.8
    assert (line.lost - lost) * 20 < line.acked - acked


def test_who_has_little_to_send_lowers_no_estimate():
    line = Line().run(3000)
    rate = line.bbr.rate
    line.run(12000, lambda now: now % 40 == 0)
    assert line.bbr.rate == rate and line.bbr.bubble_at > 0


def test_little_to_send_ends_no_startup():
    line = Line().run(5000, lambda now: now % 40 == 0)
    assert not line.bbr.filled and line.bbr.state == STARTUP


def test_after_a_rest_it_goes_on_at_the_rate_it_had():
    line = Line().run(3000)
    rate = line.bbr.rate
    line.run(20000, lambda now: False)
    assert line.bbr.in_flight == 0
    acked = line.acked
    line.run(1000)
    assert line.bbr.rate >= rate and line.rate_since(acked, 1000) > 0.85


def test_acknowledgements_in_heaps_make_room_for_a_heap():
    line = Line(latency_ms=4, heap_ms=30).run(5000)
    acked = line.acked
    line.run(6000)
    assert line.rate_since(acked, 6000) > 0.8
    assert line.bbr.window > 7 * SIZE


def test_a_queue_of_others_is_a_longer_round_trip_after_some_seconds():
    line = Line().run(3000)
    line.latency_ms = 150
    line.run(12000)
    assert PROBE_RTT in line.seen and line.bbr.least >= 150
    line.latency_ms = 50
    line.run(8000)
    assert line.bbr.least < 75


def test_the_round_trip_is_not_probed_while_it_is_seen():
    line = Line().run(12000)
    assert PROBE_RTT not in line.seen


def test_while_the_round_trip_is_probed_little_is_under_way():
    line = Line().run(3000)
    line.latency_ms = 150
    for _ in range(9000):
        if line.bbr.state != PROBE_RTT:
            line.run(1)
    assert line.bbr.state == PROBE_RTT
    began, least_in_flight = line.now, LIMIT
    while line.bbr.state == PROBE_RTT:
        line.run(1)
        least_in_flight = min(least_in_flight, line.bbr.in_flight)
    assert 200 <= line.now - began < 1500
    assert least_in_flight <= max(line.bbr.path_bytes // 2, 4 * SIZE)
    assert line.bbr.state == CRUISE


def test_nothing_arrives_for_long_and_the_window_collapses_and_comes_back():
    line = Line().run(3000)
    window = line.bbr.window
    line.lose = lambda number: True
    line.run(2000)
    line.bbr.collapse()
    assert line.bbr.window == 2 * SIZE
    line.lose = lambda number: False
    line.run(1000)
    assert line.bbr.window > window // 2


def test_a_collapse_raises_no_window():
    bbr = Bbr(SIZE, 1500, Rtt())
    bbr.collapse()
    assert bbr.window == 1500


def test_a_new_path_is_begun_with_nothing_learnt():
    line = Line().run(3000)
    under_way = line.bbr.in_flight
    line.bbr.restart()
    line.pacer.restart()
    assert line.bbr.in_flight == under_way and line.bbr.window == 10 * SIZE
    assert line.bbr.state == STARTUP and line.bbr.rate == 0 and line.bbr.least == -1
    line.run(3000)
    assert line.bbr.filled and 240 <= line.bbr.rate >> 6 <= 260


def test_packets_of_another_size_are_counted_as_such():
    line = Line().run(3000)
    line.bbr.datagram = line.pacer.datagram = 4 * SIZE
    line.bbr._aim()
    assert line.bbr.target >= 16 * SIZE


def test_a_clock_of_whole_ms_does_for_a_fast_link():
    line = Line(rate=5000, latency_ms=0, queue=100000).run(300)
    acked = line.acked
    line.run(300)
    assert line.bbr.least <= 1 and line.rate_since(acked, 300) > 0.9


def test_the_pace_before_and_after_the_path_is_known():
    """Twice the window in a round trip at first; then the rate, an eighth more or less of it."""
    rtt = Rtt()
    bbr = Bbr(SIZE, LIMIT, rtt)
    pacer = RatePacer(SIZE, bbr, rtt, 0)
    for _ in range(20):
        assert pacer.ready_at(0) == 0  # nothing was measured: nothing to spread over
        pacer.on_sent(SIZE)
    pacer.restart()
    rtt.sample(100)
    for _ in range(10):
        assert pacer.ready_at(0) == 0
        pacer.on_sent(SIZE)
    assert pacer.ready_at(0) == 5  # 2 * 10000 bytes in 100 ms
    bbr.filled, bbr.rate = True, 100 << 6
    for state, wait in ((CRUISE, 10), (REFILL, 10), (UP, 8), (DOWN, 12), (DRAIN, 20)):
        bbr.state = state
        assert pacer.ready_at(0) == wait
    bbr.blocked = True
    assert pacer.ready_at(5000) == 5000 and bbr.bubble_at == -1  # the window was full
    assert pacer._tokens == 10 * SIZE << 6
    bbr.blocked = False
    assert pacer.ready_at(5001) == 5001 and bbr.bubble_at == 5001


def test_a_loss_is_of_a_queue_where_packets_are_late():
    for latest, crowded in ((100, 0), (125, 0), (126, SIZE), (300, SIZE)):
        rtt = Rtt()
        bbr = Bbr(SIZE, LIMIT, rtt)
        bbr.least, rtt.latest = 100, latest
        bbr.on_sent(SIZE)
        bbr.on_lost(0, SIZE, 0)
        assert bbr._crowded == crowded and bbr.in_flight == 0


def test_walks_at_random_never_leave_the_bounds():
    """Rates, round trips, losses and what there is to send change at any time; `check` looks on in
    each ms."""
    for seed in range(4):
        chance = Chance(seed)
        line = Line(limit=(LIMIT, 8 * SIZE)[seed & 1])
        loss = [0]
        line.lose = lambda number, loss=loss, chance=chance: chance.happens(loss[0])
        for _ in range(20):
            line.turn(1 + chance.below(500))
            line.latency_ms = chance.below(200)
            line.queue = 1000 + chance.below(20000)
            line.heap_ms = 1 + chance.below(20)
            loss[0] = (0, 10, 200, 1000)[chance.below(4)]
            every = 1 + chance.below(5)
            line.run(chance.below(700), lambda now, every=every: now % every == 0)
            action = chance.below(8)
            if action == 0:
                line.bbr.collapse()
            elif action == 1:
                line.bbr.restart()
                line.pacer.restart()
