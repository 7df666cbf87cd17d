"""Mux v2: every reject with its label and its scope, credit both ways, events, limits."""

from dsoftbus import errors
from dsoftbus.const import (
    CLOSE,
    DATA,
    EV_ACCEPTED,
    EV_OPENED,
    EV_READABLE,
    EV_RESET,
    EV_WRITABLE,
    FLAG_FIN,
    HOST,
    KIND_MESSAGES,
    OPEN,
    OPEN_ACK,
    PING,
    PONG,
    RST,
    SMALL,
    STREAM_NAME_MAX,
    TINY,
    U30_MAX,
    WINDOW_UPDATE,
)
from dsoftbus.handshake.hello import Hello
from dsoftbus.mux.keepalive import Keepalive
from dsoftbus.mux.mux import Mux
from dsoftbus.mux.stream_states import CLOSED, ESTABLISHED, OFFERED, RESET
from pairs import Muxes, all_events, data_frame, events, frame, limits, open_frame, take, u32
from support import NO_NAMES, raises


def sent(mux) -> bytes:
    """Returns the frames that `mux` would put in its next record."""
    out = bytearray(1024)
    return bytes(out[: mux.fill(out, 0, len(out))])


def answered(mux):
    """A mux whose peer opened stream 1 and had it accepted; the answer is on its way."""
    take(mux, open_frame(1))
    stream = all_events(mux)[0].stream
    stream.accept()
    sent(mux)
    return stream


def peer_of_initiator(profile=SMALL) -> Mux:
    return Muxes(profile).b


# Frames


def test_reject_mux_frame_oversize():
    mux = peer_of_initiator()
    for length in (1, 33, 32768, 32769, 65535):
        raises("mux.reject.frame_oversize", take, mux, frame(OPEN, 1, b"", 0, length))
    raises("mux.reject.frame_oversize", take, mux, frame(DATA, 1, bytes(40000), 0, 40000))
    assert mux.fill(bytearray(100), 0, 100) == 0


def test_a_header_that_is_cut_off_is_malformed():
    for n in range(1, 8):
        raises("core.reject.malformed_message", take, peer_of_initiator(), open_frame(1)[:n])


def test_reject_unauthenticated_session():
    fresh = Mux(False, SMALL, None, Keepalive(0, 0))
    raises("mux.reject.unauthenticated_session", take, fresh, open_frame(1))
    raises("mux.reject.unauthenticated_session", fresh.open, "x", 3)
    assert events(fresh) == [] and not fresh.has_output and not fresh._streams


def test_unknown_frame_types_are_malformed():
    for kind in (0, 9, 10, 255):
        raises("core.reject.malformed_message", take, peer_of_initiator(), frame(kind, 0))


def test_flags_of_control_frames_must_be_zero():
    bodies = {OPEN: open_frame(1)[8:], RST: b"\x40", CLOSE: b"\x50"}
    for kind in (OPEN, OPEN_ACK, WINDOW_UPDATE, RST, PING, PONG, CLOSE):
        wrong = frame(kind, 0, bodies.get(kind, u32(1)), 1)
        raises("core.reject.malformed_message", take, peer_of_initiator(), wrong)
    raises("core.reject.malformed_message", take, peer_of_initiator(), data_frame(1, b"x", 2))


def test_bodies_of_the_wrong_length_are_malformed():
    for kind in (OPEN_ACK, WINDOW_UPDATE, RST, PING, CLOSE):
        right = 1 if kind in (RST, CLOSE) else 4
        for length in range(7):
            if length != right:
                mux = peer_of_initiator()
                stream = answered(mux)
                number = stream.id if kind in (OPEN_ACK, WINDOW_UPDATE, RST) else 0
                body = bytes(length)
                if kind == WINDOW_UPDATE and length > 4:
                    body = u32(1) + bytes(length - 4)
                wrong = frame(kind, number, body)
                raises("core.reject.malformed_message", take, mux, wrong)


def test_session_frames_with_a_stream_are_malformed():
    for kind, body in ((PING, u32(1)), (PONG, u32(1)), (CLOSE, b"\x50")):
        raises("core.reject.malformed_message", take, peer_of_initiator(), frame(kind, 1, body))


