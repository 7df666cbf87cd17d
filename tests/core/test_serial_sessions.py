"""Sessions over a serial line: goodput when it is clean, and nothing lost when it is not."""

from dsoftbus.const import (
    ANYONE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_OPENED,
    HOST,
    SMALL,
    SUITE_CHACHA_SHA256,
    TINY,
)
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_KEEPALIVE
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.line.line_link import LineLink
from dsoftbus.node import Node
from simulated import SUITES, pattern
from support import Random
from wires import Way

PERCENT = 655  # of 65536
WAYS = (((HOST, SMALL), False), ((HOST, SMALL), True), ((HOST, HOST), True))  # whether both ways


class Port:
    """One end of the cable as a byte port."""

    def __init__(self, side, out: Way, into: Way):
        self._side = side
        self._out = out
        self._into = into
        self._read = b""

    def readinto(self, view):
        self._read += self._into.get(self._side.cable.now_us)
        n = min(len(view), len(self._read))
        view[:n] = self._read[:n]
        self._read = self._read[n:]
        return n or None

    def write(self, buffer, at: int, stop: int):
        now_us = self._side.cable.now_us
        if not self._out.free(now_us):
            return None
        self._out.put(memoryview(buffer)[at:stop], now_us)
        return stop - at

    def close(self):
        pass


class Side:
    """A node on one end; it sends `sends` on the stream that `a` opens and keeps what it gets."""

    def __init__(self, cable, ways, profile, sends: bytes):
        random = Random(cable.random.bits16())
        static = SUITES[SUITE_CHACHA_SHA256].keypair(random(32))
        self.cable = cable
        self.node = Node(SUITES, static, random, profile, allowed=ANYONE)
        self._profile = profile
        self._ways = ways
        self.stream = None
        self.sends = sends
        self.at = 0
        self.got = bytearray()
        self.ended = -1
        self.plug()

    def plug(self):
        self.link = LineLink(
            Port(self, self._ways[0], self._ways[1]), self.cable.random.bits16(), self._profile
        )
        self.endpoint = self.node.endpoint(self.link.mtu)
        self.pump = DatagramPump(self.endpoint, self.link, self.on_event)

    def on_event(self, session, event):
        if event.kind == EV_OPENED:
            self.stream = event.stream
            self.stream.accept()
        elif event.kind == EV_ACCEPTED:
            self.stream = event.stream
        elif event.kind == EV_CLOSED:
            self.ended = event.code

    def turn(self, now: int):
        self.link.now = now
        self.link.handle_timer(now)
        self.pump.run(now)
        moved = True
        while moved:
            moved = self._exchange() | self.link.flush()
            self.pump.turn(now)

    def _exchange(self) -> bool:
        """The program: sends what the stream takes, and reads what is there."""
        stream = self.stream
        if stream is None:
            return False
        n = stream.readable
        if n:
            self.got += stream.recv(n)
        if self.at < len(self.sends) and not stream.pending:
            taken = stream.send(self.sends, self.at)
            self.at += taken
            n += taken
        return n > 0

    @property
    def deadlines(self) -> list:
        return [
            at for at in (self.endpoint.poll_timer(), self.link.poll_timer()) if at is not None
        ]


