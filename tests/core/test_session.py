"""Sessions: the handshake, every message in every state, timers, the end and its one event."""

from dsoftbus import errors
from dsoftbus.const import (
    CLOSE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_READABLE,
    EV_RESET,
    HOST,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REFUSE,
    REC_REPLY,
    SMALL,
    SUITE_AESGCM_SHA256,
    TINY,
)
from dsoftbus.crypto.provider import suite as portable
from dsoftbus.identity import device_id
from dsoftbus.record.records import record
from dsoftbus.session.session import (
    AWAIT_FINISH,
    AWAIT_INIT,
    AWAIT_REPLY,
    CLOSED,
    CLOSING,
    ESTABLISHED,
)
from pairs import (
    AWAITING,
    Sessions,
    all_events,
    drain,
    ended,
    events,
    feed,
    frame,
    limits,
    node,
    open_frame,
    seal,
    session_in,
    u32,
)
from support import Random, raises

STATES = AWAITING + (ESTABLISHED, CLOSING, CLOSED)


# The handshake


def test_a_session_is_established_whole_and_byte_by_byte():
    for profile in (TINY, SMALL, HOST):
        for chunk in (0, 1, 7):
            pair = Sessions(profile, chunk=chunk).established()
            assert pair.a.peer_id == pair.node_b.id and pair.b.peer_id == pair.node_a.id
            assert pair.a.peer_name == "bob" and pair.b.peer_name == "alice"
            assert pair.a.peer_public == pair.node_b.public
            assert pair.a.handshake_hash == pair.b.handshake_hash


def test_a_session_with_the_real_suites():
    for code in (1, 2):
        pair = Sessions(TINY, suite=portable(code)).established()
        stream = pair.a.open("s")
        stream.send(b"in secret")
        wire = drain(pair.a)
        assert b"in secret" not in wire
        feed(pair.b, wire)
        assert all_events(pair.b)[0].stream.recv(99) == b"in secret"


def test_messages_of_the_handshake_have_the_lengths_of_noise():
    pair = Sessions()
    first = drain(pair.a)
    assert len(first) == 3 + 3 + 48
    feed(pair.b, first)
    second = drain(pair.b)
    assert len(second) == 3 + 48 + 18 + len("bob")
    feed(pair.a, second)
    assert len(drain(pair.a)) == 3 + 64 + 18 + len("alice")


def test_nothing_is_known_of_a_peer_that_has_proved_nothing():
    pair = Sessions()
    for session in (pair.a, pair.b):
        assert (session.peer_public, session.peer_id, session.peer_name) == (None, None, "")
        raises("mux.reject.unauthenticated_session", session.open, "x")
        session.ping(0)
        assert session.mux is None
    pair.move(pair.a, pair.b)
    assert pair.b.peer_public is None and pair.b.peer_id is None


def test_a_wrong_pinned_key_is_refused_by_the_responder():
    pair = Sessions()
    stranger = pair.node_a.connect(pair.node_a.public, 0)
    pair.move(stranger, pair.b)
    ended(pair.b, errors.DECRYPT_FAILED)
    pair.move(pair.b, stranger)
    ended(stranger, errors.END_REFUSED)
    assert stranger.peer_code == errors.DECRYPT_FAILED


def test_who_is_refused_keeps_no_handshake():
    """Its code may have left a board's heap before the session has."""
    pair = Sessions()
    stranger = pair.node_a.connect(pair.node_a.public, 0)
    pair.move(stranger, pair.b)
    pair.move(pair.b, stranger)
    assert pair.b.handshake is None and stranger.handshake is None


def test_whatever_is_changed_in_the_handshake_ends_it():
    for which in range(3):
        length = (54, 72, 90)[which]
        for at in range(2, length):
            pair = Sessions()
            session, other = pair.b, pair.a
            for _ in range(which):
                pair.move(other, session)
                session, other = other, session
            wire = bytearray(drain(other))
            wire[at] ^= 1 << at % 8
            feed(session, bytes(wire))
            assert session.closed and session.mux is None, (which, at)
            assert all_events(session)[-1].code == session.cause


def test_the_prologue_binds_what_is_said_in_clear():
    for at, label in ((3, "version"), (4, "suite"), (5, "suite")):
        pair = Sessions()
        wire = bytearray(drain(pair.a))
        wire[at] = 9
        feed(pair.b, bytes(wire))
        ended(
            pair.b, errors.UNSUPPORTED_VERSION if label == "version" else errors.UNSUPPORTED_SUITE
        )
    pair = Sessions(psk=bytes(32))
    pair.node_b.local.psk, pair.node_b.local.invite_psk = None, bytes(32)
    wire = bytearray(drain(pair.a))
    wire[5] = 0  # to the pattern without the token
    feed(pair.b, bytes(wire))
    ended(pair.b, errors.DECRYPT_FAILED)


