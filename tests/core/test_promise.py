"""Next keys that peers announced: followed with every rule, aged over starts, cheap to repeat."""

from dsoftbus.const import SMALL
from dsoftbus.identity import device_id
from dsoftbus.trust import promise
from dsoftbus.trust.acl import IN, Acl, grant, rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus.trust.store_text import decode
from simulated import SUITE

OLD, NEW, OTHER = [SUITE.keypair(bytes((n,)) * 32).public for n in (1, 2, 3)]
OLD_ID, NEW_ID, OTHER_ID = device_id(OLD), device_id(NEW), device_id(OTHER)


def promised(grace_s: int = 60, now: int = 0) -> TrustStore:
    """A store with one peer that has announced NEW."""
    store = TrustStore(SMALL)
    store.add(Entry(OLD, "hall", [grant("allow in echo")], 1700000000))
    promise._take(store, store.get(OLD_ID), NEW, grace_s, now)
    return store


def again(store: TrustStore) -> TrustStore:
    """The store after a start."""
    return decode(store.encode(), SMALL)


def test_an_entry_follows_its_next_key_and_the_old_one_is_trusted_no_more():
    store = promised()
    (old,) = store
    assert (old.next_public, old.next_for_s) == (NEW, 120)
    assert promise.follow(store, OTHER) is None
    revision = store.revision
    assert promise.follow(store, NEW) is old
    assert store.revision > revision
    assert store.get(OLD_ID) is None
    (entry,) = store
    assert (entry.public, entry.name, entry.paired_at) == (NEW, "hall", 1700000000)
    assert [str(g) for g in entry.grants] == ["allow in echo"]
    assert (entry.next_public, entry.next_for_s, entry.was) == (b"", 0, OLD_ID)
    assert promise.follow(store, NEW) is None


def test_rules_of_both_kinds_follow_a_key_that_moves_and_the_old_one_keeps_nothing():
    store = promised()
    for text in (
        "allow in %s a/*" % OLD_ID,
        "deny both %s a/secret" % OLD_ID,
        "deny in %s b" % OTHER_ID,
        "allow in paired c",
        "allow in %s a/*" % NEW_ID,  # someone had foreseen it
    ):
        store.add_rule(rule(text))
    promise.follow(store, NEW)
    assert [str(r) for r in store.rules] == [
        "allow in %s a/*" % NEW_ID,
        "deny both %s a/secret" % NEW_ID,
        "deny in %s b" % OTHER_ID,
        "allow in paired c",
    ]
    acl = Acl(store)
    assert acl.allows(NEW_ID, IN, "a/x") and not acl.allows(NEW_ID, IN, "a/secret")
    for name in ("a/x", "a/secret", "echo", "c"):
        assert not acl.allows(OLD_ID, IN, name)
    assert OLD_ID not in store.encode()


def test_a_peer_that_is_denied_stays_denied_through_any_number_of_keys():
    store = promised()
    store.add_rule(rule("deny in %s echo" % OLD_ID))
    promise.follow(store, NEW)
    for n in range(10, 30):
        public = SUITE.keypair(bytes((n,)) * 32).public
        (entry,) = store
        promise._take(store, entry, public, 60, 0)
        store = again(store)
        promise.age(store, 0)
        assert promise.follow(store, public)
        assert not Acl(store).allows(device_id(public), IN, "echo")
        assert len(store.rules) == 1


def test_a_promise_of_a_key_that_is_trusted_already_moves_nothing():
    store = promised()
    store.add(Entry(NEW, "other"))
    assert promise.follow(store, NEW) is None
    assert store.get(NEW_ID).name == "other" and store.get(OLD_ID).name == "hall"


def test_two_peers_with_one_next_key_become_one_entry_at_most():
    store = promised()
    store.add(Entry(OTHER, "other"))
    promise._take(store, store.get(OTHER_ID), NEW, 60, 0)
    assert promise.follow(store, NEW) is not None
    assert promise.follow(store, NEW) is None
    assert len(store) == 2


def test_a_revoked_entry_takes_its_next_key_along():
    store = promised()
    store.remove(OLD_ID)
    assert promise.follow(store, NEW) is None


def test_a_promise_lapses_after_twice_its_grace_and_not_before():
    store = promised(60)
    promise.age(store, 119000)
    assert store.get(OLD_ID).next_public == NEW
    revision = store.revision
    promise.age(store, 120000)
    assert (store.get(OLD_ID).next_public, store.get(OLD_ID).next_for_s) == (b"", 0)
    assert store.revision == revision + 1


def runs(store: TrustStore, run_ms: int, orderly: bool) -> int:
    """Returns how many starts of this length a promise survives; each is timed by a clock of its
    own."""
    for n in range(10000):
        text = store.encode()
        store = decode(text, SMALL)
        start = 1000000 * n  # where the clock of a start begins is of no matter
        for now in range(start, start + run_ms + 1, 1000):
            promise.age(store, now)
            if not store.promises():
                return n
        if orderly:
            promise.note(store, now)
    raise AssertionError("it never lapses")


def test_starts_in_between_do_not_renew_a_promise():
    assert runs(promised(60), 50000, True) == 2
    assert runs(promised(60), 50000, False) in (2, 3)  # cut: at most a step more
    assert runs(promised(300), 61000, False) <= 600 // 60 + 1


def test_an_end_in_order_writes_what_has_run_if_it_is_worth_it():
    store = again(promised(300))
    promise.age(store, 0)
    revision = store.revision
    promise.end(store, 9999)
    assert store.revision == revision
    promise.end(store, 10000)
    assert (store.revision, store.get(OLD_ID).next_for_s) == (revision + 1, 590)
    promise.end(again(store), 0)  # at once after a start
    promise.end(TrustStore(SMALL), 0)


def test_what_is_left_is_written_seldom():
    store = promised(7 * 86400)
    writes = 0
    revision = store.revision
    for now in range(0, 15 * 86400000, 20000):
        promise.age(store, now)
        writes += store.revision - revision
        revision = store.revision
    assert not store.promises()
    assert 14 * 24 <= writes < 14 * 24 + 50  # one an hour, and some more at its end


def test_the_first_write_after_a_start_comes_soon_and_no_other():
    store = promised(7 * 86400)
    fresh = store.revision
    promise.age(store, 3599000)
    assert store.revision == fresh  # it was written when it came
    promise.age(store, 3600000)
    assert store.revision == fresh + 1
    store = again(store)
    promise.age(store, 0)
    promise.age(store, 59000)
    assert store.revision == 0
    promise.age(store, 60000)
    assert store.revision == 1
    promise.age(store, 3600000)
    assert store.revision == 1
    promise.age(store, 3660000)
    assert store.revision == 2


def test_one_write_tells_of_all_promises():
    store = promised(600)
    store.add(Entry(OTHER, "other"))
    promise._take(store, store.get(OTHER_ID), SUITE.keypair(b"\4" * 32).public, 1200, 0)
    promise.age(store, 150000)
    assert sorted([entry.next_for_s for entry in store.promises()]) == [1050, 2250]