class Desk:
    """Two nodes on a cable, in virtual time."""

    def __init__(self, seed, baud, size, profiles=(HOST, SMALL), noise=0):
        self.random = Random(seed)
        self.now_us = 0
        self.ways = [Way(baud, self.random, noise), Way(baud, self.random, noise)]
        self.a = Side(self, self.ways, profiles[0], pattern(size, 1))
        self.b = Side(self, self.ways[::-1], profiles[1], pattern(size, 2))
        self.session = self.a.endpoint.connect(NEIGHBOUR, self.b.node.public, 0)
        self.opened_us = 0

    def run(self, until, seconds: int) -> bool:
        """Up to `until()` or that much virtual time; True for the former."""
        end_us = self.now_us + seconds * 1000000
        while self.now_us < end_us:
            for side in (self.a, self.b):
                side.turn(self.now_us // 1000)
            if self.a.stream is None and self.session.mux is not None and not self.opened_us:
                self.opened_us = self.now_us
                self.session.open("data")
            if until():
                return True
            self._advance()
        return False

    def run_to_the_end(self, seconds: int) -> bool:
        """Runs until both sides have what the other sends."""
        return self.run(lambda: self.done, seconds)

    def _advance(self):
        times = []
        for side in (self.a, self.b):
            times += [at * 1000 for at in side.deadlines]
        for way in self.ways:
            times += way.next_us()
        later = [at for at in times if at > self.now_us]
        self.now_us = min(later) if later else self.now_us + 1000

    @property
    def done(self) -> bool:
        return self.a.got == self.b.sends and self.b.got == self.a.sends


def exchange(seed, baud, size, seconds, **others):
    desk = Desk(seed, baud, size, **others)
    assert desk.run_to_the_end(seconds), "%d, %d of %d bytes" % (
        len(desk.a.got),
        len(desk.b.got),
        size,
    )
    return desk


def goodput(desk, size: int, baud: int) -> float:
    """Returns the goodput as a part of the line rate, one way."""
    return size * 10000000 / baud / (desk.now_us - desk.opened_us)


def test_goodput_at_115200_and_921600_baud_is_three_quarters_of_the_line_rate():
    size = 40000
    for baud in (115200, 921600):
        for profiles, both in WAYS:
            desk = Desk(1, baud, size, profiles=profiles)
            desk.b.sends = desk.b.sends if both else b""
            assert desk.run_to_the_end(60)
            share = goodput(desk, size, baud)
            assert share >= 0.75, "%d baud: %.3f" % (baud, share)
            assert desk.a.link.line.lost == desk.b.link.line.lost == 0


def test_one_percent_of_bytes_spoilt_and_nothing_lost():
    exchange(1, 921600, 12000, 120, noise=PERCENT)


def test_the_smallest_profile_on_a_noisy_line():
    exchange(3, 115200, 4000, 120, profiles=(HOST, TINY), noise=PERCENT // 2)


def test_a_cable_that_is_out_for_ten_seconds():
    desk = Desk(4, 115200, 40000)
    assert desk.run(lambda: len(desk.b.got) > 5000, 20)
    for way in desk.ways:
        way.noise = 65535
    assert not desk.run_to_the_end(10)
    for way in desk.ways:
        way.noise = 0
    assert desk.run_to_the_end(120)
    assert desk.a.ended == desk.b.ended == -1


def test_a_cable_that_stays_out_ends_the_session_within_the_keepalive_bound():
    desk = Desk(5, 115200, 10)
    assert desk.run_to_the_end(20)
    for way in desk.ways:
        way.noise = 65535
    assert desk.run(lambda: desk.a.ended >= 0 and desk.b.ended >= 0, 60)
    assert desk.a.ended == desk.b.ended == END_KEEPALIVE


def test_text_between_the_packets():
    desk = Desk(6, 115200, 20000)
    for _ in range(12):
        desk.run_to_the_end(1)
        for way in desk.ways:
            way.put(b"Traceback (most recent call last):\r\n  File\r\n>>> ", desk.now_us)
    assert desk.run_to_the_end(60)


def test_a_side_that_starts_again_is_heard_at_once():
    desk = Desk(7, 115200, 2000)
    assert desk.run_to_the_end(20)
    desk.a.plug()
    desk.a.stream, desk.a.got, desk.a.at = None, bytearray(), 0
    desk.b.stream, desk.b.got, desk.b.at = None, bytearray(), 0
    desk.opened_us = 0
    desk.session = desk.a.endpoint.connect(NEIGHBOUR, desk.b.node.public, desk.now_us // 1000)
    assert desk.run_to_the_end(20)