def test_a_suite_that_this_node_lacks_is_unsupported():
    pair = Sessions()
    public = pair.node_b.public
    raises("local.unsupported", pair.node_a.connect, public, 0, SUITE_AESGCM_SHA256)
    assert len(pair.node_a.sessions) == 1


def test_a_pinned_key_must_be_a_key():
    raises("local.bad_argument", node().connect, bytes(31), 0)


def test_a_token_must_be_the_same_on_both_sides():
    pair = Sessions(psk=b"t" * 32).established()
    pair = Sessions(psk=b"t" * 32)
    pair.node_b.local.psk = b"u" * 32
    pair.drive()
    ended(pair.b, errors.DECRYPT_FAILED)
    # XK: the initiator was ready before the responder could judge. It hears of it all the same.
    assert [e.kind for e in all_events(pair.a)] == [EV_ESTABLISHED, EV_CLOSED]
    assert pair.a.cause == errors.END_REFUSED and pair.a.peer_code == errors.DECRYPT_FAILED


def test_a_token_is_refused_by_a_node_without_one():
    pair = Sessions(psk=b"t" * 32)
    pair.node_b.local.psk = None
    pair.drive()
    ended(pair.b, errors.UNSUPPORTED_SUITE)


def test_reject_payload_identity_spoof_vs_sender_service_id():
    pair = Sessions()
    victim = device_id(bytes(32))
    pair.node_a.local.name = victim
    pair.drive()
    ended(pair.b, errors.IDENTITY_SPOOF)
    assert errors.label(pair.b.cause) == (
        "core.reject.payload_identity_spoof_vs_sender_service_id"
    )
    pair = Sessions()
    own = pair.node_a.id
    pair.node_a.local.name = own
    pair.established()
    assert pair.b.peer_name == pair.b.peer_id == own


# Every message in every state


def expected(state: int, kind: int) -> int:
    """The code that a message of `kind` ends a session in `state` with; its body is b"?"."""
    if kind == REC_REFUSE and state in (AWAIT_REPLY, AWAIT_FINISH):
        return errors.END_REFUSED
    own = {AWAIT_INIT: REC_INIT, AWAIT_REPLY: REC_REPLY, AWAIT_FINISH: REC_FINISH}
    if own.get(state) == kind:
        return errors.MALFORMED
    if kind == REC_PROTECTED:
        return errors.DECRYPT_FAILED if state >= ESTABLISHED else errors.UNAUTHENTICATED
    if REC_INIT <= kind <= REC_REFUSE:
        return errors.INVALID_STATE_TRANSITION
    return errors.MALFORMED


def test_reject_invalid_state_transition():
    for state in STATES[:-1]:
        for kind in range(256):
            _, session = session_in(state)
            feed(session, record(kind, b"?"))
            seen = session.cause
            assert seen == expected(state, kind), (state, kind, errors.label(seen))
            assert session.closed and all_events(session)[-1].kind == EV_CLOSED
    label = errors.label(errors.INVALID_STATE_TRANSITION)
    assert label == "core.reject.invalid_state_transition"


def test_a_closed_session_hears_nothing():
    _, session = session_in(CLOSED)
    for kind in range(256):
        feed(session, record(kind, b"?"))
    session.handle_timer(10**6)
    session.link_lost()
    session.close(0)
    session.refuse(errors.OVERSIZE)
    assert session.cause == errors.END_LOCAL and events(session) == [] and drain(session) == b""


def test_reject_unauthenticated_message_path():
    # A protected record, before there are keys.
    for state in AWAITING:
        _, session = session_in(state)
        feed(session, record(REC_PROTECTED, bytes(40)))
        ended(session, errors.UNAUTHENTICATED)
        assert errors.label(session.cause) == "core.reject.unauthenticated_message_path"
        assert session.mux is None


def test_a_handshake_message_that_is_repeated_is_refused():
    pair = Sessions()
    first = drain(pair.a)
    feed(pair.b, first + first)
    ended(pair.b, errors.INVALID_STATE_TRANSITION)


def test_a_refusal_is_a_hint_until_the_peer_has_shown_its_keys():
    refusal = record(REC_REFUSE, bytes((errors.SESSION_LIMIT,)))
    pair = Sessions()
    feed(pair.a, refusal)
    ended(pair.a, errors.END_REFUSED)
    assert pair.a.peer_code == errors.SESSION_LIMIT
    pair = Sessions().established()
    pair.b.ping(0)
    pair.drive()
    for session in (pair.a, pair.b):
        feed(session, refusal)
        assert session.cause == errors.INVALID_STATE_TRANSITION and session.peer_code == 0
    pair = Sessions().established()
    feed(pair.b, refusal)  # the responder heard the initiator's last message
    assert pair.b.cause == errors.INVALID_STATE_TRANSITION


