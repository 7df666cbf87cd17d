"""The trust store: who is trusted, by what name, with what grants; and its text.

The text is JSON, version 1, the same bytes for the same content on every interpreter:

    {"dsoftbus-trust":1,
    "peers":[
    {"id":ID,"key":HEX,"name":NAME,"grants":[RULE,...],"paired_at":S,"next":HEX,"next_for_s":N}
    ],
    "rules":[RULE,...],
    "check":HEX}

with the peers in the order of their ids, `next` "" where no next key is announced, and `check` the
first 8 bytes of SHA-256 over all that stands before its line. Any other text is damaged
(`store_text`, which reads it). The backend keeps it, in the two steps of docs/trust.md.
"""

import hashlib
from binascii import hexlify

from dsoftbus.const import KEY_BYTES, NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, STORE_FULL, LocalError
from dsoftbus.identity import device_id

if False:  # for types
    from collections.abc import Iterable, Iterator

    from dsoftbus.base.token_bucket import TokenBucket
    from dsoftbus.contracts import Profile
    from dsoftbus.trust.acl import Rule


_ENTRY = '{"id":%s,"key":"%s","name":%s,"grants":%s,"paired_at":%d,"next":"%s","next_for_s":%d}'
END = ",\n"
HEAD = '{"dsoftbus-trust":1,\n"peers":[\n'
RULES = '],\n"rules":'
CHECK = '"check":"%s"}\n'


# Public


class Entry:
    """One trusted peer. `grants` are `acl.Rule`s; `paired_at` is in s since 1970, 0 if unknown.

    `next_public` is the key that it announced as its next, good for `next_for_s` more of this
    node's running time.
    """

    # Ours: what few entries need a place for, and no file holds (see `trust.promise`)
    until: int | None = None  # in ms, when `next_public` is good no more
    noted = False  # what is left of it was written since the start
    news: "TokenBucket | None" = None  # a TokenBucket
    was = ""  # the id before its key moved

    # Public

    def __init__(
        self, public: bytes, name: str = "", grants: "Iterable[Rule]" = (), paired_at: int = 0
    ) -> None:
        if len(public) != KEY_BYTES or len(name.encode()) > NODE_NAME_MAX:
            raise LocalError(BAD_ARGUMENT, "key of 32 bytes, name of at most 32")
        self.id = device_id(public)
        self.public = bytes(public)
        self.name = name
        self.grants = list(grants)
        self.paired_at = paired_at
        # Ours
        self.next_public = b""
        self.next_for_s = 0

    def encode(self) -> str:
        return _ENTRY % (
            _quoted(self.id),
            hexed(self.public),
            _quoted(self.name),
            listed(self.grants),
            self.paired_at,
            hexed(self.next_public),
            self.next_for_s,
        )


class TrustStore:
    """At most `profile.trusted` entries, `profile.rules` rules of the node and for each entry.

    `revision` grows with every change: a backend saves when it is not the one it saved last.
    """

    def __init__(self, profile: "Profile") -> None:
        self._profile = profile
        self._entries: dict[str, Entry] = {}
        self.rules: list[Rule] = []
        # Ours
        self.revision = 0

    # Commands

    def add(self, entry: Entry) -> None:
        """Trusts a peer; an entry with its id is replaced. Raises LocalError(STORE_FULL)."""
        full = entry.id not in self._entries and len(self._entries) >= self._profile.trusted
        if full or len(entry.grants) > self._profile.rules:
            raise LocalError(STORE_FULL)
        self._entries[entry.id] = entry
        self.revision += 1

    def remove(self, device: str) -> "Entry | None":
        """Trusts a peer no more, and takes what rules allow it along; what they deny it stays.

        Returns its entry, or None when there was none.
        """
        entry = self._entries.pop(device, None)
        kept = [rule for rule in self.rules if rule.who != device or not rule.allow]
        if entry is not None or len(kept) < len(self.rules):
            self.rules = kept
            self.revision += 1
        return entry

    def add_rule(self, new: "Rule") -> None:
        """Adds one of the node's own rules, once. Raises LocalError(STORE_FULL)."""
        if new not in self.rules:
            if len(self.rules) >= self._profile.rules:
                raise LocalError(STORE_FULL)
            self.rules.append(new)
            self.revision += 1

    def remove_rule(self, old: "Rule") -> bool:
        """True when there was such a rule."""
        found = old in self.rules
        if found:
            self.rules.remove(old)
            self.revision += 1
        return found

    def touch(self) -> None:
        """An entry was changed in place."""
        self.revision += 1

    # Getters

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> "Iterator[Entry]":
        """Entries in the order of their ids."""
        return iter([self._entries[device] for device in sorted(self._entries)])

    def get(self, device: str) -> "Entry | None":
        """The entry with this id, or None."""
        return self._entries.get(device)

    def named(self, name: str) -> list[Entry]:
        """The entries with this name: names are for people, and need not be unique."""
        return [entry for entry in self if entry.name == name]

    def find(self, text: str) -> "Entry | None":
        """The entry that a person means by an id, a name, or the beginning of an id, or None.

        Raises LocalError(AMBIGUOUS_NAME), which names those that it could be.
        """
        from dsoftbus.trust.naming import find  # only who is asked by name pays for it

        return self._entries.get(find(text, self))

    # Text

    def encode(self) -> str:
        return "".join(self.lines())

    def lines(self) -> "Iterator[str]":
        """Yields the text line by line: a board has no room for all of it in one piece."""
        digest = hashlib.sha256()
        for line in self._body():
            digest.update(line.encode())
            yield line
        yield END
        yield CHECK % hexed(digest.digest()[:8])

    def _body(self) -> "Iterator[str]":
        yield HEAD
        left = len(self._entries)
        for entry in self:
            left -= 1
            yield entry.encode() + (END if left else "\n")
        yield RULES if self._entries else "\n" + RULES
        yield listed(self.rules)

    # Ours

    def adopt(self, other: "TrustStore") -> None:
        """Takes over what another store holds."""
        self._entries = other._entries
        self.rules = other.rules
        self.revision += 1

    def promises(self) -> list[Entry]:
        """The entries with a next key (`trust.promise`)."""
        return [entry for entry in self._entries.values() if entry.next_public]


def hexed(raw: bytes) -> str:
    return hexlify(raw).decode()


def listed(rules: "Iterable[Rule]") -> str:
    return "[" + ",".join([_quoted(str(rule)) for rule in rules]) + "]"


def _quoted(text: str) -> str:
    """A JSON string. Only what must be escaped is, so that all interpreters write the same."""
    parts = []
    for char in text:
        if char in '"\\':
            parts.append("\\" + char)
        elif ord(char) < 0x20:
            parts.append("\\u%04x" % ord(char))
        else:
            parts.append(char)
    return '"' + "".join(parts) + '"'
