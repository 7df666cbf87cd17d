"""Two changes of one trust store become one: three ways, from what both began with.

A removal wins over everything: an entry or a rule that either side took away is gone, whatever the
other did to it. Additions of either side stay. Both sides have to read the file again, under its
lock, before they write; then no entry that was removed comes back with an old copy of it, and no
record of removals has to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from dsoftbus.const import HOST
from dsoftbus.trust.acl import Rule, grant, rule
from dsoftbus.trust.store import Entry, TrustStore

_T = TypeVar("_T", int, str)


class _Peer(NamedTuple):
    """The content of an entry in the file."""

    public: bytes
    name: str
    grants: tuple[str, ...]
    paired_at: int
    next_public: bytes
    next_for_s: int


class _Side(NamedTuple):
    """One of the three: peers by id, and the node's own rules."""

    peers: dict[str, _Peer]
    rules: list[str]


def merge(
    base: TrustStore, mine: TrustStore, theirs: TrustStore, profile: type[HOST] = HOST
) -> TrustStore:
    """Returns the merger of `mine` and `theirs`, which both come from `base`. None is changed.

    Raises LocalError(STORE_FULL) when it is more than `profile` takes.
    """
    moves = _moves(base, mine), _moves(base, theirs)
    before = _side(base, moves[0] | moves[1])
    # A side where a key moved has the new one already; an entry with the old one was added since.
    ours = _side(mine, {old: moves[1][old] for old in moves[1].keys() - moves[0].keys()})
    others = _side(theirs, {old: moves[0][old] for old in moves[0].keys() - moves[1].keys()})
    merged = TrustStore(profile)
    for device in sorted(ours.peers.keys() | others.peers.keys()):
        peer = _peer(*(side.peers.get(device) for side in (before, ours, others)))
        if peer is not None:
            merged.add(_entry(device, peer, mine.get(device)))
    for text in _rules(before, ours, others):
        merged.add_rule(rule(text))
    merged.revision = 0
    return merged


def _moves(base: TrustStore, side: TrustStore) -> dict[str, Entry]:
    """The entries of the peers whose keys have moved since, by their old ids."""
    promised = {entry.next_public: entry.id for entry in base.promises()}
    moved = {}
    for entry in side:
        foreseen = promised.get(entry.public, "")
        old = entry.was or ("" if side.get(foreseen) else foreseen)
        if base.get(old) and not base.get(entry.id):
            moved[old] = entry
    return moved


def _side(store: TrustStore, moves: dict[str, Entry]) -> _Side:
    """A store in which those peers of `moves` that it has, have their new keys."""
    moves = {old: moved for old, moved in moves.items() if store.get(old) is not None}
    peers = {}
    for entry in store:
        moved = moves.get(entry.id)
        if moved is None:
            peers[entry.id] = _written(entry, entry.public)
        elif store.get(moved.id) is None:
            peers[moved.id] = _written(entry, moved.public)
    return _Side(peers, [str(_renamed(own, moves)) for own in store.rules])


def _written(entry: Entry, public: bytes) -> _Peer:
    """An entry as the file has it, under the key `public`."""
    grants = tuple(str(one) for one in entry.grants)
    following = (entry.next_public, entry.next_for_s)
    if entry.next_public == public:
        following = (b"", 0)
    return _Peer(public, entry.name, grants, entry.paired_at, *following)


def _renamed(own: Rule, moves: dict[str, Entry]) -> Rule:
    who = moves[own.who].id if own.who in moves else own.who
    return Rule(own.allow, own.direction, own.pattern, who)


def _peer(before: _Peer | None, mine: _Peer | None, theirs: _Peer | None) -> _Peer | None:
    if before is None:
        if mine is None or theirs is None:
            return mine or theirs
        before = _Peer(mine.public, "", (), 0, b"", 0)
    if mine is None or theirs is None:
        return None
    next_public, next_for_s = _next_key(before, mine, theirs)
    return _Peer(
        mine.public,
        _changed(before.name, mine.name, theirs.name),
        tuple(_listed(before.grants, mine.grants, theirs.grants)),
        _changed(before.paired_at, mine.paired_at, theirs.paired_at),
        next_public,
        next_for_s,
    )


def _changed(before: _T, mine: _T, theirs: _T) -> _T:
    """Returns the value that one side has changed; of two changes the larger, so that all sides
    agree."""
    if before in (mine, theirs):
        return theirs if mine == before else mine
    return max(mine, theirs)


def _next_key(before: _Peer, mine: _Peer, theirs: _Peer) -> tuple[bytes, int]:
    """A newer next key wins, then a lapse, then the shorter time that is left."""
    news = [side for side in (mine, theirs) if side.next_public != before.next_public]
    for side in news:
        if side.next_public:
            return side.next_public, side.next_for_s
    if news:
        return b"", 0
    return before.next_public, _time_left(before, mine, theirs)


def _time_left(before: _Peer, mine: _Peer, theirs: _Peer) -> int:
    """The peer may have announced the same key anew to either side: then it is the longer."""
    if max(mine.next_for_s, theirs.next_for_s) > before.next_for_s:
        return max(mine.next_for_s, theirs.next_for_s)
    return min(mine.next_for_s, theirs.next_for_s)


def _listed(before: Iterable[str], mine: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Returns the old texts that both sides have kept, and the new ones of either."""
    old, ours, others = set(before), set(mine), set(theirs)
    both = dict.fromkeys([*theirs, *mine])
    return [text for text in both if text not in old or (text in ours and text in others)]


def _rules(before: _Side, mine: _Side, theirs: _Side) -> list[str]:
    listed = _listed(before.rules, mine.rules, theirs.rules)
    mute = _outlived(before, mine, theirs) | _outlived(before, theirs, mine)
    return [text for text in listed if text not in mute]


def _outlived(before: _Side, one: _Side, other: _Side) -> set[str]:
    """Returns the rules by which `one` allows a peer that `other` has removed meanwhile."""
    gone = {device for device in before.peers if device in one.peers} - other.peers.keys()
    new = set(one.rules) - set(before.rules) - set(other.rules)
    return {text for text in new if (own := rule(text)).allow and own.who in gone}


def _entry(device: str, peer: _Peer, known: Entry | None) -> Entry:
    """`known` itself where it says the same: it knows what no file does."""
    entry = Entry(peer.public, peer.name, [grant(text) for text in peer.grants], peer.paired_at)
    entry.next_public, entry.next_for_s = peer.next_public, peer.next_for_s
    if known is None:
        return entry
    if known.encode() == entry.encode():
        return known
    entry.news, entry.was = known.news, known.was
    if known.next_public == entry.next_public and known.next_for_s == entry.next_for_s:
        entry.until, entry.noted = known.until, known.noted
    return entry