def test_reject_oversize_frame_or_record():
    label = "core.reject.oversize_frame_or_record"
    for state in STATES[:-1]:
        most = 512 if state < ESTABLISHED else SMALL.record_bytes
        _, session = session_in(state)
        feed(session, u32(most + 1)[2:], 0, 1)  # its length is enough, the body need not come
        assert errors.label(session.cause) == label
        _, session = session_in(state)
        feed(session, u32(most)[2:])
        assert not session.closed


def test_records_of_no_length_or_type_are_malformed():
    for wrong in (b"\x00\x00", b"\x00\x01\x00", b"\x00\x02\x00x"):
        for state in STATES[:-1]:
            _, session = session_in(state)
            feed(session, wrong, 0, 1)
            assert session.cause == errors.MALFORMED


def test_garbage_at_any_point_ends_the_session_and_never_raises():
    random = Random(77)
    for round in range(150):
        pair, session = session_in(STATES[round % 5])
        garbage = random(1 + random.below(600))
        feed(session, garbage, 0, random.below(50))
        if session.closed:
            assert all_events(session)[-1].kind == EV_CLOSED
        else:
            assert len(garbage) < 2 + (garbage[0] << 8 | garbage[1])
        other = pair.a if session is pair.b else pair.b
        feed(other, drain(session), 0, random.below(50))


def test_garbage_after_good_records_does_not_undo_them():
    for chunk in (0, 1):
        pair = Sessions().established()
        stream = pair.a.open("s")
        pair.drive()
        theirs = all_events(pair.b)[0].stream
        stream.send(b"good")
        feed(pair.b, drain(pair.a) + b"\x00\x14\x04" + bytes(19), 0, chunk)
        found = all_events(pair.b)
        assert [e.kind for e in found] == [EV_READABLE, EV_RESET, EV_CLOSED]
        assert theirs.recv(9) == b"good"
        assert pair.b.cause == errors.DECRYPT_FAILED


def test_a_replayed_reordered_or_truncated_record_ends_the_session():
    for trouble in ("replay", "reorder", "loss", "flip"):
        pair = Sessions().established()
        one = seal(pair.a, open_frame(1, b"one"))
        two = seal(pair.a, open_frame(3, b"two"))
        wire = {
            "replay": one + one,
            "reorder": two + one,
            "loss": two,
            "flip": one[:-1] + bytes((one[-1] ^ 1,)),
        }[trouble]
        feed(pair.b, wire)
        assert pair.b.cause == errors.DECRYPT_FAILED
        assert pair.b.mux._last_peer == (1 if trouble == "replay" else -1)
        assert events(pair.b) == [EV_CLOSED]


def test_a_protocol_violation_ends_the_session_and_both_know_why():
    for wrong, code in (
        (frame(9, 0), errors.MALFORMED),
        (frame(3, 99, b"x"), errors.UNKNOWN_STREAM_FRAME),
        (open_frame(2), errors.INVALID_STREAM_STATE),
        (frame(1, 1, b"", 0, 500), errors.FRAME_OVERSIZE),
        (frame(4, 0, u32(0)), errors.WINDOW_CREDIT),
    ):
        pair = Sessions().established()
        feed(pair.b, seal(pair.a, wrong))
        ended(pair.b, code)
        pair.drive()
        ended(pair.a, errors.END_PEER)
        assert pair.a.peer_code == code


# The end


def test_close_sends_what_was_taken_and_then_says_goodbye():
    pair = Sessions().established()
    stream = pair.a.open("s")
    pair.drive()
    theirs = all_events(pair.b)[0].stream
    stream.send(b"x" * 2000)
    pair.a.close(0)
    assert pair.a.state == CLOSING
    raises("local.bad_state", pair.a.open, "more")
    pair.drive()
    ended(pair.a, errors.END_LOCAL)
    assert pair.a.finished
    found = all_events(pair.b)
    assert [e.kind for e in found] == [EV_READABLE, EV_RESET, EV_CLOSED]
    assert (found[-1].code, found[-1].peer_code) == (errors.END_PEER, errors.END_LOCAL)
    assert theirs.recv(3000) == b"x" * 2000


def test_close_does_not_wait_for_ever_for_credit():
    pair = Sessions().established()
    streams = [pair.a.open("s%d" % i) for i in range(3)]
    for stream in streams:
        stream.send(bytes(2048))
    pair.drive()
    profile = limits(SMALL, session_credit=100)
    pair = Sessions(SMALL, profile).established()
    pair.a.open("s").send(bytes(2000))
    pair.drive()
    pair.a.close(50)
    pair.drive()
    assert pair.a.state == CLOSING and pair.a.poll_timer() == 50 + SMALL.close_ms
    pair.a.handle_timer(49 + SMALL.close_ms)
    assert pair.a.state == CLOSING
    pair.a.handle_timer(50 + SMALL.close_ms)
    ended(pair.a, errors.END_LOCAL)
    pair.drive()
    assert pair.b.cause == errors.END_PEER


