"""The directory: what a node offers, one item for each of its calls and topics.

Items travel as values, as the parts of a reply (docs/services.md, "Directory").
"""

from dsoftbus.base.codec import is_name
from dsoftbus.const import STREAM_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, LocalError, PeerError
from dsoftbus.service.call_messages import OWN, PREFIX

if False:  # for types
    from dsoftbus.contracts import Any

PREFIXES = {"call": PREFIX, "state": "topic/", "event": "topic/"}  # of a kind, in access rules
_TEXTS = {"about": 120, "unit": 24, "shape": 120}  # bytes: a line of a table each
_BYTES_AN_ITEM = 64  # of the asker's limit for values: so many items it takes for each


# Public


class Offer:
    """One thing that a node offers. `kind` is "call", "state" or "event"; `about` (a line for
    people), `unit` and `shape` (of its values, in words) are "" where nothing was said."""

    peer_id = ""  # whose it is, once a bus has asked for it
    peer_name = ""

    def __init__(
        self, kind: str, name: str, about: str = "", unit: str = "", shape: str = ""
    ) -> None:
        self.kind = kind
        self.name = name
        self.about = about
        self.unit = unit
        self.shape = shape


# Ours


def check(**texts: str) -> None:
    """Refuses an `about`, a `unit` or a `shape` that no list could have: LocalError."""
    for field, text in texts.items():
        if not _fits(text, _TEXTS[field]):
            raise LocalError(
                BAD_ARGUMENT, "%s of at most %d bytes, all of which show" % (field, _TEXTS[field])
            )


def item(offer: Offer) -> "dict[str, str]":
    """The value that says it; what is empty is left out."""
    found = {"kind": offer.kind, "name": offer.name}
    for field in _TEXTS:
        if getattr(offer, field):
            found[field] = getattr(offer, field)
    return found


def offer_of(value: "Any") -> Offer:
    """The offer that a peer's value says; keys that are not known here are passed over. Raises
    PeerError(MALFORMED)."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in PREFIXES:
        raise PeerError(MALFORMED, "kind of an offer")
    name = value.get("name")
    most = STREAM_NAME_MAX - len(PREFIXES[kind])
    if not name or not _fits(name, most) or name.startswith(OWN):
        raise PeerError(MALFORMED, "name of an offer")
    texts = {field: value.get(field, "") for field in _TEXTS}
    for field, text in texts.items():
        if not _fits(text, _TEXTS[field]):
            raise PeerError(MALFORMED, field + " of an offer")
    return Offer(kind, name, **texts)


class Listing:
    """The offers of one peer, as they come: at most one for each 64 bytes of `value_bytes`."""

    def __init__(self, value_bytes: int) -> None:
        self.offers: list[Offer] = []
        self._most = value_bytes // _BYTES_AN_ITEM

    def take(self, value: "Any") -> None:
        """One more. Raises PeerError: MALFORMED, or OVERSIZE where that is one too many."""
        if len(self.offers) >= self._most:
            raise PeerError(OVERSIZE, "more than %d offers" % self._most)
        self.offers.append(offer_of(value))


def _fits(text: "Any", most: int) -> bool:
    try:
        return isinstance(text, str) and len(text.encode()) <= most and is_name(text)
    except UnicodeError:
        return False
