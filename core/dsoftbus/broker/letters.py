"""Letters: datagrams between two nodes of a group, each with a code that only the group can make.

A path of a session is 11 bytes: the low byte of an epoch, and an inbox of that epoch.
"""

from collections import OrderedDict
from struct import pack_into, unpack_from

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.broker.drops import MALFORMED, NOT_FROM_GROUP, OVER_BUDGET, TOO_OLD, Drops
from dsoftbus.broker.group import EPOCH_S, same

if False:  # for types
    from dsoftbus.broker.group import Epoch, Group
    from dsoftbus.contracts import Buffer, Data


LETTER = 1
LETTER_MTU = 1200  # bytes of a datagram
LETTER_HEAD = 23
LETTER_MAX = LETTER_HEAD + LETTER_MTU
AGE_S = 120  # between the clocks of sender and receiver, the broker's delay included
PATH_BYTES = 11
_INBOX_AT = 5
_CODE_AT = 15
_CODE_BYTES = 8
# Letters that are not from the group, by whom they claim as their sender: a code costs a hash of
# the whole letter. Who is spent waits for a while, and letters in its name with it.
_BAD = 20
_BAD_MS = 1000
_SENDERS = 16  # that have written lately, with a budget of their own each


class Letters:
    """The letters to and from the node with the id `device`. `drops` counts what is refused."""

    def __init__(self, group: "Group", device: str, senders: int = _SENDERS) -> None:
        self.group = group
        self.drops = Drops()
        self._device = device
        self._most = senders
        self._day = -1  # the number of the epoch that those below belong to
        self._topics: dict[str, tuple[Epoch, bytes]] = {}  # (epoch, own inbox) by topic
        self._own = b""  # the inbox of that epoch
        # By path, those that were unknown longest ago first
        self._known: OrderedDict[bytes, _Budget] = OrderedDict()
        self._strangers = _Budget()

    def topics(self, unix_s: int) -> "list[str]":
        """The topics of this node's inboxes: those to be subscribed to at this time."""
        self._turn_page(unix_s)
        return list(self._topics)

    def path_to(self, device: str, unix_s: int) -> bytes:
        """The path of the node with the id `device`, for a session that begins now."""
        epoch = self.group.at(unix_s)
        return bytes((epoch.number & 0xFF,)) + epoch.inbox(device)

    def topic_to(self, path: bytes, unix_s: int) -> str:
        """The topic of letters to `path`, or "" where its day is long over."""
        epoch = self._epoch_of(path, unix_s)
        return "" if epoch is None else epoch.inbox_topic(path[1:])

    def seal(self, out: "Buffer", at: int, data: "Data", n: int, path: bytes, unix_s: int) -> int:
        """Writes the letter with `data[:n]` for `path` to `out[at:]`, and returns where it ends;
        `at` where its day is long over."""
        epoch = self._epoch_of(path, unix_s)
        if epoch is None:
            return at
        start = at + LETTER_HEAD
        pack_into(">BI", out, at, LETTER, unix_s)
        out[at + _INBOX_AT : at + _CODE_AT] = self._own
        out[start : start + n] = memoryview(data)[:n]
        out[at + _CODE_AT : start] = _code(epoch, path[1:], out, at, start + n)
        return start + n

    def open(
        self, topic: str, data: "Data", at: int, stop: int, unix_s: int, now: int
    ) -> bytes | None:
        """The path that the letter `data[at:stop]` came from, or None for what is dropped; its
        datagram is `data[at + LETTER_HEAD:stop]`. `now` is in ms, and never goes back."""
        self._turn_page(unix_s)
        found = self._topics.get(topic)
        if found is None or not LETTER_HEAD < stop - at <= LETTER_MAX or data[at] != LETTER:
            self.drops.add(MALFORMED)
            return None
        sent_s = unpack_from(">I", data, at + 1)[0]
        sender = bytes(data[at + _INBOX_AT : at + _CODE_AT])
        path = bytes((sent_s // EPOCH_S & 0xFF,)) + sender
        budget = self._known.get(path, self._strangers)
        if now < budget.until:
            self.drops.add(OVER_BUDGET)
            return None
        code = _code(found[0], found[1], data, at, stop)
        if not same(code, bytes(data[at + _CODE_AT : at + LETTER_HEAD])):
            budget.spend(now)
            self.drops.add(NOT_FROM_GROUP)
            return None
        if abs(sent_s - unix_s) > AGE_S:
            budget.spend(now)
            self.drops.add(TOO_OLD)
            return None
        if budget is self._strangers:
            self._welcome(path)
        return path

    def _welcome(self, path: bytes) -> None:
        """A node of the group has written: from now on its letters have a budget of their own."""
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[path] = _Budget()

    def _epoch_of(self, path: bytes, unix_s: int) -> "Epoch | None":
        self._turn_page(unix_s)
        for number in (self._day, self._day - 1, self._day + 1):
            if number & 0xFF == path[0]:
                return self.group.epoch(number)
        return None

    def _turn_page(self, unix_s: int) -> None:
        """Another day has other inboxes."""
        day = unix_s // EPOCH_S
        if day == self._day:
            return
        self._day = day
        self._topics = {}
        for epoch in self.group.around(unix_s):
            inbox = epoch.inbox(self._device)
            self._topics[epoch.inbox_topic(inbox)] = (epoch, inbox)
            if epoch.number == day:
                self._own = inbox


class _Budget:
    """The cost that letters in one name may have which turn out not to be from the group."""

    def __init__(self) -> None:
        self.until = 0  # until then they are dropped unread, in ms
        self._bucket = TokenBucket(_BAD, _BAD_MS)

    def spend(self, now: int) -> None:
        if not self._bucket.take(now):
            self.until = now + _BAD_MS


def _code(epoch: "Epoch", inbox: bytes, data: "Data", at: int, stop: int) -> bytes:
    begun = epoch.letters.begin()
    begun.update(inbox)
    view = memoryview(data)
    begun.update(view[at : at + _CODE_AT])
    begun.update(view[at + LETTER_HEAD : stop])
    return epoch.letters.end(begun)[:_CODE_BYTES]
