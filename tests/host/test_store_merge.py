"""Two changes of one store become one: what either took away is gone, what either added stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsoftbus.const import TINY
from dsoftbus.errors import STORE_FULL, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust import promise
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus.trust.store_text import decode
from dsoftbus_host.storage.trust_merge import HOST, merge


def key(n: int) -> bytes:
    return bytes((n,)) * 32


def peer(n: int) -> str:
    return device_id(key(n))


def store(*peers: int, rules=()) -> TrustStore:
    made = TrustStore(HOST)
    for n in peers:
        made.add(Entry(key(n), f"peer {n}", [grant("allow in echo")], 1700000000))
    for text in rules:
        made.add_rule(rule(text))
    return made


def sides(base: TrustStore) -> tuple:
    """The base, and two copies to be changed."""
    return tuple(decode(base.encode(), HOST) for _ in range(3))


def merged(base, mine, theirs) -> TrustStore:
    """The merge, which is the same whoever writes last."""
    texts = [one.encode() for one in (base, mine, theirs)]
    first, other = merge(base, mine, theirs), merge(base, theirs, mine)
    assert said(first) == said(other)
    assert texts == [one.encode() for one in (base, mine, theirs)]
    return first


def said(one: TrustStore) -> tuple:
    """Returns the content of a store, whatever the order of its rules."""
    entries = [
        (e.public, e.name, {str(g) for g in e.grants}, e.paired_at, e.next_public, e.next_for_s)
        for e in one
    ]
    return entries, {str(own) for own in one.rules}


def ids(one: TrustStore) -> list:
    return [entry.id for entry in one]


def rules(one: TrustStore) -> list:
    return [str(own) for own in one.rules]


def test_what_each_side_added_is_there():
    base, mine, theirs = sides(store(1))
    mine.add(Entry(key(2)))
    theirs.add(Entry(key(3)))
    mine.add_rule(rule("allow in * a"))
    theirs.add_rule(rule("deny in * b"))
    both = merged(base, mine, theirs)
    assert ids(both) == sorted([peer(1), peer(2), peer(3)])
    assert sorted(rules(both)) == ["allow in * a", "deny in * b"]


def test_what_one_side_removed_is_gone_whatever_the_other_did_to_it():
    base, mine, theirs = sides(store(1, 2, rules=["allow in * a", "deny in * b"]))
    mine.remove(peer(1))
    theirs.get(peer(1)).name = "other"
    theirs.get(peer(1)).grants.append(grant("allow in files"))
    promise._take(theirs, theirs.get(peer(1)), key(9), 60, 0)
    theirs.remove_rule(rule("allow in * a"))
    both = merged(base, mine, theirs)
    assert ids(both) == [peer(2)]
    assert rules(both) == ["deny in * b"]


def test_a_removed_entry_does_not_come_back_with_an_old_copy():
    base, mine, theirs = sides(store(1))
    theirs.remove(peer(1))
    mine.add(Entry(key(2)))
    assert ids(merged(base, mine, theirs)) == [peer(2)]


def test_who_was_paired_again_meanwhile_is_there_with_the_new_grants():
    base, mine, theirs = sides(store(1))
    theirs.remove(peer(1))
    theirs.add(Entry(key(1), "again", [grant("allow in a")], 1700009999))
    promise._take(mine, mine.get(peer(1)), key(9), 60, 0)
    (entry,) = merged(base, mine, theirs)
    assert (entry.name, entry.paired_at) == ("again", 1700009999)
    assert [str(one) for one in entry.grants] == ["allow in a"]
    assert (entry.next_public, entry.next_for_s) == (key(9), 120)


def test_grants_are_merged_one_by_one():
    base = store(1)
    base.get(peer(1)).grants = [grant(f"allow in {name}") for name in "abc"]
    base, mine, theirs = sides(base)
    mine.get(peer(1)).grants = [grant(text) for text in ("allow in a", "allow in c", "deny in d")]
    theirs.get(peer(1)).grants = [grant(f"allow in {name}") for name in "abe"]
    (entry,) = merged(base, mine, theirs)
    assert {str(one) for one in entry.grants} == {"allow in a", "deny in d", "allow in e"}


def test_an_allow_for_a_peer_that_the_other_side_unpaired_is_gone_and_a_deny_stays():
    base, mine, theirs = sides(store(1))
    mine.remove(peer(1))
    theirs.add_rule(rule(f"allow in {peer(1)} a"))
    theirs.add_rule(rule(f"deny in {peer(1)} b"))
    assert rules(merged(base, mine, theirs)) == [f"deny in {peer(1)} b"]
    base, mine, theirs = sides(store(1))
    theirs.remove(peer(1))
    theirs.add_rule(rule(f"allow in {peer(1)} a"))  # after it: the owner wants just that
    mine.add_rule(rule("allow in * c"))
    assert set(rules(merged(base, mine, theirs))) == {f"allow in {peer(1)} a", "allow in * c"}


def moved(one: TrustStore, old: int, new: int) -> None:
    promise._take(one, one.get(peer(old)), key(new), 60, 0)
    assert promise.follow(one, key(new))


def test_rules_of_the_other_side_follow_a_key_that_moved():
    for announced in (False, True):  # in the file already, or all at once
        base = store(1)
        if announced:
            promise._take(base, base.get(peer(1)), key(9), 60, 0)
        base, mine, theirs = sides(base)
        mine.add_rule(rule("allow in * x"))
        moved(mine, 1, 9)
        theirs.add_rule(rule(f"deny in {peer(1)} a"))
        theirs.get(peer(1)).grants.append(grant("allow in b"))
        both = merged(base, mine, theirs)
        assert ids(both) == [peer(9)]
        assert f"deny in {peer(9)} a" in rules(both)
        assert peer(1) not in both.encode()
        assert [str(one) for one in both.get(peer(9)).grants] == ["allow in echo", "allow in b"]


def test_who_was_unpaired_does_not_escape_by_a_key_that_moves():
    for announced in (False, True):
        base = store(1, 2)
        if announced:
            promise._take(base, base.get(peer(1)), key(9), 60, 0)
        base, mine, theirs = sides(base)
        moved(mine, 1, 9)
        theirs.remove(peer(1))
        assert ids(merged(base, mine, theirs)) == [peer(2)]


def test_a_move_that_both_followed_is_one():
    base, mine, theirs = sides(store(1))
    moved(mine, 1, 9)
    moved(theirs, 1, 9)
    assert ids(merged(base, mine, theirs)) == [peer(9)]


def test_next_keys():
    base = store(1)
    promise._take(base, base.get(peer(1)), key(9), 500, 0)

    def result(mine_next, theirs_next) -> tuple:
        before, mine, theirs = sides(base)
        for one, (public, for_s) in ((mine, mine_next), (theirs, theirs_next)):
            entry = one.get(peer(1))
            entry.next_public, entry.next_for_s = public, for_s
        (entry,) = merged(before, mine, theirs)
        return entry.next_public, entry.next_for_s

    assert result((key(9), 800), (key(9), 900)) == (key(9), 800)  # time ran in both
    assert result((key(9), 1000), (key(9), 900)) == (key(9), 900)
    assert result((key(9), 900), (key(9), 2000)) == (key(9), 2000)  # announced anew
    assert result((b"", 0), (key(9), 900)) == (b"", 0)  # it lapsed
    assert result((key(8), 50), (b"", 0)) == (key(8), 50)
    assert result((key(8), 50), (key(9), 900)) == (key(8), 50)


def test_what_is_unchanged_keeps_what_no_file_knows():
    base, mine, theirs = sides(store(1, 2))
    theirs.get(peer(2)).name = "other"
    mine.get(peer(1)).news = mine.get(peer(2)).news = "tokens"
    both = merge(base, mine, theirs)
    assert both.get(peer(1)) is mine.get(peer(1))
    assert both.get(peer(2)).news == "tokens"
    assert both.get(peer(2)).name == "other"


def test_more_than_fits_is_refused():
    base, mine, theirs = sides(store())
    for n in range(TINY.trusted):
        mine.add(Entry(key(n)))
        theirs.add(Entry(key(n + 100)))
    with pytest.raises(LocalError) as refused:
        merge(base, mine, theirs, TINY)
    assert refused.value.code == STORE_FULL


_changes = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "rename", "move", "rule", "unrule"]),
        st.integers(1, 5),
        st.sampled_from(["allow", "deny"]),
    ),
    max_size=6,
)


def change(one: TrustStore, changes) -> None:
    """Does what can be done of `changes`. The key `n` may move to `n + 100`, once."""
    for what, n, effect in changes:
        entry = one.get(peer(n))
        text = f"{effect} in {peer(n)} x"
        if what == "add" and entry is None:
            one.add(Entry(key(n)))
        elif what == "remove":
            one.remove(peer(n))
        elif what == "rename" and entry is not None:
            entry.name += "'"
        elif what == "move" and entry is not None and one.get(peer(n + 100)) is None:
            moved(one, n, n + 100)
        elif what == "rule":
            one.add_rule(rule(text))
        elif what == "unrule":
            one.remove_rule(rule(text))


@given(_changes, _changes, _changes)
def test_a_removal_wins_whatever_else_was_done(first, second, third):
    base = store(1, 2, 3)
    change(base, first)
    base, mine, theirs = sides(base)
    change(mine, second)
    change(theirs, third)
    both = merged(base, mine, theirs)
    for n in range(1, 6):
        held = [base.get(peer(n)), mine.get(peer(n)), mine.get(peer(n + 100))]
        if held[0] is not None and held[1:] == [None, None]:
            was_re_added = any(what == "add" and m == n for what, m, _ in third)
            assert both.get(peer(n)) is None or was_re_added
            assert both.get(peer(n + 100)) is None or base.get(peer(n + 100)) is not None
    for own in both.rules:
        assert str(own) in rules(mine) + rules(theirs) or own.who in ids(both)
    assert merged(both, both, both).encode() == both.encode()


@given(_changes, _changes)
def test_a_change_of_one_side_alone_is_taken_as_it_is(first, second):
    base = store(1, 2, 3)
    change(base, first)
    base, mine, theirs = sides(base)
    change(mine, second)
    assert said(merged(base, mine, theirs)) == said(mine)
