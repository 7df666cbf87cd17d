"""The trust store: who is trusted, by what name, with what grants; and its text.

The text is JSON, version 1, the same bytes for the same content on every interpreter:

    {"dsoftbus-trust":1,
    "peers":[
    {"id":ID,"key":HEX,"name":NAME,"grants":[RULE,...],"paired_at":S,"next":HEX,"next_for_s":N}
    ],
    "rules":[RULE,...],
    "check":HEX}

with the peers in the order of their ids, `next` "" where no next key is announced, and `check` the
first 8 bytes of SHA-256 over all that stands before its line. What reads differently is damaged.
Where it is kept is the backend's, in the two steps of docs/trust.md.
"""

import hashlib
import json
from binascii import hexlify, unhexlify

from dsoftbus.const import KEY_BYTES, NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, STORE_DAMAGED, STORE_FULL, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule

VERSION = 1
_ENTRY_TEXT_MAX = 512  # of an entry's text without its grants
_RULE_TEXT_MAX = 128
_SECONDS_MAX = 253402300799  # the last second of the year 9999, which people can read
# What another content than the expected one raises; RuntimeError: nested too deep; OverflowError:
# an infinite number.
_ODD = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    RuntimeError,
    OverflowError,
)
_ENTRY = '{"id":%s,"key":"%s","name":%s,"grants":%s,"paired_at":%d,"next":"%s","next_for_s":%d}'
_CHECK = ',\n"check":"'


class Entry:
    """One trusted peer. `grants` are `acl.Rule`s; `paired_at` is in s since 1970, 0 if unknown.

    `next_public` is the key that it announced as its next, good for `next_for_s` more of this
    node's running time.
    """

    # What few entries need a place for, and no file holds: see `trust.promise`.
    until: int = None  # in ms, when `next_public` is good no more
    noted = False  # what is left of it was written since the start
    news = None  # a TokenBucket
    was = ""  # the id before its key moved

    def __init__(self, public: bytes, name: str = "", grants=(), paired_at: int = 0):
        if len(public) != KEY_BYTES or len(name.encode()) > NODE_NAME_MAX:
            raise LocalError(BAD_ARGUMENT, "key of 32 bytes, name of at most 32")
        self.id = device_id(public)
        self.public = bytes(public)
        self.name = name
        self.grants = list(grants)
        self.paired_at = paired_at
        self.next_public = b""
        self.next_for_s = 0

    def encode(self) -> str:
        return _ENTRY % (
            _quoted(self.id),
            _hex(self.public),
            _quoted(self.name),
            _listed(self.grants),
            self.paired_at,
            _hex(self.next_public),
            self.next_for_s,
        )


