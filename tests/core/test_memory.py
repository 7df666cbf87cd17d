"""Memory: none is taken in the steady state, none is left behind, and a lack of it is survived.

`heap_lock()` of MicroPython makes every allocation fail. On CPython the functions that the core
is given (copy, seal, open, random) fail in its place.
"""

import gc

from dsoftbus import errors
from dsoftbus.const import EV_CLOSED, EV_OPENED, SMALL, TINY
from dsoftbus.mux.stream_states import RESET
from dsoftbus.service.callee import Callee
from dsoftbus.service.caller import Caller
from dsoftbus.service.publisher import Publisher
from dsoftbus.service.subscriber import Subscriber
from dsoftbus.service.topics import Topics
from pairs import Muxes, Sessions, ToySuite, all_events, drain, events, feed
from support import Random, Skip

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None


def byte_copy(dst, at: int, src, start: int, n: int) -> None:
    """As codec.copy, but makes no slice: what a kernel does on a board."""
    for i in range(n):
        dst[at + i] = src[start + i]


def test_the_steady_state_of_a_stream_allocates_nothing():
    if heap_lock is None:
        raise Skip("there is no heap_lock")
    pair = Muxes(SMALL, None, byte_copy)
    mine, theirs = pair.open()
    block = bytes(range(250)) * 4
    sink = bytearray(1000)
    record = bytearray(pair.room)
    steady(pair, mine, theirs, block, sink, record, 3)  # what is made once is made here
    heap_lock()
    try:
        steady(pair, mine, theirs, block, sink, record, 50)
    finally:
        heap_unlock()
    assert bytes(sink) == block


def steady(pair, mine, theirs, block, sink, record, rounds: int) -> None:
    """Data one way, window updates the other way, and the events of both."""
    room = pair.room
    for _ in range(rounds):
        assert mine.send(block) == 1000
        mine.want_writable()
        pair.b.receive(record, 0, pair.a.fill(record, 0, room), 0)
        while pair.b.next_event():
            pass
        assert theirs.recv_into(sink) == 1000
        pair.a.receive(record, 0, pair.b.fill(record, 0, room), 0)
        while pair.a.next_event():
            pass


def collects() -> bool:
    """Returns whether gc.collect() collects at once (the WebAssembly port waits for the call's
    end)."""
    if not hasattr(gc, "mem_alloc"):
        return False
    before = in_use()
    make_garbage()
    return in_use() - before < 5000


def make_garbage() -> None:
    for _ in range(100):
        bytearray(1000)


def in_use() -> int:
    gc.collect()
    return gc.mem_alloc()


class Streams:
    """Streams that open and close, over and over, between the same two muxes."""

    pair = None

    @classmethod
    def cycle(cls, rounds: int) -> None:
        pair = cls.pair = cls.pair or Muxes()
        for i in range(rounds):
            cls.visit(pair, i)
        assert not pair.a._streams and not pair.b._streams

    @staticmethod
    def visit(pair, i: int) -> None:
        mine = pair.a.open("s", i % 8, i % 2)
        pair.drive()
        theirs = all_events(pair.b)[0].stream
        theirs.accept()
        pair.drive()
        if i % 2:
            mine.send_message(b"hello")
        else:
            mine.send(b"hello")
        mine.finish()
        theirs.finish()
        pair.drive()
        theirs.drop(theirs.readable)
        if i % 3 == 0:
            theirs.reset()
        pair.drive()
        all_events(pair.a)
        all_events(pair.b)


class Visits:
    """Sessions that come and go between the same two nodes."""

    pair = None

    @classmethod
    def cycle(cls, rounds: int) -> None:
        pair = cls.pair = cls.pair or Sessions(TINY).established()
        for _ in range(rounds):
            cls.again(pair)

    @staticmethod
    def again(pair) -> None:
        pair.a.open("s").send(b"hello")
        pair.drive()
        pair.a.close(0)
        pair.drive()
        events(pair.a)
        events(pair.b)
        reconnect(pair)


def reconnect(pair) -> None:
    pair.node_a.forget(pair.a)
    pair.node_b.forget(pair.b)
    pair.b = pair.node_b.accept(0)
    pair.a = pair.node_a.connect(pair.node_b.public, 0)
    pair.established()


def cycle_streams(rounds: int) -> None:
    Streams.cycle(rounds)


def cycle_sessions(rounds: int) -> None:
    Visits.cycle(rounds)


def check_growth(cycle, rounds: int, limit: int) -> None:
    if not collects():
        raise Skip("the heap cannot be measured from inside")
    cycle(20)
    before = in_use()
    cycle(rounds)
    assert in_use() - before < limit


def test_a_thousand_streams_leave_no_growth():
    # An int of more bits, or what the collector takes for a reference: less than one stream.
    check_growth(cycle_streams, 1000, 500)


def test_two_hundred_sessions_leave_no_growth():
    check_growth(cycle_sessions, 200, 2000)  # less than one session


