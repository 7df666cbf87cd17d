"""Credit: checked both ways, given back in full, and nobody waits for another's reader."""

from dsoftbus.const import (
    FRAME_HEADER,
    HANDSHAKE_RECORD_MAX,
    HOST,
    MESSAGE_PREFIX,
    SMALL,
    TAG_BYTES,
    TINY,
    U30_MAX,
    WINDOW_UPDATE,
)
from pairs import Muxes, data_frame, events, frame, limits, take, u32
from support import Random, raises


def test_reject_window_credit_overflow_or_underflow():
    label = "mux.reject.window_credit_overflow_or_underflow"
    pair = Muxes()
    _mine, theirs = pair.open()
    for number in (0, 1):  # more than can be counted, or nothing at all
        raises(label, take, pair.a, frame(WINDOW_UPDATE, number, u32(U30_MAX)))
        raises(label, take, pair.a, frame(WINDOW_UPDATE, number, u32(0)))
    spent = bytes(SMALL.stream_credit + 1)
    raises(label, take, pair.b, data_frame(1, spent))  # more than the stream's credit
    assert theirs.readable == 0 and theirs.receive_credit == SMALL.stream_credit


def test_data_beyond_the_sessions_credit_is_refused():
    profile = limits(SMALL, session_credit=100)
    pair = Muxes(profile)
    pair.open("one")
    pair.open("two")
    take(pair.b, data_frame(1, bytes(60)))
    wrong = data_frame(3, bytes(41))
    raises("mux.reject.window_credit_overflow_or_underflow", take, pair.b, wrong)
    take(pair.b, data_frame(3, bytes(40)))


def test_credit_to_the_very_top_is_no_overflow():
    pair = Muxes()
    mine, _ = pair.open()
    take(pair.a, frame(WINDOW_UPDATE, 1, u32(U30_MAX - mine.credit)))
    take(pair.a, frame(WINDOW_UPDATE, 0, u32(U30_MAX - pair.a._credit)))
    assert mine.credit == U30_MAX
    assert mine.send(b"fine") == 4


def test_credit_for_a_stream_that_has_ended_is_not_counted():
    pair = Muxes()
    pair.open()[0].reset()
    pair.drive()
    take(pair.a, frame(WINDOW_UPDATE, 1, u32(U30_MAX)) * 3)


def test_after_quiescence_all_credit_is_back():
    for profile in (TINY, SMALL):
        pair = Muxes(profile)
        mine, theirs = pair.open()
        sink = bytearray(999)
        random = Random(4)
        for _ in range(200):
            mine.send(bytes(1 + random.below(profile.stream_credit)))
            pair.drive()
            theirs.recv_into(sink, 0, random.below(999))
            pair.drive()
        while theirs.readable or mine.pending:
            theirs.recv_into(sink)
            pair.drive()
        assert mine.credit == theirs.receive_credit
        assert theirs.receive_credit + theirs.released == theirs.window
        assert pair.a._credit == pair.b._receive_credit
        assert pair.b._receive_credit + pair.b._released == profile.session_credit


def test_the_numbers_of_every_profile_fit_each_other():
    for profile in (TINY, SMALL, HOST):
        message = profile.max_message + MESSAGE_PREFIX
        parts = 2 * profile.streams * message
        assert profile.session_credit >= parts + 2 * profile.frame_payload
        assert profile.stream_credit >= 2 * message
        assert profile.stream_credit <= profile.stream_buffer
        assert profile.record_bytes >= 1 + FRAME_HEADER + profile.frame_payload + TAG_BYTES
        assert profile.receive_bytes >= max(profile.record_bytes, HANDSHAKE_RECORD_MAX) + 2


# Memory: nobody holds more than was promised, and nobody waits for another's reader


def test_a_stream_that_nobody_reads_holds_no_more_than_its_window():
    pair = Muxes(SMALL)
    mine, theirs = pair.open()
    block = bytes(5000)
    for _ in range(20):
        mine.send(block)
        pair.drive()
    assert theirs.readable == SMALL.stream_credit == theirs.ring.capacity
    assert mine.send(block) == 0


def test_a_slow_reader_never_stalls_another():
    for profile in (TINY, SMALL):
        pair = Muxes(profile)
        slow = [pair.open("slow%d" % i)[0] for i in range(profile.streams - 1)]
        mine, theirs = pair.open("quick")
        block = bytes(profile.stream_credit)
        for stream in slow:
            while stream.send(block):
                pair.drive()
        sink = bytearray(100)
        for _ in range(400):  # many times the session's credit, in small bites
            mine.send(block)
            pair.drive()
            assert theirs.recv_into(sink) == 100


def test_what_others_have_read_comes_back_even_when_nobody_reads_any_more():
    # Released credit that waits for company must not wait for ever when the rest of the
    # session's memory fills up and its readers stand still.
    profile = limits(SMALL, session_credit=4096, stream_credit=2048, streams=8)
    pair = Muxes(profile)
    (one, one_end), (two, _), (three, three_end) = [pair.open(name) for name in "abc"]
    one.send(bytes(1500))
    pair.drive()
    assert len(one_end.recv(1500)) == 1500  # less than the peer has left: it waits
    two.send(bytes(2048))
    three.send(bytes(2048))
    pair.drive()
    assert three_end.readable == 2048


def test_a_reader_that_keeps_up_gets_a_larger_window():
    profile = limits(SMALL, stream_buffer=8192, session_credit=65536)
    pair = Muxes(profile)
    mine, theirs = pair.open()
    random = Random(8)
    total = random(20000)
    got = b""
    at = 0
    while len(got) < len(total):
        at += mine.send(total, at)
        pair.drive()
        got += theirs.recv(9999)
        pair.drive()
    assert got == total
    assert theirs.window == theirs.ring.capacity == 8192
    assert pair.b.windows == 8192
    theirs.reset()
    pair.drive()
    events(pair.b)
    assert pair.b.windows == 0


def test_windows_do_not_grow_into_what_new_streams_were_promised():
    profile = limits(SMALL, stream_buffer=65536, session_credit=16384)
    pair = Muxes(profile)
    mine, theirs = pair.open()
    block = bytes(20000)
    for _ in range(50):
        mine.send(block)
        pair.drive()
        theirs.recv(65536)
        pair.drive()
    assert theirs.window == 8192


def test_memory_for_a_larger_window_may_be_refused():
    profile = limits(SMALL, stream_buffer=8192, session_credit=65536)
    pair = Muxes(profile)
    mine, theirs = pair.open()
    pair.b.spares.room = lambda size, more: size <= 2048
    block = bytes(2048)
    got = 0
    for _ in range(20):
        mine.send(block)
        pair.drive()
        got += len(theirs.recv(2048))
    assert got > 20000 and theirs.window == 2048 and pair.b.windows == 2048
