"""Sessions whose heap is scarce: the peer waits, nobody ends, and windows follow what is free."""

from dsoftbus import errors
from dsoftbus.base.spares import Spares
from dsoftbus.const import EV_OPENED, SMALL
from dsoftbus.packet.segments import AHEAD, Inbox
from pairs import Muxes, Sessions, all_events, data_frame, drain, feed, seal, take
from simulated import LONG_MS, Talk
from support import raises

SIZE = 100000
STALLED_MS = 30000


class Heap:
    """In the place of a backend's `room`: `free` bytes, of which buffers take none."""

    def __init__(self, free=0):
        self.free = free
        self.asked = 0

    def room(self, size, more):
        self.asked += 1
        return size * (more + 1) <= self.free


class Full(Spares):
    """There is no memory at all while `full`."""

    full = True

    def take(self, size=0, more=0):
        if self.full:
            self.short = True
            raise MemoryError
        return super().take(size, more)


def scarce(mux, full=True) -> Full:
    """The streams that `mux` makes from now on find no memory while `full`."""
    mux.spares = Full(2)
    mux.spares.full = full
    return mux.spares


def test_a_frame_without_memory_changes_nothing_and_comes_again():
    pair = Muxes(SMALL)
    spares = scarce(pair.b)
    theirs = pair.open()[1]
    frames = data_frame(1, b"first") + data_frame(1, b"second", 1)
    credit = theirs.receive_credit, pair.b._receive_credit
    assert pair.b.receive(bytearray(frames), 0, len(frames), 0) == 0
    assert (theirs.receive_credit, pair.b._receive_credit) == credit and not theirs.readable
    assert not all_events(pair.b)
    spares.full = False
    assert pair.b.receive(bytearray(frames), 0, len(frames), 0) == len(frames)
    assert theirs.recv(99) == b"firstsecond" and theirs.at_end


def test_more_than_the_credit_is_refused_however_little_memory_there_is():
    label = "mux.reject.window_credit_overflow_or_underflow"
    pair = Muxes(SMALL)
    scarce(pair.b)
    pair.open()
    raises(label, take, pair.b, data_frame(1, bytes(SMALL.stream_credit + 1)))


def test_a_stream_without_memory_is_refused_alone():
    pair = Muxes(SMALL)
    mine, _theirs = pair.open()
    make = pair.b._add

    def lacking(*words):
        raise MemoryError

    pair.b._add = lacking
    other = pair.a.open("other", 3)
    pair.drive()
    assert other.code == errors.STREAM_REFUSED and not mine.over
    pair.b._add = make
    pair.open("another")


def moved(pair, mine, theirs, rounds) -> None:
    for _ in range(rounds):
        mine.send(bytes(2048))
        pair.drive()
        theirs.recv(2048)
        pair.drive()


def test_windows_follow_free_memory_down_and_up():
    pair = Muxes(SMALL)
    mine, theirs = pair.open()
    moved(pair, mine, theirs, 3)
    heap = Heap()
    pair.b.spares.room = heap.room
    for least in (1024, 512, 512):
        pair.b.spares.short = True
        mine.send(bytes(2048))
        pair.drive()
        pair.b.spares.short = True
        theirs.recv(2048)
        pair.drive()
        assert theirs.window == least == pair.b.windows
        assert mine.credit == theirs.receive_credit
        assert theirs.receive_credit + theirs.released == least
    heap.free = 4096
    pair.b.spares.short = False
    moved(pair, mine, theirs, 20)
    assert theirs.window == 2048 == pair.b.windows


def test_the_window_of_a_stream_of_messages_holds_a_message():
    pair = Muxes(SMALL)
    mine, theirs = pair.open("m", 3, 1)
    for _ in range(9):
        assert mine.send_message(bytes(SMALL.max_message))
        pair.drive()
        pair.b.spares.short = True
        assert theirs.recv_message_into(bytearray(1100)) == SMALL.max_message
        pair.drive()
    assert theirs.window == SMALL.stream_credit


def test_while_memory_is_short_nothing_is_kept():
    heap = Heap(100)
    spares = Spares(4, 10)
    spares.room = heap.room
    kept = spares.take()
    heap.free = 9
    raises_memory(spares)
    assert spares.take(0, -1) and spares.short is False
    raises_memory(spares)
    spares.give(kept)
    raises_memory(spares)
    heap.free = 10
    assert spares.take() is not kept
    spares.give(kept)
    assert spares.take() is kept


def raises_memory(spares) -> None:
    try:
        spares.take()
    except MemoryError:
        return
    raise AssertionError("there was memory")


