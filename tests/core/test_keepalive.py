"""Timers of sessions, in the test's own time: keepalive, and the handshake's deadline."""

from dsoftbus import errors
from dsoftbus.const import PING, PONG, REC_REFUSE, SMALL
from dsoftbus.record.records import record
from pairs import AWAITING, Sessions, drain, ended, feed, frame, limits, seal, session_in, u32


def test_a_silent_peer_is_probed_after_three_intervals_and_dead_after_nine():
    pair = Sessions().established()
    step = SMALL.keepalive_ms
    assert pair.a.poll_timer() == 3 * step
    pair.a.handle_timer(3 * step - 1)
    assert drain(pair.a) == b""
    pair.a.handle_timer(3 * step)
    assert len(drain(pair.a)) == 3 + 12 + 16
    assert pair.a.poll_timer() == 6 * step
    pair.a.handle_timer(6 * step)
    assert drain(pair.a) == b""  # the first probe is still under way
    assert pair.a.poll_timer() == 9 * step
    pair.a.handle_timer(9 * step - 1)
    assert not pair.a.closed
    pair.a.handle_timer(9 * step)
    ended(pair.a, errors.END_KEEPALIVE)


def test_a_probe_that_is_answered_keeps_the_session():
    pair = Sessions().established()
    step = SMALL.keepalive_ms
    for i in range(1, 20):
        pair.now = 3 * step * i
        pair.a.handle_timer(pair.now)
        pair.now += 7
        pair.drive()
        pair.now -= 7
        assert pair.a.keepalive.rtt_ms == 7
    assert not pair.a.closed and not pair.b.closed


def test_anything_authenticated_is_a_sign_of_life_and_nothing_else_is():
    pair = Sessions().established()
    step = SMALL.keepalive_ms
    pair.now = 2 * step
    pair.b.ping(pair.now)
    feed(pair.a, drain(pair.b, pair.now), pair.now)
    assert pair.a.poll_timer() == 5 * step
    feed(pair.a, b"\x00", pair.now + step)
    assert pair.a.poll_timer() == 5 * step


def test_reject_nonce_mismatch_or_stale_reply():
    label = "core.reject.nonce_mismatch_or_stale_reply"
    for nonces in ((0,), (5,), (1, 1)):  # never asked; another's; the right one, twice
        pair = Sessions().established()
        if nonces != (0,):
            pair.b.keepalive._next_nonce = 1
            pair.b.ping(0)
        for nonce in nonces:
            feed(pair.b, seal(pair.a, frame(PONG, 0, u32(nonce))))
        assert errors.label(pair.b.cause) == label
    pair = Sessions().established()
    pair.b.ping(0)
    pair.drive()
    feed(pair.b, seal(pair.a, frame(PONG, 0, u32(0))))  # answered already
    assert errors.label(pair.b.cause) == label


def test_keepalive_may_be_off():
    pair = Sessions(limits(SMALL, keepalive_ms=0)).established()
    assert pair.a.poll_timer() is None
    pair.a.handle_timer(10**9)
    assert not pair.a.closed
    pair.a.close(0)


def test_a_flood_of_pings_makes_one_answer():
    pair = Sessions().established()
    feed(pair.b, seal(pair.a, b"".join([frame(PING, 0, u32(i)) for i in range(80)])) * 1)
    assert len(drain(pair.b)) == 3 + 12 + 16


# Timers of the handshake


def test_a_handshake_that_takes_too_long_is_given_up():
    for state in AWAITING:
        _, session = session_in(state)
        assert session.poll_timer() == SMALL.handshake_ms
        session.handle_timer(SMALL.handshake_ms - 1)
        assert not session.closed
        session.handle_timer(SMALL.handshake_ms)
        ended(session, errors.END_HANDSHAKE_TIMEOUT)
        assert drain(session)[-4:] == record(REC_REFUSE, bytes((errors.END_HANDSHAKE_TIMEOUT,)))


def test_one_byte_now_and_then_does_not_extend_the_handshake():
    _, session = session_in(AWAITING[0])
    for at in range(0, SMALL.handshake_ms, 1000):
        feed(session, b"\x01", at)
        session.handle_timer(at)
    session.handle_timer(SMALL.handshake_ms)
    assert session.closed
