"""Strangers whom a pairing, or a rule for everyone, let in: they leave when that is over."""

from dsoftbus.const import EV_CLOSED
from dsoftbus.errors import NOT_PAIRED
from dsoftbus.trust.acl import rule
from dsoftbus.trust.pairing_window import OPEN_MS
from trusting import Pair, digits, node, paired


def let_in(hub, seed: int = 9) -> Pair:
    """A stranger's session with `hub`."""
    return Pair(node(seed, "stranger"), hub)


def later(hub, both, now: int) -> None:
    both.now = now
    hub.handle_timer(now)
    both.run()


def has_left(both) -> bool:
    ends = [event for event in both.events[0] if event.kind == EV_CLOSED]
    if ends:
        assert both.ends[0].peer_code == NOT_PAIRED and both.ends[1].cause == NOT_PAIRED
    return len(ends) == 1


def test_strangers_leave_when_the_time_for_pairings_is_over():
    hub = node(1, "hub")
    hub.guard.desk.open(0)
    both = let_in(hub)
    assert hub.poll_timer() == OPEN_MS
    later(hub, both, OPEN_MS - 1)
    assert not has_left(both)
    later(hub, both, OPEN_MS)
    assert has_left(both) and hub.guard.pending_session() is both.ends[1]
    hub.forget(both.ends[1])
    assert hub.poll_timer() is None


def test_strangers_leave_when_another_has_paired_or_its_owner_closes_the_desk():
    for close in (True, False):
        hub = node(1, "hub")
        hub.guard.desk.open(0)
        both = let_in(hub)
        if close:
            hub.guard.desk.close()
        else:
            friends = paired(node(2, "friend"), hub)
        later(hub, both, 1)
        assert has_left(both)
        assert close or not friends.ends[1].closed


def test_who_is_pairing_when_the_time_is_over_may_end_that():
    hub = node(1, "hub")
    hub.guard.desk.open(0)
    both = let_in(hub)
    both.now = OPEN_MS - 1000
    both.nodes[0].guard.pair(both.ends[0], both.now)
    both.run()
    later(hub, both, OPEN_MS + 1000)
    assert not has_left(both)
    for at in both.nodes:
        at.guard.confirm(digits(at))
    both.run()
    later(hub, both, OPEN_MS + 2000)
    assert not has_left(both) and hub.guard.store.get(both.nodes[0].id)
    hub.guard.desk.open(OPEN_MS + 3000)
    other = let_in(hub, 10)
    other.now = 2 * OPEN_MS
    other.nodes[0].guard.pair(other.ends[0], other.now)
    other.run()
    later(hub, other, 2 * OPEN_MS + 3000)
    assert not has_left(other)
    hub.guard.cancel()
    other.run()
    later(hub, other, 2 * OPEN_MS + 4000)
    assert has_left(other)


def test_strangers_leave_with_the_rule_that_let_them_in():
    hub = node(1, "hub")
    everyone = rule("allow in * echo")
    hub.guard.store.add_rule(everyone)
    both = let_in(hub)
    later(hub, both, 10)
    assert not has_left(both)
    hub.guard.store.remove_rule(everyone)
    hub.guard.recheck()
    both.run()
    assert has_left(both)


def test_whom_this_side_sought_stays():
    hub = node(1, "hub")
    both = Pair(hub, node(9, "stranger", ()))
    assert both.ends[0].closed or both.ends[0].peer_code  # it is nobody to the other
    other = node(8, "other")
    other.guard.store.add_rule(rule("allow in * echo"))
    both = Pair(hub, other)
    hub.guard.desk.open(0)
    hub.handle_timer(OPEN_MS)
    hub.guard.recheck()
    both.run()
    assert not both.ends[0].closed


def test_trusted_peers_stay_when_pairings_end():
    hub = node(1, "hub")
    friends = paired(node(2, "friend"), hub)
    hub.guard.desk.open(0)
    later(hub, friends, OPEN_MS)
    assert not friends.ends[0].closed and not friends.ends[1].closed