def test_segments_ahead_of_their_turn_leave_room_for_those_in_turn():
    heap = Heap(250)
    spares = Spares(8, 100)
    spares.room = heap.room
    inbox = Inbox(spares, 4, lambda *words: None)
    try:
        inbox.hold(2, b"abc", 0, 3)
        raise AssertionError("it took what was to be left")
    except MemoryError:
        assert inbox.place(2) == AHEAD and not inbox.held
    heap.free = 300
    inbox.hold(2, b"abc", 0, 3)


# Sessions on a stream link


def established():
    pair = Sessions(SMALL).established()
    mine = pair.a.open("bulk")
    pair.drive()
    theirs = next(event.stream for event in all_events(pair.b) if event.kind == EV_OPENED)
    theirs.accept()
    pair.drive()
    return pair, mine, theirs


def test_a_session_on_a_stream_link_waits_for_memory():
    pair, mine, theirs = established()
    spares = scarce(pair.b.mux)
    theirs.ring._spares = spares
    for size in (700, 300):
        mine.send(bytes(size))
        data = drain(pair.a)
        if pair.b.stalled is None:
            feed(pair.b, data)
        else:
            rest = data
    assert pair.b.stalled == 0 and not pair.b.closed and not theirs.readable
    assert pair.b.receive_data(rest, 0) == 0  # it reads nothing: its peer's link fills
    assert pair.b.poll_timer() == pair.b.again_at
    spares.full = False
    pair.b.handle_timer(pair.b.again_at)
    assert pair.b.stalled is None and theirs.readable == 700
    pair.b.receive_data(rest, 100)
    assert theirs.recv(700) + theirs.recv(700) == bytes(1000)


def test_a_session_that_never_finds_memory_ends_with_the_label():
    pair, mine, theirs = established()
    theirs.ring._spares = scarce(pair.b.mux)
    mine.send(bytes(700))
    feed(pair.b, drain(pair.a))
    now = 0
    while not pair.b.closed:
        now = pair.b.poll_timer()
        assert now <= STALLED_MS + 100
        pair.b.handle_timer(now)
    assert now >= STALLED_MS and pair.b.cause == errors.END_NO_MEMORY


def test_frames_behind_the_one_that_waits_are_taken_once():
    pair, _mine, theirs = established()
    spares = scarce(pair.b.mux)
    theirs.ring._spares = spares
    feed(pair.b, seal(pair.a, data_frame(1, b"one") + data_frame(1, b"two", 1)))
    assert pair.b.stalled is not None
    spares.full = False
    pair.b.handle_timer(1000)
    assert theirs.recv(99) == b"onetwo" and theirs.at_end


# Sessions on datagram links


class Lacking(Talk):
    """A talk whose `b` has no memory for a share of what comes."""

    def on_established(self, node, session):
        super().on_established(node, session)
        if node is self.b:
            self.heap = NowAndThen(self.world)
            session.mux.spares = self.heap.wrap(session.mux.spares)
            pool = session.reliable.pool
            pool.room = self.heap.room


class NowAndThen:
    """Memory is there in the last quarter of each 400 ms of virtual time."""

    def __init__(self, world):
        self._world = world
        self.refused = 0

    def room(self, size, more):
        there = self._world.now_ms % 400 >= 300
        self.refused += not there
        return there

    def wrap(self, spares):
        heap = self

        class Wrapped(Spares):
            def take(self, size=0, more=0):
                if not heap.room(size, more):
                    self.short = True
                    raise MemoryError
                return super().take(size, more)

        return Wrapped(2)


def test_datagram_sessions_send_again_what_found_no_memory():
    for faults in ({"latency_ms": 5}, {"latency_ms": 5, "loss": 30}):
        talk = Lacking(1, SIZE // 4, faults, SMALL)
        talk.run(LONG_MS)
        assert talk.heap.refused > 10
        talk.finish()


def test_a_part_of_a_segment_is_not_handed_on_twice():
    talk = Talk(1, 0, {"latency_ms": 5}, SMALL)
    talk.run()
    reliable = talk.sessions[talk.b].reliable
    seen = []

    def sink(buffer, at, stop, now):
        seen.append(bytes(buffer[at:stop]))
        return stop if len(seen) > 1 else at + 4

    assert not reliable._sank(sink, bytearray(b"..abcdefgh"), 2, 10, 0) and reliable.stuck
    assert reliable._sank(sink, bytearray(b"..abcdefgh"), 2, 10, 0) and not reliable.stuck
    assert seen == [b"abcdefgh", b"efgh"]
    assert reliable._sank(sink, bytearray(b"..abcdefgh"), 2, 10, 0)
    assert seen[-1] == b"abcdefgh"
