"""Streams of bytes: what is sent is what is read, the ends, the resets, the borrowing."""

from dsoftbus import errors
from dsoftbus.base.codec import copy, get_u32
from dsoftbus.base.spares import Spares
from dsoftbus.const import (
    DATA,
    EV_READABLE,
    EV_RESET,
    EV_WRITABLE,
    FLAG_FIN,
    OPEN,
    RST,
    SMALL,
    TINY,
    WINDOW_UPDATE,
)
from dsoftbus.mux.chunks import Chunks
from dsoftbus.mux.ring import Ring
from dsoftbus.mux.stream import OWE_WINDOW
from dsoftbus.mux.stream_states import CLOSED, LOCAL_FINISHED, REMOTE_FINISHED, RESET
from pairs import Muxes, all_events, data_frame, events, frame, limits, take
from support import Random, raises


def transfer(pair, mine, theirs, data, most, random=None) -> bytes:
    """Sends all of `data` and finishes; reads at most `most` bytes at a time up to the end."""
    got = b""
    at = 0
    while not theirs.at_end:
        if at < len(data):
            at += mine.send(data, at)
        elif not mine.finishing:
            mine.finish()
        pair.drive()
        got += theirs.recv(1 + random.below(most) if random else most)
        pair.drive()
    return got


def test_bytes_in_are_bytes_out_in_any_bites():
    for profile in (TINY, SMALL):
        for most in (7, 300, 5000):
            pair = Muxes(profile)
            mine, theirs = pair.open()
            random = Random(most)
            data = random(6000)
            got = transfer(pair, mine, theirs, data, most, random)
            assert got == data
            assert theirs.state == REMOTE_FINISHED and mine.state == LOCAL_FINISHED
            back = transfer(pair, theirs, mine, data, most, random)
            assert back == data
            events(pair.a)
            events(pair.b)
            assert not pair.a._streams and not pair.b._streams


def test_a_reset_takes_the_place_of_what_a_stream_owed():
    pair = Muxes(SMALL)
    mine, theirs = pair.open()
    mine.send(Random(1)(SMALL.stream_credit))
    pair.drive()
    theirs.recv(SMALL.stream_credit)  # owes credit
    assert list(pair.b._debtors) == [theirs]
    theirs.reset()
    assert list(pair.b._debtors) == [theirs] and not theirs.owes & OWE_WINDOW
    pair.drive()
    assert mine.state == RESET and not pair.b._debtors


def test_boards_and_hosts_of_different_limits_understand_each_other():
    for one, other in ((TINY, SMALL), (SMALL, TINY)):
        pair = Muxes(one, other)
        mine, theirs = pair.open()
        data = Random(3)(5000)
        assert transfer(pair, mine, theirs, data, 333) == data


def test_three_ways_to_read_give_the_same_bytes():
    for way in range(3):
        pair = Muxes(SMALL)
        mine, theirs = pair.open()
        data = Random(11)(9000)
        got = bytearray()
        at = 0
        sink = bytearray(700)
        while len(got) < len(data):
            at += mine.send(data, at)
            pair.drive()
            if way == 0:
                got += theirs.recv(700)
            elif way == 1:
                n = theirs.recv_into(sink, 10, 650)
                got += sink[10 : 10 + n]
            else:
                view = theirs.peek()
                n = len(view)
                got += bytes(view)
                theirs.drop(n)
            pair.drive()
        assert got == data


def test_reading_never_goes_past_the_buffer():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.send(b"0123456789")
    pair.drive()
    sink = bytearray(4)
    assert theirs.recv_into(sink, 4) == 0
    assert theirs.recv_into(sink, 9) == 0
    assert theirs.recv_into(sink, 0, 0) == 0
    assert theirs.recv_into(sink, 1) == 3 and bytes(sink) == b"\x00012"
    assert theirs.recv_into(sink, 3, 99) == 1 and bytes(sink) == b"\x00013"
    assert theirs.recv(99) == b"456789"
    assert theirs.recv(5) == b"" and len(theirs.peek()) == 0