def test_both_may_close_at_once():
    pair = Sessions().established()
    pair.a.close(0)
    pair.b.close(0)
    pair.drive()
    ended(pair.a, errors.END_LOCAL)
    ended(pair.b, errors.END_LOCAL)


def test_close_before_the_handshake_ends_it_at_once():
    for state in AWAITING:
        _, session = session_in(state)
        session.close(0)
        ended(session, errors.END_LOCAL)


def test_a_lost_link_is_one_event_with_its_cause_in_every_state():
    for state in STATES[:-1]:
        _, session = session_in(state)
        session.link_lost()
        session.link_lost()
        ended(session, errors.END_LINK_DOWN)
        assert session.finished and drain(session) == b""


def test_the_peers_close_ends_every_stream():
    pair = Sessions().established()
    one, two = pair.a.open("one"), pair.a.open("two")
    one.send(b"x")
    pair.drive()
    feed(pair.a, seal(pair.b, frame(CLOSE, 0, b"\x59")))
    assert pair.a.peer_code == 0x59
    assert one.code == two.code == errors.END_PEER
    ended(pair.a, errors.END_PEER)
    assert drain(pair.a) == b""


def test_events_come_in_order_and_the_end_comes_last():
    pair = Sessions()
    pair.move(pair.a, pair.b)
    pair.move(pair.b, pair.a)
    pair.a.open("s").send(b"x")
    pair.a.close(0)
    pair.drive()
    assert events(pair.b) == [EV_ESTABLISHED, EV_CLOSED]  # and of the stream nobody heard in time
    assert events(pair.a) == [EV_ESTABLISHED, EV_RESET, EV_CLOSED]


def test_streams_of_a_session_carry_both_ways_in_any_chunks():
    for profile, other in ((TINY, TINY), (SMALL, TINY), (HOST, SMALL), (HOST, HOST)):
        for chunk in (0, 1, 13):
            pair = Sessions(profile, other, chunk).established()
            mine = pair.a.open("echo", 0)
            data = Random(9)(3000)
            at = mine.send(data)
            pair.drive()
            theirs = all_events(pair.b)[0].stream
            theirs.accept()
            got = b""
            while len(got) < len(data):
                got += theirs.recv(500)
                pair.drive()
                at += mine.send(data, at)
                pair.drive()
            assert got == data
            mine.finish()
            theirs.finish()
            pair.drive()
            assert EV_ACCEPTED in events(pair.a)


def test_keys_change_on_both_ends_at_once():
    pair = Sessions().established()
    for session in (pair.a, pair.b):
        session.protection._rekey_mask = 3
    keys = set()
    mine = pair.a.open("s")
    theirs = None
    for i in range(40):
        mine.send(b"%d" % i)
        pair.drive()
        theirs = theirs or all_events(pair.b)[0].stream
        assert theirs.recv(9) == b"%d" % i
        keys.add(pair.a.protection._send._aead._key)
    assert len(keys) == 11 and not pair.b.closed


# A node's bounds


def test_half_open_sessions_are_bounded_and_the_oldest_gives_way():
    small = node(SMALL)
    first = small.accept(0)
    waiting = [small.accept(0) for _ in range(SMALL.half_open)]
    ended(first, errors.HALF_OPEN_LIMIT)
    assert not waiting[-1].closed
    assert drain(first) == record(REC_REFUSE, bytes((errors.HALF_OPEN_LIMIT,)))


def test_sessions_are_bounded():
    small = node(SMALL)
    peer = bytes(31) + b"\x05"
    for _ in range(SMALL.sessions):
        small.connect(peer, 0)
    raises("session.reject.session_limit", small.connect, peer, 0)
    small.accept(0)  # it holds no place before its peer is known: see test_places
    small.sessions[0].link_lost()
    small.forget(small.sessions[0])
    small.connect(peer, 0)
    for _ in range(10):
        try:
            small.accept(0)
        except errors.PeerError as error:
            assert error.code == errors.SESSION_LIMIT
    assert len(small.sessions) <= SMALL.sessions + SMALL.half_open


def test_a_connection_that_says_nothing_does_not_hold_a_small_nodes_only_place():
    tiny = node(TINY)
    silent = tiny.accept(0)
    peer = tiny.accept(0)
    assert silent.closed and not peer.closed
    for _ in range(20):
        try:
            tiny.accept(0)
        except errors.PeerError:
            break
    assert len(tiny.sessions) <= TINY.sessions + TINY.half_open
