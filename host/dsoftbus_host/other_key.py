"""A peer that is heard under another key than the one that is sought: which node that seems to be.

Announcements prove nothing, and a refusal of an opening neither, so what is found here is said
when an attempt has failed, and never ends one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsoftbus.const import LINK_LINE
from dsoftbus.errors import (
    DECRYPT_FAILED,
    END_HANDSHAKE_TIMEOUT,
    END_REFUSED,
    OTHER_KEY,
    BusError,
    LocalError,
    PeerError,
)

if TYPE_CHECKING:
    from dsoftbus.discovery.peers import Peer, Peers
    from dsoftbus.trust.store import TrustStore

Route = tuple[int, str, int]


def at(peers: Peers, device: str, route: Route, now: int) -> Peer | None:
    """The node that announces itself at `route` in place of `device`, heard there last."""
    there = [peer for peer in peers if now < peer.expires and _is_at(peer, route)]
    last: Peer | None = max(there, key=lambda peer: peer.heard, default=None)
    return None if last is None or last.id == device else last


def _is_at(peer: Peer, route: Route) -> bool:
    kind, host, port = route
    if kind == LINK_LINE:
        return bool(peer.line == route)
    return bool(peer.source and peer.source[0] == host and (kind, port) in peer.links)


def named(peers: Peers, store: TrustStore, device: str, now: int) -> Peer | None:
    """A stranger that calls itself as the trusted peer `device` does."""
    entry = store.get(device)
    if entry is None or not entry.name:
        return None
    peer: Peer
    for peer in peers:
        stranger = store.get(peer.id) is None and peer.public != entry.next_public
        if stranger and peer.name == entry.name and now < peer.expires:
            return peer
    return None


def explained(failure: BusError | OSError, place: str, other: Peer | None) -> BusError | OSError:
    """The same failure of an attempt at `place`, by name where `other` explains it."""
    if other is None or not isinstance(failure, PeerError):
        return failure
    unread = failure.code == END_REFUSED and failure.peer_code == DECRYPT_FAILED
    if not unread and failure.code != END_HANDSHAKE_TIMEOUT:
        return failure
    return PeerError(OTHER_KEY, f"{place}: instead, {_said(other)}", failure.peer_code)


def unheard(sought: str, other: Peer) -> LocalError:
    """The failure to hear of `sought`, while `other` has its name."""
    return LocalError(OTHER_KEY, f"{sought}: instead, {_said(other)}")


def _said(other: Peer) -> str:
    return f"a node is heard that calls itself {other.name!r} and has the key of {other.id}"
