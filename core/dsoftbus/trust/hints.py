"""Advice for a rule that matches no name a node knows; imported where people write rules.

Files are `share/NAME`, and a rule for `share` is a good rule that matches none of them. The names
that count are those of the services that come with dsoftbus and those that the node itself has
offered or asked for; names in other rules do not, or a mistake would excuse the next one.
"""

from dsoftbus.const import DATAGRAMS

if False:  # for types
    from collections.abc import Iterable


BUILT_IN = ("share/*", "replace/*", "echo", DATAGRAMS, "update", "logs", "console")
OWN = ("call/dsoftbus/time",)  # of every host, and hardly what somebody meant
_SERVICES = ("call/", "topic/")  # stand before the names of services, and are left out often
_FORMER = ("file", "files", "fetch")  # what files were called once, and many a rule has
_APART = 2  # letters, in which a name may differ from what was meant
_SHORT = 3  # up to here two names differ in all that they have


def advice(pattern: str, names: "Iterable[str]" = ()) -> str:
    """Returns advice to the person who gives a rule with `pattern`, or "" where it matches.

    `names`: those that this node has offered or asked for, each a name or a prefix and `*`.
    """
    known = sorted(set(BUILT_IN) | set(names))
    if heard_of(pattern, known) or heard_of(pattern, OWN):
        return ""
    former = _first(pattern) in _FORMER
    meant = [name for name in known if _alike("share" if former else pattern, name)]
    text = "`%s` matches nothing that this node has offered or asked for so far" % pattern
    if meant:
        return "%s; did you mean %s?" % (text, _listed(meant, " or "))
    return "%s; it knows %s" % (text, _listed(known, ", "))


def heard_of(pattern: str, known: "Iterable[str]") -> bool:
    """Returns whether some name can match both `pattern` and one of `known`."""
    return any(_meets(pattern, name) for name in known)


def _meets(one: str, other: str) -> bool:
    if one[-1] != "*":
        one, other = other, one
    if one[-1] != "*":
        return one == other
    prefix = one[:-1]
    if other[-1] == "*":
        return other[:-1].startswith(prefix) or prefix.startswith(other[:-1])
    return other.startswith(prefix) and (not prefix or other != prefix)


def _alike(pattern: str, name: str) -> bool:
    return _alike_words(_first(_bare(pattern)), _first(_bare(name)))


def _bare(name: str) -> str:
    for service in _SERVICES:
        if name.startswith(service):
            return name[len(service) :]
    return name


def _alike_words(one: str, other: str) -> bool:
    if min(len(one), len(other)) <= _SHORT:
        return one == other
    return one.startswith(other) or other.startswith(one) or _distance(one, other) <= _APART


def _first(name: str) -> str:
    """The word that a name begins with."""
    return name.split("/")[0].rstrip("*").lower()


def _distance(one: str, other: str) -> int:
    """Returns the number of letters to put in, take out or change (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        above, row = row, [at + 1]
        for place in range(len(other)):
            changed = above[place] + (letter != other[place])
            row.append(min(changed, above[place + 1] + 1, row[place] + 1))
    return row[-1]


def _listed(names: "Iterable[str]", between: str) -> str:
    return between.join(["`%s`" % name for name in names])
