"""Access rules: deny by default, asked before a stream exists.

The text of a rule is `allow|deny in|out|both PATTERN` in the grants of a trust entry, and
`allow|deny in|out|both WHO PATTERN` among the node's own, where WHO is a device id, `paired` or
`*`. A pattern is a stream name, or a prefix and a last `*`. A peer has a privileged
right here only by a rule that says its word: no prefix gives it.
"""

from collections import deque

from dsoftbus.const import ANYONE, EV_DENIED, STREAM_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, NOT_PAIRED, OUTSIDE_ACL, LocalError
from dsoftbus.identity import looks_like_id
from dsoftbus.mux.events import NodeEvent

if False:  # for types
    from dsoftbus.trust.store import Entry, TrustStore


# Public

IN = 1  # the peer opens a stream here
OUT = 2  # this node opens a stream there
PAIRED = "paired"  # whoever is in the trust store
PRIVILEGED = ("update", "logs", "console")  # who has one of them has what others are refused
_DIRECTIONS = {"in": IN, "out": OUT, "both": IN | OUT}
_EVENTS = 16  # denials that wait to be told; the counters go on


class Rule:
    """`who` is "" in a grant, which speaks of its own entry's peer."""

    def __init__(self, allow: bool, direction: int, pattern: str, who: str = "") -> None:
        self.allow = allow
        self.direction = direction
        self.pattern = pattern
        self.who = who

    def matches(self, direction: int, name: str) -> bool:
        if not self.direction & direction:
            return False
        if self.pattern[-1] != "*" or (self.allow and direction == IN and name in PRIVILEGED):
            return name == self.pattern
        return name.startswith(self.pattern[:-1])

    def __str__(self) -> str:
        words = ["allow" if self.allow else "deny", _word(self.direction), self.pattern]
        if self.who:
            words.insert(2, self.who)
        return " ".join(words)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    # Ours

    def covers(self, pattern: str) -> bool:
        """Returns whether this rule matches every name that `pattern` matches."""
        if self.pattern[-1] == "*":
            return pattern.startswith(self.pattern[:-1])
        return pattern == self.pattern


def grant(text: str) -> Rule:
    """The rule of a grant's text. Raises LocalError(BAD_ARGUMENT)."""
    return _parse(text, text.split(" ", 2))


def rule(text: str) -> Rule:
    """The rule of the text of one of the node's own. Raises LocalError(BAD_ARGUMENT)."""
    words = text.split(" ", 3)
    who = words.pop(2) if len(words) == 4 else ""
    if who not in (PAIRED, ANYONE) and not looks_like_id(who):
        raise LocalError(BAD_ARGUMENT, "a rule is for a device id, `paired` or `*`: " + text)
    return _parse(text, words, who)


def _parse(text: str, words: list[str], who: str = "") -> Rule:
    if len(words) != 3 or words[0] not in ("allow", "deny") or words[1] not in _DIRECTIONS:
        raise LocalError(BAD_ARGUMENT, "rule: " + text)
    pattern = words[2]
    try:
        size = len(pattern.encode())
    except ValueError:  # a command line may have what is no text
        size = 0
    if not 1 <= size <= STREAM_NAME_MAX or "*" in pattern[:-1]:
        raise LocalError(BAD_ARGUMENT, "pattern of 1..64 bytes, `*` last: " + text)
    return Rule(words[0] == "allow", _DIRECTIONS[words[1]], pattern, who)


def _word(direction: int) -> str:
    for word, value in _DIRECTIONS.items():
        if value == direction:
            return word
    raise LocalError(BAD_ARGUMENT, "direction")


class Acl:
    """Judges by the rules of a `TrustStore`. `denied` counts refusals by error code."""

    def __init__(self, store: "TrustStore") -> None:
        self._store = store
        self.denied: dict[int, int] = {}
        self._events: deque[NodeEvent] = deque((), _EVENTS)

    def allows(self, device: str, direction: int, name: str) -> bool:
        """Returns whether the stream `name` may exist with this peer."""
        entry = self._store.get(device)
        allowed = False
        for rule in entry.grants if entry else ():
            if rule.matches(direction, name):
                if not rule.allow:
                    return False
                allowed = True
        for rule in self._store.rules:
            if _concerns(rule.who, device, entry) and rule.matches(direction, name):
                if not rule.allow:
                    return False
                allowed = True
        return allowed

    def next_event(self) -> NodeEvent | None:
        """The oldest denial that was not told, or None."""
        return self._events.popleft() if self._events else None

    # Ours

    def welcomes(self, device: str) -> bool:
        """Returns whether some rule allows a peer that is not trusted something that no rule
        denies."""
        rules = [rule for rule in self._store.rules if rule.who in (device, ANYONE)]
        for rule in rules:
            left = rule.direction if rule.allow else 0
            for other in rules:
                if not other.allow and other.covers(rule.pattern):
                    left &= ~other.direction
            if left:
                return True
        return False

    def check(self, device: str, direction: int, name: str) -> int:
        """0 when the stream `name` may exist with this peer, else why not (an error code).

        Each refusal is counted, and an event as long as there is room for it.
        """
        code = self.refusal(device, direction, name)
        if code:
            self.deny(device, direction, name, code)
        return code

    def refusal(self, device: str, direction: int, name: str) -> int:
        """The same question, without consequence."""
        if self.allows(device, direction, name):
            return 0
        return OUTSIDE_ACL if self._store.get(device) else NOT_PAIRED

    def deny(self, device: str, direction: int, name: str, code: int) -> None:
        """Counts and tells a refusal, whoever decided it."""
        self.denied[code] = self.denied.get(code, 0) + 1
        if len(self._events) < _EVENTS:
            self._events.append(NodeEvent(EV_DENIED, device, name, code, direction))


def _concerns(who: str, device: str, entry: "Entry | None") -> bool:
    return who in (device, ANYONE) or (who == PAIRED and entry is not None)
