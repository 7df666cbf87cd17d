"""The next keys that peers have announced: taken, aged, and followed.

A promise is good for twice its grace of this node's running time. The peer's entry holds the time
left, and is rewritten as it runs down, so that restarts do not renew it.
"""

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.errors import NEXT_KEY_RATE, NEXT_KEY_UNPROVEN, PeerError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import Rule
from dsoftbus.trust.rotation import TAKEN, accept, claimed
from dsoftbus.trust.store import Entry

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.session.session import Session
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.message_channel import MessageChannel
    from dsoftbus.trust.session_guard import Control
    from dsoftbus.trust.store import TrustStore


_TIMES = 2  # the peer changes its key when its own time has run
_NEWS = 4  # a scalar multiplication and a write each, for every peer
_NEWS_MS = 3600000
_STEPS = 8  # what is left is written once an eighth of it has run
_STEP_S = 3600  # and at least so often
_STEP_MIN_S = 10  # though not more often than that
_FIRST_S = 60  # after a start sooner: a node that is never on for long gets on, too


def hear(control: "Control", guard: "Guard", talk: "MessageChannel", message: bytes) -> None:
    """NEXT of the peer of `control`.

    The answer goes when the entry is on the medium, where a backend keeps the store in a file.
    """
    entry = guard.store.get(control.device)
    if entry is None:  # trusted no more since the stream was opened
        return
    public, grace_s = claimed(message)
    if not _is_held(entry, public, grace_s, control.now):
        if entry.news is None:
            entry.news = TokenBucket(_NEWS, _NEWS_MS)
        if not entry.news.take(control.now):
            talk.refuse(NEXT_KEY_RATE)
            return
        if guard.store.get(device_id(public)) is not None:
            raise PeerError(NEXT_KEY_UNPROVEN, "of a trusted peer")
        accept(control.session.suite, control.session, message)
        _take(guard.store, entry, public, grace_s, control.now)
    if guard.unsaved is None:
        _answer(talk)
    else:
        # One for each session that lives: where the medium is full they wait for long.
        waiting = [one for one in guard.unsaved if one[0] is not control]
        guard.unsaved = [one for one in waiting if not one[0].session.closed] + [(control, talk)]
        guard.wake()


def saved(guard: "Guard") -> "list[Session]":
    """The store is on the medium as it is: answers those who wait for that; their sessions."""
    waiting: Any = guard.unsaved  # a list, where a backend keeps a file
    guard.unsaved = []
    for _, talk in waiting:
        _answer(talk)
    return [control.session for control, _ in waiting]


def age(store: "TrustStore", now: int) -> None:
    """Time has passed: forgets what is over, and writes down what is left, now and then."""
    due = False
    for entry in store.promises():
        if entry.until is None:
            entry.until = now + entry.next_for_s * 1000
        left_s = _left_s(entry, now)
        if not left_s:
            _forget(entry)
            due = True
        elif entry.next_for_s - left_s >= _step_s(entry):
            due = True
    if due:
        note(store, now)


def end(store: "TrustStore", now: int) -> None:
    """The node ends in order: nothing that has run is lost, if it is worth a write."""
    age(store, now)
    for entry in store.promises():
        if entry.next_for_s - _left_s(entry, now) >= _STEP_MIN_S:
            note(store, now)
            return


def note(store: "TrustStore", now: int) -> None:
    """Writes down what is left of each promise."""
    for entry in store.promises():
        if entry.until is not None:
            entry.next_for_s = _left_s(entry, now)
            entry.noted = True
    store.touch()


def follow(store: "TrustStore", public: bytes) -> Entry | None:
    """A session has proved `public`. If it is an entry's next key, the entry moves to it, and with
    it every rule for it: returns the old entry, which is trusted no more, or None."""
    for old in store.promises():
        if old.next_public == public and store.get(device_id(public)) is None:
            _move(store, old, public)
            return old
    return None


def _move(store: "TrustStore", old: Entry, public: bytes) -> None:
    new = Entry(public, old.name, old.grants, old.paired_at)
    new.was = old.id
    new.news = old.news
    rules = []
    for rule in store.rules:
        if rule.who == old.id:
            rule = Rule(rule.allow, rule.direction, rule.pattern, new.id)
        if rule not in rules:
            rules.append(rule)
    store.rules = rules
    store.remove(old.id)
    store.add(new)


def _is_held(entry: Entry, public: bytes, grace_s: int, now: int) -> bool:
    """Returns whether the entry holds NEXT for long enough already: then it costs nothing."""
    if entry.next_public != public:
        return False
    return entry.until is None or _left_s(entry, now) >= grace_s


def _take(store: "TrustStore", entry: Entry, public: bytes, grace_s: int, now: int) -> None:
    entry.next_public = public
    entry.next_for_s = grace_s * _TIMES
    entry.until = now + entry.next_for_s * 1000
    entry.noted = True
    store.touch()


def _left_s(entry: Entry, now: int) -> int:
    return max((entry.until - now + 999) // 1000, 0)  # type: ignore[operator] # see `age`


def _forget(entry: Entry) -> None:
    entry.next_public = b""
    entry.next_for_s = 0
    entry.until = None


def _step_s(entry: Entry) -> int:
    step_s = min(max(entry.next_for_s // _STEPS, _STEP_MIN_S), _STEP_S)
    return step_s if entry.noted else min(step_s, _FIRST_S)


def _answer(talk: "MessageChannel") -> None:
    talk.send(TAKEN)
    talk.finish()