def test_what_is_on_loan_is_not_copied_until_it_leaves():
    pair = Muxes()
    mine, theirs = pair.open()
    data = bytearray(b"before")
    assert mine.send(data) == 6
    data[:] = b"afterw"
    pair.drive()
    assert theirs.recv(9) == b"afterw"


def test_a_stream_has_one_loan_and_says_would_block():
    pair = Muxes()
    mine, _ = pair.open()
    assert mine.send(b"one") == 3
    assert mine.send(b"two") == 0
    pair.drive()
    assert events(pair.a) == [EV_WRITABLE]
    assert mine.send(b"two") == 3
    pair.drive()
    assert events(pair.a) == []  # nobody asked


def test_credit_that_runs_out_is_would_block_and_its_return_an_event():
    pair = Muxes(SMALL)
    mine, theirs = pair.open()
    block = bytes(SMALL.stream_credit)
    assert mine.send(block + b"more") == len(block)
    pair.drive()
    assert mine.send(b"more") == 0
    pair.drive()
    assert events(pair.a) == []
    theirs.recv(len(block))
    pair.drive()
    assert events(pair.a) == [EV_WRITABLE]
    assert mine.send(b"more") == 4


def test_window_updates_come_in_steps_and_not_in_crumbs():
    pair = Muxes(SMALL)
    mine, theirs = pair.open()
    updates = 0
    record = bytearray(1105)
    for _ in range(4096):
        mine.send(b"x")
        pair.move(pair.a, pair.b)
        theirs.recv(1)
        n = pair.b.fill(record, 0, len(record))
        at = 0
        while at < n:
            updates += record[at] == WINDOW_UPDATE and record[at + 7] == 1
            at += 8 + record[at + 3]
        pair.a.receive(record, 0, n, 0)
    assert 2 <= updates <= 6


# The ends


def test_each_direction_ends_on_its_own():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.finish()
    pair.drive()
    assert theirs.at_end and not mine.at_end
    assert events(pair.b) == [EV_READABLE]
    theirs.send(b"answer")
    theirs.finish()
    pair.drive()
    assert not mine.at_end and mine.recv(9) == b"answer" and mine.at_end


def test_fin_rides_with_the_last_bytes():
    pair = Muxes()
    mine, _ = pair.open()
    mine.send(b"bye")
    mine.finish()
    out = bytearray(100)
    assert bytes(out[: pair.a.fill(out, 0, 100)]) == data_frame(1, b"bye", FLAG_FIN)
    assert not pair.a.has_output


def test_a_stream_may_open_send_and_end_before_it_is_answered():
    pair = Muxes()
    mine = pair.a.open("quick", 3)
    mine.send(b"all")
    mine.finish()
    pair.drive()
    theirs = all_events(pair.b)[0].stream
    assert theirs.recv(9) == b"all" and theirs.at_end
    theirs.accept()
    theirs.finish()
    pair.drive()
    events(pair.a)
    assert mine.at_end and mine.state == CLOSED
    assert not pair.a._streams and not pair.b._streams


def test_a_closed_stream_can_be_read_to_its_end():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.send(b"unread")
    mine.finish()
    pair.drive()
    theirs.finish()
    pair.drive()
    events(pair.b)
    assert theirs.state == CLOSED and not theirs.at_end and 1 in pair.b._streams
    assert theirs.recv(9) == b"unread" and theirs.at_end
    assert not pair.b._streams


def test_a_closed_stream_that_nobody_will_read_is_freed_by_reset():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.send(b"unread")
    mine.finish()
    pair.drive()
    theirs.finish()
    pair.drive()
    events(pair.b)
    theirs.reset()
    assert not pair.b._streams and not pair.b.has_output and theirs.at_end
    theirs.reset()  # once more does nothing


