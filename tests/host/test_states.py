"""The page of states is what the code's tables say, and the tables are what they should be."""

import states as page_of_states
from dsoftbus.session import session, states


def test_the_page_of_states_is_not_stale():
    assert page_of_states.PAGE.read_text() == page_of_states.page(), "run `make docs-states`"


def test_every_state_can_be_reached_and_left():
    for module, first, last in (
        (session, {session.AWAIT_INIT, session.AWAIT_REPLY}, {session.CLOSED}),
        (states, {states.IDLE}, {states.RESET}),
    ):
        known = set(page_of_states.states_of(module))
        reached = set(first)
        for _ in known:
            reached |= {b for key, b in module.TABLE.items() if key // 16 * 16 in reached}
        assert reached == known
        for state in known - last:
            assert any(key // 16 * 16 == state != b for key, b in module.TABLE.items())


def test_a_stream_may_be_reset_from_wherever_it_lives():
    for state in set(page_of_states.states_of(states)) - {states.IDLE, states.RESET}:
        for trigger in (states.SEND_RST, states.RECV_RST):
            assert states.TABLE[state + trigger] == states.RESET


def test_data_flows_only_where_it_should():
    senders = {key - states.SEND_DATA for key in states.TABLE if key % 16 == states.SEND_DATA}
    finishers = {key - states.SEND_FIN for key in states.TABLE if key % 16 == states.SEND_FIN}
    assert senders == finishers
    receivers = {key - states.RECV_DATA for key in states.TABLE if key % 16 == states.RECV_DATA}
    ends = {key - states.RECV_FIN for key in states.TABLE if key % 16 == states.RECV_FIN}
    assert receivers == ends