def test_numbers_of_30_bits_and_no_more():
    for value in (1 << 30, 1 << 31, (1 << 32) - 1):
        for kind in (PING, PONG, WINDOW_UPDATE):
            wrong = frame(kind, 0, u32(value))
            raises("core.reject.malformed_message", take, peer_of_initiator(), wrong)
        raises("core.reject.malformed_message", take, peer_of_initiator(), data_frame(value, b"x"))
        wrong = frame(RST, value, b"\x40")
        raises("core.reject.malformed_message", take, peer_of_initiator(), wrong)


def test_empty_data_without_fin_is_malformed():
    mux = peer_of_initiator()
    answered(mux)
    raises("core.reject.malformed_message", take, mux, data_frame(1, b""))


# Opening


def test_names_are_of_1_to_64_bytes():
    pair = Muxes()
    for bad in ("", "x" * 65, "\u00e9" * 33):
        raises("mux.reject.invalid_stream_name", pair.a.open, bad, 3)
    mine, theirs = pair.open("\u00e9" * 32)
    assert theirs.name == mine.name == "\u00e9" * 32


def refusal(mux, opening: bytes) -> int:
    """The code of the RST that answers this OPEN."""
    take(mux, opening)
    answer = sent(mux)
    assert len(answer) == 9 and answer[0] == RST and answer[4:8] == opening[4:8]
    assert events(mux) == []
    return answer[8]


def test_reject_invalid_stream_name():
    mux = peer_of_initiator()
    number = 1
    for name in (
        b"",
        bytes(STREAM_NAME_MAX + 1),
        b"\xff",
        b"ok\xc3",
        b"\x80abc",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
    ):
        assert refusal(mux, open_frame(number, name)) == errors.INVALID_STREAM_NAME
        number += 2
    for name in NO_NAMES:
        assert refusal(mux, open_frame(number, name.encode())) == errors.INVALID_STREAM_NAME
        raises("mux.reject.invalid_stream_name", mux.open, name, 3)
        number += 2
    take(mux, open_frame(number, b"fine"))
    assert events(mux) == [EV_OPENED]


class Admits:
    """Stands for trust: it lets the bus's own streams pass, and has no use for them."""

    def gate(self, outgoing, name):
        return 0

    def on_event(self, event):
        pass


def test_reject_duplicate_stream_name():
    mux = peer_of_initiator()
    mux.control = Admits()
    take(mux, open_frame(1, b"dsoftbus.one"))
    assert refusal(mux, open_frame(3, b"dsoftbus.one")) == errors.DUPLICATE_STREAM_NAME
    assert mux._streams[1].state == OFFERED  # the first is untouched
    ours = Muxes().a
    ours.control = Admits()
    raises("mux.reject.duplicate_stream_name", open_twice, ours)
    take(mux, frame(RST, 1, b"\x40"))
    take(mux, open_frame(5, b"dsoftbus.one"))  # free again
    assert mux._streams[5].state == OFFERED


def open_twice(mux):
    mux.open("dsoftbus.one", 3)
    mux.open("dsoftbus.one", 3)


def test_one_service_is_asked_several_times_at_once():
    mux = peer_of_initiator()
    take(mux, open_frame(1, b"echo"))
    take(mux, open_frame(3, b"echo"))
    assert events(mux) == [EV_OPENED, EV_OPENED]
    ours = Muxes().a
    assert ours.open("echo", 3).id != ours.open("echo", 3).id
    theirs = peer_of_initiator()
    take(theirs, open_frame(1, b"dsoftbus/share"))  # a service of the bus, and not exclusive
    take(theirs, open_frame(3, b"dsoftbus/share"))
    assert events(theirs) == [EV_OPENED, EV_OPENED]


def test_one_service_has_no_more_streams_than_all_services():
    mux = peer_of_initiator()
    last = 2 * mux.profile.streams
    for number in range(1, last, 2):
        take(mux, open_frame(number, b"echo"))
    events(mux)
    assert refusal(mux, open_frame(last + 1, b"echo")) == errors.STREAM_LIMIT


def test_both_sides_may_open_the_same_name():
    pair = Muxes()
    pair.open("echo")
    pair.b.open("echo", 3)
    pair.drive()
    assert events(pair.a) == [EV_OPENED]