class TrustStore:
    """At most `profile.trusted` entries, `profile.rules` rules of the node and for each entry.

    `revision` grows with every change: a backend saves when it is not the one it saved last.
    """

    def __init__(self, profile):
        self._profile = profile
        self._entries = {}
        self.rules = []
        self.revision = 0

    # Commands

    def add(self, entry: Entry) -> None:
        """Trusts a peer; an entry with its id is replaced. Raises LocalError(STORE_FULL)."""
        full = entry.id not in self._entries and len(self._entries) >= self._profile.trusted
        if full or len(entry.grants) > self._profile.rules:
            raise LocalError(STORE_FULL)
        self._entries[entry.id] = entry
        self.revision += 1

    def remove(self, device: str):
        """Trusts a peer no more, and takes what rules allow it along; what they deny it stays.

        Returns its entry, or None when there was none.
        """
        entry = self._entries.pop(device, None)
        kept = [rule for rule in self.rules if rule.who != device or not rule.allow]
        if entry is not None or len(kept) < len(self.rules):
            self.rules = kept
            self.revision += 1
        return entry

    def add_rule(self, new) -> None:
        """Adds one of the node's own rules, once. Raises LocalError(STORE_FULL)."""
        if new not in self.rules:
            if len(self.rules) >= self._profile.rules:
                raise LocalError(STORE_FULL)
            self.rules.append(new)
            self.revision += 1

    def remove_rule(self, old) -> bool:
        """True when there was such a rule."""
        found = old in self.rules
        if found:
            self.rules.remove(old)
            self.revision += 1
        return found

    def adopt(self, other: "TrustStore") -> None:
        """Takes over what another store holds."""
        self._entries = other._entries
        self.rules = other.rules
        self.revision += 1

    def touch(self) -> None:
        """An entry was changed in place."""
        self.revision += 1

    # Getters

    def __len__(self):
        return len(self._entries)

    def __iter__(self):
        """Entries in the order of their ids."""
        return iter([self._entries[device] for device in sorted(self._entries)])

    def get(self, device: str):
        """The entry with this id, or None."""
        return self._entries.get(device)

    def named(self, name: str) -> list:
        """The entries with this name: names are for people, and need not be unique."""
        return [entry for entry in self if entry.name == name]

    def find(self, text: str):
        """The entry that a person means by an id, a name, or the beginning of an id, or None.

        Raises LocalError(AMBIGUOUS_NAME), which names those that it could be.
        """
        from dsoftbus.trust.naming import find  # only who is asked by name pays for it

        return self._entries.get(find(text, self))

    def promises(self) -> list:
        """The entries with a next key (`trust.promise`)."""
        return [entry for entry in self._entries.values() if entry.next_public]

    # Text

    def encode(self) -> str:
        body = '{"dsoftbus-trust":%d,\n"peers":[\n%s\n],\n"rules":%s' % (
            VERSION,
            ",\n".join([entry.encode() for entry in self]),
            _listed(self.rules),
        )
        return body + _CHECK + _check(body) + '"}\n'


def decode(text: str, profile) -> TrustStore:
    """The store of a text. Raises LocalError: STORE_DAMAGED, or STORE_FULL when the text holds
    more than this profile takes."""
    if len(text) > text_max(profile):
        raise LocalError(STORE_FULL, "trust store of %d characters" % len(text))
    cut = text.rfind(_CHECK)
    try:
        if cut < 0 or text[cut:] != _CHECK + _check(text[:cut]) + '"}\n':
            raise LocalError(STORE_DAMAGED, "cut or changed")
        store = _load(json.loads(text), profile)
        same = store.encode() == text
    except _ODD as error:
        raise LocalError(STORE_DAMAGED, repr(error))
    if not same:
        raise LocalError(STORE_DAMAGED, "not as it was written")
    store.revision = 0
    return store


def _load(fields, profile) -> TrustStore:
    if fields["dsoftbus-trust"] != VERSION:
        raise LocalError(STORE_DAMAGED, "version %r" % fields["dsoftbus-trust"])
    store = TrustStore(profile)
    try:
        for peer in fields["peers"]:
            store.add(_load_entry(peer))
        for text in fields["rules"]:
            store.add_rule(rule(text))
    except LocalError as error:
        if error.code == BAD_ARGUMENT:
            raise LocalError(STORE_DAMAGED, error.detail)
        raise
    return store


def _load_entry(fields) -> Entry:
    grants = [grant(text) for text in fields["grants"]]
    entry = Entry(unhexlify(fields["key"]), fields["name"], grants, fields["paired_at"])
    entry.next_public = unhexlify(fields["next"])
    entry.next_for_s = fields["next_for_s"]
    if len(entry.next_public) not in (0, KEY_BYTES):
        raise LocalError(STORE_DAMAGED, "next key")
    if not (0 <= entry.paired_at <= _SECONDS_MAX and 0 <= entry.next_for_s <= _SECONDS_MAX):
        raise LocalError(STORE_DAMAGED, "time")
    return entry


def text_max(profile) -> int:
    """What the fullest store of a profile can take, and not a file of any size."""
    rules = profile.rules * _RULE_TEXT_MAX
    return (profile.trusted + 1) * (_ENTRY_TEXT_MAX + rules)


def _check(body: str) -> str:
    return _hex(hashlib.sha256(body.encode()).digest()[:8])


def _hex(raw: bytes) -> str:
    return hexlify(raw).decode()


def _listed(rules) -> str:
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