# Resets


def test_reset_tells_the_peer_and_drops_what_was_not_delivered():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.send(bytes(100))
    pair.drive()
    theirs.send(b"x")
    theirs.reset(errors.STREAM_REFUSED)
    assert theirs.readable == 0 and not theirs.pending and theirs.loan == b""
    pair.drive()
    found = all_events(pair.a)
    assert [(e.kind, e.code) for e in found] == [(EV_RESET, errors.STREAM_REFUSED)]
    assert mine.state == RESET and mine.code == errors.STREAM_REFUSED and mine.at_end
    raises("local.bad_state", mine.send, b"x")
    events(pair.b)
    assert not pair.a._streams and not pair.b._streams


def test_reset_wakes_a_writer_that_waits():
    pair = Muxes()
    mine, _ = pair.open()
    mine.send(bytes(100))
    assert mine.send(b"x") == 0
    mine.reset()
    assert events(pair.a) == [EV_WRITABLE]


def test_resets_that_cross_on_the_way_end_once_each():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.reset()
    theirs.reset()
    pair.drive()
    assert events(pair.a) == events(pair.b) == []
    assert not pair.a._streams and not pair.b._streams


def test_a_stream_that_is_reset_before_it_left_still_opens_first():
    pair = Muxes()
    mine = pair.a.open("never", 3)
    mine.send(b"lost")
    mine.finish()
    mine.reset()
    out = bytearray(200)
    n = pair.a.fill(out, 0, 200)
    assert out[0] == OPEN and out[n - 9] == RST and n == 8 + 6 + 5 + 9
    pair.b.receive(out, 0, n, 0)
    assert events(pair.b) == [2, EV_RESET]


def test_reset_after_both_ends_finished_tells_the_peer_if_data_had_not_left():
    # The peer waits for that data and its FIN: without a RST it would wait for ever.
    pair = Muxes()
    mine, theirs = pair.open()
    theirs.finish()
    pair.drive()
    mine.send(b"on loan")
    mine.finish()
    assert mine.state == CLOSED
    mine.reset()
    pair.drive()
    assert theirs.state == RESET and theirs.code == errors.STREAM_CANCELLED
    events(pair.a)
    events(pair.b)
    assert not pair.a._streams and not pair.b._streams


def test_a_reset_by_the_peer_reaches_a_program_whose_last_data_had_not_left():
    pair = Muxes()
    mine, theirs = pair.open()
    theirs.finish()
    pair.drive()
    events(pair.a)
    mine.send(b"on loan")
    mine.finish()
    take(pair.a, frame(RST, 1, b"\x40"))
    assert [(e.kind, e.code) for e in all_events(pair.a)] == [(EV_RESET, 0x40)]
    assert mine.loan == b"" and not pair.a.has_output and not pair.a._streams


def test_a_reset_that_crossed_our_last_data_changes_nothing():
    pair = Muxes()
    mine, theirs = pair.open()
    theirs.send(b"keep")
    theirs.finish()
    pair.drive()
    mine.finish()
    out = bytearray(100)
    pair.a.fill(out, 0, 100)
    take(pair.a, frame(RST, 1, b"\x40"))
    assert mine.recv(9) == b"keep" and mine.code == 0


def test_data_that_crossed_a_reset_gives_its_credit_back():
    pair = Muxes()
    mine, theirs = pair.open()
    before = pair.b._receive_credit + pair.b._released
    theirs.reset()
    mine.send(bytes(1000))
    pair.move(pair.a, pair.b)  # before the RST arrives
    pair.drive()
    assert pair.b._receive_credit + pair.b._released == before
    assert mine.state == RESET and theirs.readable == 0


