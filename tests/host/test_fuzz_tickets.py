"""Fuzzing of what reads tickets: an INIT that shows one, and the bytes that outlive a restart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draws import draws
from dsoftbus.const import REC_INIT
from pairs import drain, feed
from resuming import DEFAULT, SLEEPING, Hub

EDITS = st.lists(st.tuples(st.integers(0, 80), st.integers(1, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("sleeper", [False, True], ids=["default", "sleeper"])
@settings(max_examples=draws(60), deadline=None)
@given(edits=EDITS, cut=st.integers(0, 80), more=st.binary(max_size=20))
def test_a_changed_init_leaves_the_ticket_good(sleeper, edits, cut, more):
    hub = Hub(sleeper=sleeper)
    hub.visit()
    mine, theirs = hub.begin()
    init = bytearray(drain(mine, hub.now)[3:])
    for at, bits in edits:
        init[at % len(init)] ^= bits
    init = (init[:-cut] if cut < 20 and cut else init) + more
    feed(theirs, bytes((0, 1 + len(init), REC_INIT)) + bytes(init), hub.now)
    assert theirs.mux is None
    hub.end(mine, theirs)
    assert hub.visit() == (SLEEPING if sleeper else DEFAULT)


@settings(max_examples=draws(200), deadline=None)
@given(data=st.binary(max_size=300))
def test_bytes_of_anyone_hold_no_tickets(data):
    hub = Hub()
    assert not hub.board.tickets.restore(data)
    assert not hub.board.tickets.restore(b"DBT1" + data)
    assert len(hub.kept) == 0
