"""The peer that a person means by a word: an id, a name, or the beginning of an id.

The one place where words become ids, for every command on every platform. An announcer chooses its
name and can grind its id, so the order decides: trusted peers before strangers, and within each an
exact name before the beginning of an id.
"""

from dsoftbus.errors import AMBIGUOUS_NAME, LocalError
from dsoftbus.identity import BASE32, ID_CHARS

if False:  # for types
    from collections.abc import Iterable

    from dsoftbus.contracts import Any


BEGINNING = 4  # the least characters of an id that mean a peer
_GROUP = 4  # ids are shown to people as their first eight characters, in two groups
_LISTED = 8  # of those that a word could mean


def find(text: str, trusted: "Iterable[Any]", heard: "Iterable[Any]" = ()) -> str:
    """The id of the one whom `text` means, or "" when it is nobody's.

    `trusted` and `heard` give what has an `id` and a `name`. Raises LocalError(AMBIGUOUS_NAME).
    """
    for known in (trusted, heard):
        if text in [one.id for one in known]:
            return text
    for known in (trusted, heard):
        for means in (_is_named, _begins):
            found = means(text, known)
            if found:
                return _only(text, found)
    return ""


def asked_for(named: "dict[str, Any]", device: str, names: "Iterable[str]") -> "list[Any]":
    """Those of `named`, by the words of a program, that may mean the peer with this id and one of
    these names. It looks words up, however many `named` has."""
    words = [name for name in names if name]
    for n in range(BEGINNING, ID_CHARS + 1):
        words.append(device[:n])
        words.append(device[:_GROUP] + "-" + device[_GROUP:n])
    return [named[word] for word in words if word in named]


def _is_named(text: str, known: "Iterable[Any]") -> "list[Any]":
    return [one for one in known if text and one.name == text]


def _begins(text: str, known: "Iterable[Any]") -> "list[Any]":
    if text[_GROUP : _GROUP + 1] == "-":
        text = text[:_GROUP] + text[_GROUP + 1 :]
    if not BEGINNING <= len(text) < ID_CHARS or [char for char in text if char not in BASE32]:
        return []
    return [one for one in known if one.id.startswith(text)]


def _only(text: str, found: "list[Any]") -> str:
    if len(found) > 1:
        listed = ", ".join(["%s (%r)" % (one.id, one.name) for one in found[:_LISTED]])
        more = "" if len(found) <= _LISTED else " and %d more" % (len(found) - _LISTED)
        raise LocalError(AMBIGUOUS_NAME, "%s could be %s%s" % (text, listed, more))
    return found[0].id
