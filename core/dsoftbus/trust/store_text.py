"""A trust store out of its text, line by line: `store` says what that is, and writes it.

Needed once, at a start: on a board it leaves the heap afterwards.
"""

import hashlib
import json
from binascii import unhexlify

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import STORE_DAMAGED, STORE_FULL, LocalError
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import CHECK, END, HEAD, RULES, Entry, TrustStore, hexed, listed

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Profile


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


def decode(text: str, profile: "Profile") -> TrustStore:
    """The store of a text. Raises LocalError: STORE_DAMAGED, or STORE_FULL when the text holds
    more than this profile takes."""
    if len(text) > text_max(profile):
        raise LocalError(STORE_FULL, "trust store of %d characters" % len(text))
    at = [0]

    def line() -> str:
        begin = at[0]
        at[0] = text.find("\n", begin) + 1 or len(text)
        return text[begin : at[0]]

    return read(line, profile)


def read(line: "Callable[[], str]", profile: "Profile") -> TrustStore:
    """The same of a text whose next line, with its end, `line()` gives, and "" after the last."""
    store = TrustStore(profile)
    try:
        full = _load(line, store)
    except _ODD as error:
        raise LocalError(STORE_DAMAGED, repr(error))
    except LocalError as error:
        raise LocalError(STORE_DAMAGED, error.detail)
    if full is not None:
        raise full
    store.revision = 0
    return store


def _load(line: "Callable[[], str]", store: TrustStore) -> LocalError | None:
    """Reads a whole text into `store`; the error where that was too small, or None. Raises
    LocalError or one of _ODD for a text that is not what its content is written as."""
    digest = hashlib.sha256()

    def take(text: str) -> str:
        digest.update(text.encode())
        return text

    same = take(line()) + take(line()) == HEAD
    full, more, last = None, True, ""
    while more:
        text = take(line())
        more = text.endswith(END)
        text = text[: -len(END) if more else -1]
        if not text and not more and not last:  # there are none
            break
        entry = _load_entry(json.loads(text))
        same = same and text == entry.encode() and entry.id > last
        last = entry.id
        full = _taken(store.add, entry) or full
    end, text = line(), line()
    same = same and text.endswith(END)
    rules = take(end + text[: -len(END)])
    for text in json.loads(rules[len(RULES) :]):
        full = _taken(store.add_rule, rule(text)) or full
    same = same and (full is not None or rules == RULES + listed(store.rules))
    if not same or line() != CHECK % hexed(digest.digest()[:8]) or line():
        raise ValueError("cut, changed, or not as it was written")
    return full


def _taken(add: "Any", what: "Any") -> LocalError | None:
    """The error where the store is full, or None."""
    try:
        add(what)
    except LocalError as error:
        return error
    return None


def _load_entry(fields: "dict[str, Any]") -> Entry:
    grants = [grant(text) for text in fields["grants"]]
    entry = Entry(unhexlify(fields["key"]), fields["name"], grants, fields["paired_at"])
    entry.next_public = unhexlify(fields["next"])
    entry.next_for_s = fields["next_for_s"]
    if len(entry.next_public) not in (0, KEY_BYTES):
        raise LocalError(STORE_DAMAGED, "next key")
    if not (0 <= entry.paired_at <= _SECONDS_MAX and 0 <= entry.next_for_s <= _SECONDS_MAX):
        raise LocalError(STORE_DAMAGED, "time")
    return entry


def text_max(profile: "Profile") -> int:
    """Returns the size of the fullest store of a profile, which bounds the file, in chars."""
    rules = profile.rules * _RULE_TEXT_MAX
    return (profile.trusted + 1) * (_ENTRY_TEXT_MAX + rules)