def test_reject_stream_limit_exceeded():
    for profile in (TINY, SMALL):
        pair = Muxes(profile)
        for i in range(profile.streams):
            pair.open("s%d" % i)
        raises("mux.reject.stream_limit_exceeded", pair.a.open, "more", 3)
        number = 1 + 2 * profile.streams
        assert refusal(pair.b, open_frame(number, b"more")) == errors.STREAM_LIMIT
        pair.a._last_own = number
        pair.b._streams[1].reset()
        pair.drive()
        events(pair.a)
        pair.open("more")  # a place is free again


def test_the_smaller_limit_of_both_holds():
    pair = Muxes(SMALL, TINY)
    for i in range(TINY.streams):
        pair.open("s%d" % i)
    raises("mux.reject.stream_limit_exceeded", pair.a.open, "more", 3)


def test_a_flood_of_refused_streams_ends_the_session():
    mux = peer_of_initiator()
    flood = b"".join([open_frame(1 + 2 * i, b"") for i in range(2 * SMALL.streams + 1)])
    raises("mux.reject.stream_limit_exceeded", take, mux, flood)


def test_a_flood_of_refused_streams_that_is_answered_holds_nothing():
    mux = peer_of_initiator()
    for i in range(500):
        refusal(mux, open_frame(1 + 2 * i, b""))
    assert not mux._streams and not mux._refusals


def test_a_priority_or_kind_out_of_range_refuses_the_stream():
    mux = peer_of_initiator()
    assert refusal(mux, open_frame(1, b"x", 8)) == errors.MALFORMED
    assert refusal(mux, open_frame(3, b"x", 3, 2)) == errors.STREAM_KIND_MISMATCH
    raises("local.bad_argument", Muxes().a.open, "x", 8)
    raises("local.bad_argument", Muxes().a.open, "x", -1)
    raises("local.bad_argument", Muxes().a.open, "x", 3, 2)


def test_stream_ids_have_a_side_and_only_grow():
    for number in (0, 2, 4, U30_MAX - 1):  # the responder's own, or the session's
        wrong = open_frame(number)
        raises("mux.reject.invalid_stream_state_transition", take, peer_of_initiator(), wrong)
    mux = peer_of_initiator()
    take(mux, open_frame(9))
    take(mux, frame(RST, 9, b"\x40"))
    events(mux)
    for number in (7, 9):
        wrong = open_frame(number, b"y")
        raises("mux.reject.invalid_stream_state_transition", take, mux, wrong)
    raises("mux.reject.invalid_stream_state_transition", take, Muxes().a, open_frame(1))


def test_stream_ids_reach_their_end_and_then_no_more_open():
    mux = peer_of_initiator()
    take(mux, open_frame(U30_MAX, b"last"))
    assert events(mux) == [EV_OPENED]
    pair = Muxes()
    for side, last in ((pair.a, U30_MAX), (pair.b, U30_MAX - 1)):
        side._last_own = last - 2
        assert side.open("last", 3).id == last
        raises("mux.reject.stream_limit_exceeded", side.open, "more", 3)


# States


def test_reject_unknown_stream_frame():
    for wrong in (
        data_frame(1, b"x"),
        data_frame(0, b"x"),
        frame(WINDOW_UPDATE, 3, u32(1)),
        frame(OPEN_ACK, 2, u32(0)),
        frame(RST, 5, b"\x40"),
        frame(RST, 0, b"\x40"),
        frame(OPEN_ACK, 0, u32(0)),
    ):
        mux = peer_of_initiator()
        raises("mux.reject.unknown_stream_frame", take, mux, wrong)
        assert events(mux) == [] and not mux._streams


def test_frames_for_a_stream_that_has_ended_are_dropped():
    pair = Muxes()
    _mine, theirs = pair.open()
    theirs.reset()
    sent(pair.b)
    held = pair.b._receive_credit
    take(pair.b, data_frame(1, b"late") + frame(WINDOW_UPDATE, 1, u32(5)) + frame(RST, 1, b"@"))
    assert events(pair.b) == [] and not pair.b._streams
    assert pair.b._receive_credit + pair.b._released == held  # given back, not lost


