"""Names of topics, and filters that match them (docs/services.md)."""

from dsoftbus.base.codec import is_name
from dsoftbus.const import STREAM_NAME_MAX

PREFIX = "topic/"  # of the name that access rules see
NAME_MAX = STREAM_NAME_MAX - len(PREFIX)
_ONE = "+"
_REST = "#"
_OWN = "dsoftbus"  # the first level of the names of the bus's own topics


def is_topic(name: str) -> bool:
    """Returns whether a topic may have this name."""
    return _has_levels(name) and not is_wide(name)


def is_filter(text: str) -> bool:
    """Returns whether this is a filter; every name of a topic is one."""
    if not _has_levels(text):
        return False
    levels = text.split("/")
    last = len(levels) - 1
    for i in range(len(levels)):
        level = levels[i]
        if is_wide(level) and (level != _ONE and (level != _REST or i != last)):
            return False
    return True


def is_wide(text: str) -> bool:
    """Returns whether a filter may match other topics than the one that it names."""
    return _ONE in text or _REST in text


def is_own(name: str) -> bool:
    """Returns whether the name is for topics of the bus's own."""
    return name == _OWN or name.startswith(_OWN + "/")


def matches(text: str, name: str) -> bool:
    """Returns whether a filter matches a topic's name; both are ones."""
    if text == name:
        return True
    if not is_wide(text) or (text[0] in "+#" and is_own(name)):
        return False
    wanted, levels = text.split("/"), name.split("/")
    for i in range(len(wanted)):
        if wanted[i] == _REST:
            return True
        if i >= len(levels) or wanted[i] not in (_ONE, levels[i]):
            return False
    return len(wanted) == len(levels)


def _has_levels(text: str) -> bool:
    if not isinstance(text, str) or not text or len(text) > NAME_MAX or "" in text.split("/"):
        return False
    return is_name(text) and len(text.encode()) <= NAME_MAX
