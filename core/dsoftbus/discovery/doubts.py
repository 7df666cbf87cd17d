"""Rare cases of the table of peers: an announcement that does not follow, a table that is full.

Imported where that happens (docs/wire-format.md, sequence; docs/trust.md, floods).
"""

from dsoftbus.const import EV_CLONED_KEY, LINK_LINE
from dsoftbus.discovery.announce import JUMP_MAX
from dsoftbus.errors import ANNOUNCE_REPLAYED, CLONED_KEY, PeerError
from dsoftbus.mux.events import NodeEvent

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.discovery.announce import Announcement
    from dsoftbus.discovery.peers import Peer, Peers


_OTHERS = 4  # hosts whose last sequence is kept beside that of the host a peer was heard at last
_TURNS = 3  # two hosts have taken turns so often: neither is the other, moved or started anew
_WARN_AGAIN_MS = 600000  # of a second node with one's own key
_HOSTS = 4  # so many hosts at least share the places of strangers who are there


def follow(peers: "Peers", peer: "Peer", new: int, host: "Any") -> None:
    """Raises PeerError where a packet of `peer` with the sequence `new` (version 1: -1), heard at
    `host`, is no news."""
    last = peer.sequence
    if last >= 0 and not last < new <= last + JUMP_MAX:
        before = (peer.others or {}).get(host, -1)
        if new == last or not 0 <= before < new <= before + JUMP_MAX:
            _remember(peer, host, new)
            raise PeerError(ANNOUNCE_REPLAYED, str(new))
        if host != peer.host:
            peer.turns += 1
            if peer.turns == _TURNS:
                _warn(peers, peer, host)
    if host != peer.host:
        _remember(peer, peer.host, last)


def _remember(peer: "Peer", host: "Any", sequence: int) -> None:
    """Keeps `sequence` for `host`: the next announcement from there may follow it."""
    if peer.others is None:
        peer.others = {}
    others = peer.others
    if host in others or len(others) >= _OTHERS:
        others.pop(host if host in others else next(iter(others)))
    others[host] = sequence


def hear_own(peers: "Peers", said: "Announcement", host: "Any", now: int) -> None:
    """One's own packets come back; `said`, which one has not said yet, is another's."""
    if host not in peers.own_hosts and now >= peers.warn_at:
        peers.warn_at = now + _WARN_AGAIN_MS
        _warn(peers, said, host)


def _warn(peers: "Peers", node: "Announcement | Peer", host: "Any") -> None:
    """Two nodes have the key of `node`; one of them was heard at `host`."""
    where = host
    if not isinstance(host, str):
        where = "serial %s channel %d" % host[1:] if host[0] == LINK_LINE else "group " + host[1]
    peers.warnings.append(NodeEvent(EV_CLONED_KEY, node.id, node.name, CLONED_KEY, where))


def expendable(table: "dict[str, Peer]", limit: int, for_known: object) -> "Peer | None":
    """Returns the peer that gives way to one more: of the strangers the one heard of least
    recently, else a known peer which is neither there nor configured. A stranger takes no place of
    one that is there and was heard more than once, unless its host has more than its part of the
    table. None where nobody has to go.
    """
    crowded = _crowded(table, limit)
    found = None
    lowest: Any = None
    for peer in table.values():
        stays = peer.repeated and peer.online and peer.host not in crowded
        rank = (peer.known, stays, peer.heard)
        if _may_go(peer, stays, for_known) and (found is None or rank < lowest):
            found, lowest = peer, rank
    return found


def _may_go(peer: "Peer", stays: bool, for_known: object) -> object:
    if peer.known:
        return not (peer.online or peer.fixed)
    return for_known or not stays


def _crowded(table: "dict[str, Peer]", limit: int) -> "list[Any]":
    """The hosts of more strangers than one may have in the table."""
    found: dict[Any, int] = {}
    for peer in table.values():
        if not peer.known:
            found[peer.host] = found.get(peer.host, 0) + 1
    return [host for host in found if found[host] > limit // _HOSTS]
