"""The access mark of a peer: a digest of what this node's trust store says of it."""

import hashlib

from dsoftbus.identity import device_id

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.trust.store import Entry


MARK_BYTES = 8
_EVERYONE = ("*", "paired")


def entry_of(node: "Any", public: bytes) -> "Entry | None":
    """The peer's entry in the trust store of `node` as it is now, or None."""
    guard = getattr(node, "guard", None)  # the least of nodes has none
    if guard is None:
        return None
    guard.refresh()
    return guard.store.get(device_id(public))


def is_known(node: "Any", public: bytes) -> bool:
    """Tells whether `node` trusts the peer; one without a trust store has no strangers."""
    return getattr(node, "guard", None) is None or entry_of(node, public) is not None


def mark(node: "Any", public: bytes) -> bytes:
    """The mark of the peer with this key: another one as soon as its access is another."""
    entry = entry_of(node, public)
    said = ["-"] if entry is None else [str(entry.paired_at)]
    said += [] if entry is None else [str(rule) for rule in entry.grants]
    guard = getattr(node, "guard", None)
    if guard is not None:
        concerned = (device_id(public),) + _EVERYONE
        said += [str(rule) for rule in guard.store.rules if rule.who in concerned]
    return hashlib.sha256("\n".join(said).encode()).digest()[:MARK_BYTES]
