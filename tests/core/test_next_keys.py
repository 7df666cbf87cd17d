"""A key that changes, in whole nodes: told, taken, followed, and cheap however often."""

from dsoftbus.const import EV_ESTABLISHED, EV_KEY_DUE, EV_KEY_MOVED, EV_PAIRED
from dsoftbus.errors import NEXT_KEY_UNPROVEN, NOT_PAIRED, TRUST_REVOKED
from dsoftbus.node import Node
from dsoftbus.trust import promise
from trusting import SUITE, Pair, all_events, node, paired, told


def test_a_peer_follows_a_key_that_was_told_in_time():
    a, b, c = node(1, "a"), node(2, "b"), node(3, "c")
    live, late = paired(a, b), paired(a, c)
    for session in (live, late):
        a.forget(session.ends[0])
    both = Pair(a, b)
    next_pair = SUITE.keypair(b"\7" * 32)
    a.guard.rotate(next_pair, 60, 0)
    both.run()
    assert a.guard.rotation.told == {b.id}
    assert b.guard.store.get(a.id).next_public == next_pair.public
    told(b)
    a.handle_timer(59999)
    assert told(a) == []
    assert a.poll_timer() == 60000
    a.handle_timer(60000)
    (due,) = all_events(a)
    assert (due.kind, due.about.next_pair) == (EV_KEY_DUE, next_pair)
    moved = node(7, "a")
    moved.guard.store = a.guard.store
    again = Pair(moved, b, 60000)
    assert again.seen(1, EV_ESTABLISHED)
    assert b.guard.store.get(moved.id).was == a.id
    assert both.ends[1].cause == TRUST_REVOKED  # the old key is worth nothing, at once
    assert [(e.kind, e.peer, e.name) for e in all_events(b)] == [(EV_KEY_MOVED, moved.id, a.id)]
    assert Pair(moved, c, 60000).ends[1].cause == NOT_PAIRED  # was away, must pair again


def test_a_promise_of_a_key_does_not_hold_for_ever():
    a, b = node(1, "a"), node(2, "b")
    both = paired(a, b)
    a.guard.rotate(SUITE.keypair(b"\7" * 32), 60, 0)
    both.run()
    b.guard.store.get(a.id)
    moved = node(7, "a")
    assert Pair(moved, b, 120000).ends[1].cause == NOT_PAIRED
    assert b.guard.store.get(a.id).next_public == b""


def rotating(a: Node, b: Node) -> tuple:
    """A session of two that trust each other, in which `a` can announce next keys."""
    return paired(a, b), count_products(b)


def count_products(at: Node) -> list:
    """Grows by one for each scalar multiplication with the key of `at`."""
    done = []
    static = at.local.static

    class Counted:
        public = static.public

        def exchange(self, public):
            done.append(public)
            return static.exchange(public)

    at.local.static = Counted()
    return done


def announce(a: Node, both: Pair, n: int, grace_s: int = 3600) -> Node:
    """Announces key `n`, and says what became of it: the node, as it tells of its change."""
    a.guard.rotation = None
    a.guard.rotate(SUITE.keypair(bytes((n,)) * 32), grace_s, both.now)
    both.run()
    return a


def test_the_same_next_key_again_costs_neither_a_product_nor_a_write():
    a, b = node(1, "a"), node(2, "b")
    both, products = rotating(a, b)
    announce(a, both, 7)
    assert len(products) == 1
    revision = b.guard.store.revision
    for _ in range(20):
        announce(a, both, 7)
        assert a.guard.rotation.told == {b.id}
    assert (len(products), b.guard.store.revision) == (1, revision)
    announce(a, both, 7, 8000)  # what is left would not cover that
    assert (len(products), b.guard.store.revision) == (2, revision + 1)


def test_other_next_keys_are_limited_by_peer_and_not_by_session():
    a, b = node(1, "a"), node(2, "b")
    both, products = rotating(a, b)
    revision = b.guard.store.revision
    for n in range(7, 40):
        announce(a, both, n)
        assert a.guard.rotation.told == ({b.id} if n < 11 else set())
        assert not both.ends[0].closed
    assert len(products) == 4
    assert b.guard.store.revision == revision + 4
    assert b.guard.store.get(a.id).next_public == SUITE.keypair(bytes((10,)) * 32).public
    again = Pair(a, b)
    del products[:]
    announce(a, again, 40)
    assert (len(products), b.guard.store.revision) == (0, revision + 4)
    again.now = again.ends[1].keepalive.heard = 3600000 // 4
    announce(a, again, 41)
    assert a.guard.rotation.told == {b.id}
    assert len(products) == 1