def test_the_sessions_end_leaves_what_was_received_and_nothing_else():
    pair = Muxes()
    mine, theirs = pair.open()
    done, done_end = pair.open("done")
    mine.send(b"read me")
    done.send(b"and me")
    done.finish()
    pair.drive()
    theirs.send(b"lost")
    events(pair.b)
    pair.b.end(errors.END_LINK_DOWN)
    found = all_events(pair.b)
    assert [(e.kind, e.code) for e in found] == [(EV_RESET, errors.END_LINK_DOWN)] * 2
    assert {e.stream for e in found} == {theirs, done_end}
    assert theirs.code == errors.END_LINK_DOWN  # it did not end in order
    assert done_end.code == 0  # the peer had said its last word
    assert theirs.recv(99) == b"read me" and theirs.at_end
    assert done_end.recv(99) == b"and me" and done_end.at_end
    assert not pair.b.has_output
    raises("local.bad_state", theirs.send, b"x")
    theirs.reset()
    pair.a.end(errors.END_LOCAL)
    mine.reset()


def test_a_stream_that_is_reset_after_the_session_drops_what_was_received():
    pair = Muxes()
    mine, theirs = pair.open()
    mine.send(b"unwanted")
    pair.drive()
    pair.b.end(errors.END_LINK_DOWN)
    theirs.reset()
    assert theirs.at_end and theirs.code == errors.END_LINK_DOWN


# The ring


def test_a_ring_is_a_queue_at_every_head_and_length():
    for kind, capacity in [(Ring, n) for n in (1, 2, 7, 16)] + [(Chunks, 16), (Chunks, 2000)]:
        ring = kind(capacity, copy, Spares(1))
        random = Random(capacity)
        model = b""
        for _ in range(500):
            n = random.below(capacity - ring.used + 1)
            data = random.many(n)
            ring.put(b"--" + data, 2, n)
            model += data
            assert len(model) < 4 or ring.u32() == get_u32(model, 0)
            view = bytes(ring.view())
            assert model[: len(view)] == view and (view or not model)
            n = random.below(ring.used + 1)
            sink = bytearray(n + 1)
            ring.take_into(sink, 1, n)
            assert bytes(sink[1:]) == model[:n]
            model = model[n:]
            assert ring.used == len(model)


def test_chunks_are_what_came_but_crumbs_are_joined():
    chunks = Chunks(65536, copy, Spares(1))
    chunks.put(bytes(600), 0, 600)
    for n in range(3):
        chunks.put(b"abc", n, 1)
    chunks.put(bytes(700), 0, 700)
    assert chunks.used == 1303 and len(chunks._chunks) == 3
    assert chunks.take(599) == bytes(599) and chunks.u32() == 0x616263
    assert chunks.take(9999) == b"\0" and chunks.take(2) == b"ab" and chunks.view() == b"c"
    chunks.drop(2)
    assert chunks.take(9999) == bytes(699) and not chunks.used and not chunks._chunks
    for _ in range(65536):
        chunks.put(b"x", 0, 1)
    assert max(len(chunk) for chunk in chunks._chunks) <= 512 >= 65536 // len(chunks._chunks)
    assert len(chunks._chunks) == 128


def test_a_ring_grows_while_it_is_empty():
    ring = Ring(8, copy, Spares(1))
    ring.put(b"01234567", 0, 8)
    ring.drop(8)
    ring.capacity = 16
    ring.put(b"0123456789abcdef", 0, 16)
    assert ring.take(-1) == b"" and ring.take(10) == b"0123456789"
    ring.put(b"ghij", 0, 4)
    assert ring.take(99) == b"abcdef"  # as many as lie together
    assert ring.take(99) == b"ghij" and ring.take(99) == b""


def test_data_frames_are_no_larger_than_the_profile_says():
    profile = limits(SMALL, frame_payload=100)
    pair = Muxes(profile)
    mine, _ = pair.open()
    mine.send(bytes(2000))
    out = bytearray(1105)
    n = pair.a.fill(out, 0, 1105)
    at = 0
    while at < n:
        assert out[at] == DATA and out[at + 3] <= 100
        at += 8 + out[at + 3]
