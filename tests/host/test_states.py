"""The page of states is what the code's tables say, and the tables are what they should be."""

import states as page_of_states
from dsoftbus.mux import stream_states
from dsoftbus.session import session


def test_the_page_of_states_is_not_stale():
    assert page_of_states.PAGE.read_text() == page_of_states.page(), "run `make docs-states`"


def test_every_state_can_be_reached_and_left():
    for module, first, last in (
        (session, {session.AWAIT_INIT, session.AWAIT_REPLY}, {session.CLOSED}),
        (stream_states, {stream_states.IDLE}, {stream_states.RESET}),
    ):
        known = set(page_of_states.states_of(module))
        reached = set(first)
        for _ in known:
            reached |= {b for key, b in module.TABLE.items() if key // 16 * 16 in reached}
        assert reached == known
        for state in known - last:
            assert any(key // 16 * 16 == state != b for key, b in module.TABLE.items())


def test_a_stream_may_be_reset_from_wherever_it_lives():
    for state in set(page_of_states.states_of(stream_states)) - {
        stream_states.IDLE,
        stream_states.RESET,
    }:
        for trigger in (stream_states.SEND_RST, stream_states.RECV_RST):
            assert stream_states.TABLE[state + trigger] == stream_states.RESET


def test_data_flows_only_where_it_should():
    senders = {
        key - stream_states.SEND_DATA
        for key in stream_states.TABLE
        if key % 16 == stream_states.SEND_DATA
    }
    finishers = {
        key - stream_states.SEND_FIN
        for key in stream_states.TABLE
        if key % 16 == stream_states.SEND_FIN
    }
    assert senders == finishers
    receivers = {
        key - stream_states.RECV_DATA
        for key in stream_states.TABLE
        if key % 16 == stream_states.RECV_DATA
    }
    ends = {
        key - stream_states.RECV_FIN
        for key in stream_states.TABLE
        if key % 16 == stream_states.RECV_FIN
    }
    assert receivers == ends