def test_a_service_that_is_idle_takes_little():
    if not collects():
        raise Skip("the heap cannot be measured from inside")
    topics = Topics(SMALL, Random(1))
    before = in_use()
    kept = [Callee(SMALL, len), Caller(SMALL), Publisher(topics, max), Subscriber(SMALL)]
    assert (in_use() - before) // len(kept) < 3000  # of the 64-bit port


# A lack of memory, wherever it comes


class Scarce:
    """A suite whose functions, from a chosen call on, find no memory (nor does anyone else)."""

    def __init__(self):
        self.suite = ToySuite()
        self.left = -1  # calls until there is none; -1: there is plenty
        self.out = False
        self._cipher = self.suite.cipher
        self._copy = self.suite.copy
        self.suite.cipher = self.cipher
        self.suite.copy = self.copy

    def _spend(self) -> None:
        if self.left == 0:
            self.out = True
            if heap_lock is None:
                raise MemoryError
            heap_lock()  # whatever allocates next fails, here or in the caller
            self.left = -2
        elif self.left > 0:
            self.left -= 1
        if self.left == -2 and heap_lock is None:
            raise MemoryError

    def relieve(self) -> bool:
        """There is plenty again; whether there was none."""
        if self.left == -2:
            heap_unlock()
        self.left = -1
        was, self.out = self.out, False
        return was

    def copy(self, dst, at, src, start, n):
        self._spend()
        self._copy(dst, at, src, start, n)

    def cipher(self, key):
        self._spend()
        aead = self._cipher(key)
        return ScarceAead(aead, self._spend)


class ScarceAead:
    def __init__(self, aead, spend):
        self._aead = aead
        self._spend = spend

    def seal(self, *args):
        self._spend()
        return self._aead.seal(*args)

    def open(self, *args):
        self._spend()
        return self._aead.open(*args)


def scene(pair, seen) -> None:
    """A handshake, a stream, its end."""
    pair.drive()
    if pair.a.closed or pair.b.closed:
        return
    one = pair.a.open("one")
    one.send(bytes(700))
    pair.drive()
    seen += all_events(pair.b)
    found = [e.stream for e in seen if e.kind == EV_OPENED]
    if found and found[0].state < RESET:
        found[0].accept()
        found[0].recv(700)
        pair.drive()
    if one.state < RESET:
        one.finish()
    pair.drive()


def run_scene(left: int) -> bool:
    """The scene, with memory for `left` calls; False when it was enough for all of it."""
    scarce = Scarce()
    pair = Sessions(TINY, suite=scarce.suite)
    scarce.left = left
    seen_by_b = []
    try:
        scene(pair, seen_by_b)
    except MemoryError:
        pass  # out of a command of the program's own: its call, its error
    short = scarce.relieve()
    pair.a.handle_timer(10**6)
    pair.b.handle_timer(10**6)
    pair.drive()
    for session, found in ((pair.a, []), (pair.b, seen_by_b)):
        found += all_events(session)
        kinds = [e.kind for e in found]
        assert session.closed and kinds.count(EV_CLOSED) == 1 and kinds[-1] == EV_CLOSED, left
        assert errors.label(session.cause)[:8] != "unknown."
    reconnect(pair)  # both nodes are as good as new
    return short


def test_a_lack_of_memory_anywhere_ends_the_session_and_leaves_the_node():
    left = 0
    while run_scene(left):
        left += 1
    assert left > 20  # so many places were tried


def test_the_end_itself_needs_no_memory():
    if heap_lock is None:
        raise Skip("there is no heap_lock")
    pair = Sessions(SMALL).established()
    streams = [pair.a.open("s%d" % i) for i in range(8)]
    for stream in streams:
        stream.send(b"x")
    pair.drive()
    wire = b"\x00\x14\x04" + bytes(19)
    for end in (lambda: feed_locked(pair.b, wire), pair.a.link_lost):
        heap_lock()
        try:
            end()
        finally:
            heap_unlock()
    assert pair.a.cause == errors.END_LINK_DOWN
    assert pair.b.cause in (errors.END_NO_MEMORY, errors.DECRYPT_FAILED)
    for session in (pair.a, pair.b):
        found = events(session)
        assert found[-1] == EV_CLOSED and found.count(EV_CLOSED) == 1
    assert len(drain(pair.b)) in (0, 28)


def feed_locked(session, wire) -> None:
    session.receive_data(wire, 0)


def test_records_that_were_sealed_before_the_lack_still_leave():
    scarce = Scarce()
    pair = Sessions(SMALL, suite=scarce.suite).established()
    streams = [pair.a.open("s%d" % i) for i in range(3)]
    for stream in streams:
        stream.send(bytes(1024))
    out = bytearray(5000)
    scarce.left = 3
    n = pair.a.poll_transmit(out, 0)
    scarce.relieve()
    assert n > 0 and pair.a.cause == errors.END_NO_MEMORY
    feed(pair.b, bytes(out[:n]) + drain(pair.a))
    # What was sealed arrived, and so did the reason where there was memory to say it.
    assert pair.b.cause in (0, errors.END_PEER)
    assert EV_OPENED in events(pair.b)