def check_illegal(pair, mux, stream, wrong: bytes):
    """`wrong` resets `stream`, tells both programs, and leaves the others alone."""
    take(mux, wrong)
    assert stream.state == RESET and stream.code == errors.INVALID_STREAM_STATE
    found = [e for e in all_events(mux) if e.kind == EV_RESET]
    assert [(e.stream, e.code) for e in found] == [(stream, errors.INVALID_STREAM_STATE)]
    pair.drive()
    found = [e for e in all_events(pair.a if mux is pair.b else pair.b) if e.kind == EV_RESET]
    assert [e.code for e in found] == [errors.INVALID_STREAM_STATE]


def test_reject_invalid_stream_state_transition():
    # A second OPEN, a second answer, an answer from the opener, data before the answer, data
    # and FIN after FIN.
    for wrong in (open_frame(1), frame(OPEN_ACK, 1, u32(0))):
        pair = Muxes()
        _, theirs = pair.open()
        check_illegal(pair, pair.b, theirs, wrong)
    pair = Muxes()
    mine, _ = pair.open()
    check_illegal(pair, pair.a, mine, frame(OPEN_ACK, 1, u32(0)))
    for wrong in (data_frame(1, b"x"), data_frame(1, b"", FLAG_FIN)):
        pair = Muxes()
        mine = pair.a.open("s", 3)
        pair.move(pair.a, pair.b)
        check_illegal(pair, pair.a, mine, wrong)
        pair = Muxes()
        mine, theirs = pair.open()
        mine.finish()
        pair.drive()
        events(pair.b)
        check_illegal(pair, pair.b, theirs, wrong)


def test_a_stream_that_breaks_the_rules_leaves_its_neighbour_alone():
    pair = Muxes()
    _mine, theirs = pair.open("one")
    other_mine, other_theirs = pair.open("two")
    check_illegal(pair, pair.b, theirs, open_frame(1))
    other_mine.send(b"still here")
    pair.drive()
    assert other_theirs.recv(99) == b"still here"


def test_misuse_by_the_program_is_a_local_error_and_changes_nothing():
    pair = Muxes()
    mine = pair.a.open("s", 3)
    raises("local.bad_state", mine.accept)
    pair.drive()
    theirs = all_events(pair.b)[0].stream
    raises("local.bad_state", theirs.finish)
    raises("local.bad_state", theirs.send, b"x")
    theirs.accept()
    raises("local.bad_state", theirs.accept)
    mine.finish()
    raises("local.bad_state", mine.finish)
    raises("local.bad_state", mine.send, b"x")
    raises("local.bad_argument", theirs.send_message, b"x")
    raises("local.bad_argument", theirs.drop, 1)
    for code in (0, -1, 256):
        raises("local.bad_argument", theirs.reset, code)
    assert theirs.state == ESTABLISHED


# Control


def test_a_ping_is_answered_once_by_its_nonce():
    pair = Muxes()
    pair.a.ping(10)
    pair.drive()
    assert not pair.keep_a.waiting and pair.keep_a.rtt_ms == -10  # drive() receives at 0


def test_a_flood_of_pings_is_answered_by_its_last():
    mux = peer_of_initiator()
    take(mux, b"".join([frame(PING, 0, u32(i)) for i in range(1000)]))
    assert sent(mux) == frame(PONG, 0, u32(999))
    assert not mux.has_output


def test_a_second_ping_waits_for_the_answer_to_the_first():
    pair = Muxes()
    pair.a.ping(0)
    pair.move(pair.a, pair.b)
    pair.a.ping(5)  # the answer to the first is on its way: it must not become a stale reply
    pair.drive()
    assert not pair.keep_a.waiting
    pair.a.ping(6)
    assert pair.keep_a.waiting


def test_a_ping_is_answered_while_64_bulk_streams_are_saturated():
    profile = limits(HOST, stream_credit=8192, frame_payload=1024, record_bytes=1105)
    pair = Muxes(profile)
    streams = [pair.open("bulk%d" % i)[0] for i in range(64)]
    block = bytes(8192)
    for stream in streams:
        stream.send(block)
    assert pair.move(pair.a, pair.b)
    pair.b.ping(0)
    for _ in range(2):  # the ping in one record, its answer in the next
        pair.move(pair.b, pair.a)
        pair.move(pair.a, pair.b)
    assert not pair.keep_b.waiting
    assert pair.a.schedule.waiting  # and bulk is still going


def test_control_goes_before_data():
    pair = Muxes()
    mine, _ = pair.open()
    mine.send(bytes(500))
    pair.a.ping(0)
    record = sent(pair.a)
    assert record[0] == PING and record[12] == DATA


