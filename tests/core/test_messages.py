"""Streams of whole messages: ordered, bounded, and never stuck."""

from dsoftbus import errors
from dsoftbus.base.codec import put_u32
from dsoftbus.const import EV_RESET, EV_WRITABLE, FLAG_FIN, KIND_MESSAGES, SMALL, TINY
from pairs import Muxes, all_events, data_frame, events, limits, take, u32
from support import Random, raises


def receive_all(stream) -> list:
    found = []
    sink = bytearray(40000)
    while (n := stream.recv_message_into(sink)) >= 0:
        found.append(bytes(sink[:n]))
    return found


def test_messages_arrive_whole_and_in_order():
    for profile in (TINY, SMALL):
        pair = Muxes(profile)
        mine, theirs = pair.open("m", 3, KIND_MESSAGES)
        random = Random(6)
        sent = []
        got = []
        while len(sent) < 300:
            message = random.many(random.below(mine.max_message + 1))
            if mine.send_message(message):
                sent.append(message)
            if random.below(3):
                pair.drive()
            if not random.below(4):
                got += receive_all(theirs)
            pair.drive()
        pair.drive()
        got += receive_all(theirs)
        assert got == sent


def test_the_longest_message_fits_however_it_is_cut():
    for payload in (5, 33, 64, 1024):
        profile = limits(SMALL, frame_payload=payload)
        pair = Muxes(profile)
        mine, theirs = pair.open("m", 3, KIND_MESSAGES)
        assert mine.max_message == SMALL.max_message
        message = Random(payload)(SMALL.max_message)
        for _ in range(5):
            assert mine.send_message(message)
            pair.drive()
            assert receive_all(theirs) == [message]


def test_a_prefix_that_is_split_over_frames_is_put_together():
    pair = Muxes(limits(SMALL, frame_payload=3))
    mine, theirs = pair.open("m", 3, KIND_MESSAGES)
    mine.send_message(b"hello")
    pair.drive()
    assert receive_all(theirs) == [b"hello"]
    pair = Muxes()
    _, theirs = pair.open("m", 3, KIND_MESSAGES)
    whole = u32(5) + b"hello" + u32(0) + u32(2) + b"ok"
    for i in range(len(whole)):
        take(pair.b, data_frame(1, whole[i : i + 1]))
        if i < 8:
            assert theirs.message_bytes == -1
    assert receive_all(theirs) == [b"hello", b"", b"ok"]


def test_messages_wait_for_the_peers_answer_and_for_credit():
    pair = Muxes(SMALL)
    mine = pair.a.open("m", 3, KIND_MESSAGES)
    assert not mine.send_message(b"too early")
    pair.drive()
    all_events(pair.b)[0].stream.accept()
    theirs = pair.b._streams[1]
    pair.drive()
    assert EV_WRITABLE in events(pair.a)
    message = bytes(1000)
    assert mine.send_message(message)
    assert not mine.send_message(message)  # the loan
    pair.drive()
    assert events(pair.a) == [EV_WRITABLE]
    assert mine.send_message(message)
    pair.drive()
    assert not mine.send_message(message)  # the credit
    pair.drive()
    assert len(receive_all(theirs)) == 2
    pair.drive()
    assert EV_WRITABLE in events(pair.a)
    assert mine.send_message(message)


def test_a_message_longer_than_the_peer_takes_is_a_local_error():
    pair = Muxes(SMALL, TINY)
    mine, _ = pair.open("m", 3, KIND_MESSAGES)
    assert mine.max_message == TINY.max_message
    raises("local.bad_argument", mine.send_message, bytes(TINY.max_message + 1))
    assert mine.send_message(bytes(TINY.max_message))


def test_a_message_needs_a_buffer_that_holds_it():
    pair = Muxes()
    mine, theirs = pair.open("m", 3, KIND_MESSAGES)
    mine.send_message(b"hello")
    pair.drive()
    raises("local.bad_argument", theirs.recv_message_into, bytearray(4))
    assert receive_all(theirs) == [b"hello"]  # it was not lost


def test_an_oversize_message_resets_its_stream_before_anything_is_allocated():
    for size in (SMALL.max_message + 1, 1 << 30, 0xFFFFFFFF):
        pair = Muxes()
        mine, theirs = pair.open("m", 3, KIND_MESSAGES)
        other, other_end = pair.open("other")
        take(pair.b, data_frame(1, u32(size) + b"body"))
        events(pair.b)
        assert theirs.recv_message_into(bytearray(9)) == -1
        found = [(e.kind, e.stream, e.code) for e in all_events(pair.b)]
        assert found == [(EV_RESET, theirs, errors.MESSAGE_OVERSIZE)]
        assert theirs.at_end and theirs.code == errors.MESSAGE_OVERSIZE
        pair.drive()
        assert mine.code == errors.MESSAGE_OVERSIZE
        other.send(b"fine")
        pair.drive()
        assert other_end.recv(9) == b"fine"


def test_a_message_that_the_end_cuts_off_is_reported_and_not_waited_for():
    whole = u32(5) + b"hello"
    for n in range(1, len(whole)):
        pair = Muxes()
        _, theirs = pair.open("m", 3, KIND_MESSAGES)
        take(pair.b, data_frame(1, whole + whole[:n], FLAG_FIN))
        events(pair.b)
        assert receive_all(theirs) == [b"hello"]
        assert theirs.at_end and theirs.code == errors.MALFORMED
        assert events(pair.b) == [EV_RESET]


def test_a_message_that_the_sessions_end_cuts_off_is_dropped():
    pair = Muxes()
    _, theirs = pair.open("m", 3, KIND_MESSAGES)
    take(pair.b, data_frame(1, u32(5) + b"hello" + u32(5) + b"he"))
    pair.b.end(errors.END_LINK_DOWN)
    events(pair.b)
    assert receive_all(theirs) == [b"hello"]
    assert theirs.at_end and theirs.code == errors.END_LINK_DOWN and events(pair.b) == []


def test_message_streams_of_a_whole_session_never_lock_each_other():
    # Each holds a part of a message: the session's credit must reach to complete one of them.
    for profile in (TINY, SMALL):
        pair = Muxes(profile)
        ends = [pair.open("a%d" % i, i % 8, KIND_MESSAGES) for i in range(profile.streams)]
        for i in range(profile.streams):
            theirs = pair.b.open("b%d" % i, i % 8, KIND_MESSAGES)
            pair.drive()
            mine = all_events(pair.a)[-1].stream
            mine.accept()
            pair.drive()
            ends.append((mine, theirs))
        # A little has been read, and waits for company before its credit goes back.
        take(
            pair.b,
            data_frame(1, u32(profile.frame_payload - 6) + bytes(profile.frame_payload - 6)),
        )
        assert len(receive_all(ends[0][1])) == 1
        # The worst peer there can be: all but one byte of a message on every stream.
        part = bytearray(profile.max_message + 3)
        put_u32(part, 0, profile.max_message)
        for mine, _ in ends:
            take(pair.b, data_frame(mine.id, bytes(part)))
        for mine, theirs in ends:
            take(pair.b, data_frame(mine.id, b"x"))
            assert len(receive_all(theirs)) == 1
            pair.b.fill(bytearray(1105), 0, 1105)