def test_a_moved_key_does_not_get_new_tokens():
    a, b = node(1, "a"), node(2, "b")
    both, _ = rotating(a, b)
    for n in range(7, 11):
        announce(a, both, n)
    moved = node(10, "a")
    moved.guard.store = a.guard.store
    moved.guard.acl._store = a.guard.store
    later = Pair(moved, b)
    revision = b.guard.store.revision
    announce(moved, later, 50)
    assert moved.guard.rotation.told == set()
    assert b.guard.store.revision == revision


def test_a_peer_that_comes_again_and_again_costs_one_product_while_a_key_changes():
    a, b = node(1, "a"), node(2, "b")
    paired(a, b)
    pair = SUITE.keypair(b"\7" * 32)
    done = []

    class Counted:
        public = pair.public

        def exchange(self, public):
            done.append(public)
            return pair.exchange(public)

    a.guard.rotate(Counted(), 60, 0)
    for _ in range(5):
        a.guard.rotation.told.clear()  # as with a peer that never answers
        both = Pair(a, b)
        assert a.guard.rotation.told == {b.id}
        for at, end in zip(both.nodes, both.ends):
            at.forget(end)
    assert len(done) == 1


def test_a_change_that_cannot_be_told_now_is_told_in_the_next_session():
    a, b = node(1, "a"), node(2, "b")
    both = paired(a, b)
    for n in (7, 8):  # the second finds the stream of the first still open
        a.guard.rotate(SUITE.keypair(bytes((n,)) * 32), 60, 0)
    both.run()
    assert a.guard.rotation.told == set()  # what was taken is the first
    Pair(a, b)
    assert a.guard.rotation.told == {b.id}
    assert b.guard.store.get(a.id).next_public == a.guard.rotation.next_pair.public


def test_a_next_key_counts_as_taken_only_once_it_is_on_the_medium():
    a, b = node(1, "a"), node(2, "b")
    both, _ = rotating(a, b)
    b.guard.unsaved = []  # a backend keeps the store in a file
    announce(a, both, 7)
    assert a.guard.rotation.told == set()
    assert b.guard.store.get(a.id).next_public
    assert promise.saved(b.guard) == [both.ends[1]]
    both.run()
    assert a.guard.rotation.told == {b.id}
    assert promise.saved(b.guard) == []


def test_few_wait_for_a_medium_that_is_full():
    a, b = node(1, "a"), node(2, "b")
    both, _ = rotating(a, b)
    b.guard.unsaved = []
    for _ in range(5):
        announce(a, both, 7)
        for stream in both.ends[0].mux.live():
            stream.reset()  # and does not wait
        both.run()
        assert len(b.guard.unsaved) == 1
    for _ in range(3):
        for at, end in zip(both.nodes, both.ends):
            end.link_lost()
            at.forget(end)
        both = Pair(a, b)
        assert [control.session for control, _ in b.guard.unsaved] == [both.ends[1]]
    promise.saved(b.guard)
    both.run()
    assert a.guard.rotation.told == {b.id}


def test_a_next_key_that_is_another_peers_own_is_refused():
    a, b, c = node(1, "a"), node(2, "b"), node(3, "c")
    paired(b, c)
    both, _ = rotating(a, b)
    announce(a, both, 3)
    assert both.ends[1].cause == NEXT_KEY_UNPROVEN
    assert b.guard.store.get(a.id).next_public == b""
    assert b.guard.store.get(c.id).name == "c"


def test_an_event_that_finds_no_place_is_told_later():
    a = node(1, "a")
    for _ in range(16):
        assert a.guard.tell(EV_PAIRED, "someone")
    assert not a.guard.tell(EV_PAIRED, "someone")
    a.guard.rotate(SUITE.keypair(b"\7" * 32), 60, 0)
    a.handle_timer(60000)
    assert EV_KEY_DUE not in told(a)
    a.handle_timer(60001)
    assert told(a) == [EV_KEY_DUE]
    a.handle_timer(60002)
    assert told(a) == []