def test_a_record_takes_small_writes_together_and_does_not_shred_large_ones():
    pair = Muxes()
    small, _ = pair.open("small", 0)
    large, _ = pair.open("large", 1)
    small.send(bytes(10))
    large.send(bytes(1024))
    assert len(sent(pair.a)) == 8 + 10  # 1024 more would not fit whole
    assert len(sent(pair.a)) == 8 + 1016  # out is of 1024: the first may be cut
    assert len(sent(pair.a)) == 8 + 8


def test_a_close_frame_is_kept_for_the_session():
    mux = peer_of_initiator()
    assert mux.peer_close == -1
    take(mux, frame(CLOSE, 0, b"\x50"))
    assert mux.peer_close == 0x50


# Events


def test_events_are_bounded_however_much_arrives():
    mux = peer_of_initiator()
    for i in range(SMALL.streams):
        take(mux, open_frame(1 + 2 * i, b"n%d" % i))
    for stream in mux._streams.values():
        stream.accept()
    sent(mux)
    for _ in range(50):
        for i in range(SMALL.streams):
            take(mux, data_frame(1 + 2 * i, b"x") + frame(WINDOW_UPDATE, 1 + 2 * i, u32(1)))
    for stream in mux._streams.values():
        stream.want_writable()
    for i in range(SMALL.streams):
        take(mux, frame(WINDOW_UPDATE, 1 + 2 * i, u32(1)) + frame(RST, 1 + 2 * i, b"\x40"))
    found = all_events(mux)
    assert len(found) == 4 * SMALL.streams
    for kind in (EV_OPENED, EV_READABLE, EV_WRITABLE, EV_RESET):
        assert len([e for e in found if e.kind == kind]) == SMALL.streams
    assert not mux._streams


def test_a_stream_keeps_its_place_until_its_events_are_taken():
    mux = peer_of_initiator()
    take(mux, open_frame(1) + frame(RST, 1, b"\x40"))
    assert 1 in mux._streams
    assert [(e.kind, e.code) for e in all_events(mux)] == [(EV_OPENED, 0), (EV_RESET, 0x40)]
    assert not mux._streams


def test_accepting_is_an_event_and_so_is_refusing():
    pair = Muxes()
    yes, no = pair.a.open("yes", 3), pair.a.open("no", 3)
    pair.drive()
    for event in all_events(pair.b):
        if event.stream.name == "yes":
            event.stream.accept()
        else:
            event.stream.reset(errors.NO_SUCH_SERVICE)
    pair.drive()
    found = [(e.kind, e.stream, e.code) for e in all_events(pair.a)]
    assert found == [(EV_ACCEPTED, yes, 0), (EV_RESET, no, errors.NO_SUCH_SERVICE)]
    assert no.code == errors.NO_SUCH_SERVICE and list(pair.a._streams) == [yes.id]


def test_a_thousand_streams_come_and_go_without_a_trace():
    pair = Muxes()
    for i in range(1000):
        mine, theirs = pair.open("s%d" % (i % 3), i % 8, i % 2)
        if i % 5 == 0:
            mine.reset()
        elif i % 2 == 0:
            mine.send(b"hello")
            mine.finish()
            theirs.finish()
            pair.drive()
            assert theirs.recv(9) == b"hello"
        else:
            assert mine.send_message(b"hello")
            theirs.reset()
        pair.drive()
        events(pair.a)
        events(pair.b)
        for mux in (pair.a, pair.b):
            assert not mux._streams and not mux._debtors and not mux.first_event
            assert not mux.has_output and mux.idle and mux.windows == 0
    assert mine.state in (CLOSED, RESET)


def test_the_kinds_of_both_ends_agree():
    pair = Muxes()
    mine, theirs = pair.open("m", 0, KIND_MESSAGES)
    assert (mine.kind, theirs.kind, theirs.priority) == (KIND_MESSAGES, KIND_MESSAGES, 0)


def test_a_peer_that_takes_no_streams_is_asked_for_none():
    mux = Mux(True, SMALL, None, Keepalive(0, 0))
    mux.start(Hello(1105, 0, 2048, 16384))
    raises("mux.reject.stream_limit_exceeded", mux.open, "x", 3)
