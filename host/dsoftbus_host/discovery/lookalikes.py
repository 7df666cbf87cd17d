"""Names that people take for one another, by all of Unicode's confusable characters (UTS #39).

Skeletons with and without regard to case are compared, because a capital may look like another
letter's small one; and what boards compare by (`dsoftbus.trust.lookalikes`) counts here, too.
"""

from __future__ import annotations

import functools
import unicodedata

from dsoftbus.trust import lookalikes

_UNSEEN = ("Mn", "Me", "Cf")  # marks, too: few read them in a name that they know
_DIRECTION = "\u200e"  # around letters from right to left in the data; not a part of any


def alike(name: str, other: str) -> bool:
    """Returns whether people may take one of these names for the other."""
    return bool(_skeletons(name) & _skeletons(other)) or lookalikes.alike(name, other)


@functools.lru_cache(maxsize=4096)  # of those that are trusted, at most 1024
def _skeletons(name: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKC", name)
    return frozenset({_skeleton(plain).casefold(), _skeleton(plain.casefold())} - {""})


def _skeleton(name: str) -> str:
    prototypes = _prototypes()
    seen = "".join(prototypes.get(char, char) for char in unicodedata.normalize("NFD", name))
    parts = unicodedata.normalize("NFKD", seen)
    return " ".join("".join(c for c in parts if unicodedata.category(c) not in _UNSEEN).split())


@functools.cache
def _prototypes() -> dict[str, str]:
    """Returns the prototype of each confusable character. The data have both ways; a character
    that is no prototype has one alias, its prototype."""
    try:
        from confusable_homoglyphs.confusables import confusables_data  # a megabyte, for few names
    except ImportError:  # an installation that left it out warns of less, and admits as ever
        return {}

    found = {}
    for char, aliases in confusables_data.items():
        if len(char) == len(aliases) == 1:
            other = aliases[0]["c"]
            others = len(other) > 1 or len(confusables_data.get(other, ())) > 1
            if others or other < char:
                found[char] = other.replace(_DIRECTION, "")
    return found
