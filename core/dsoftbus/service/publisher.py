"""The subscriptions of one peer to this node's topics, over the stream that it opened for them.

Its driver hands over what comes (`receive`), as long as there is `room`, and asks for what is to
leave (`message`, `sent`). An update is made when it can leave: a state has its value of then.
"""

from collections import deque

from dsoftbus.base.codec import text as utf8
from dsoftbus.errors import INVALID_STATE_TRANSITION, STALE_REPLY, PeerError
from dsoftbus.service.filters import NAME_MAX, PREFIX, is_filter, is_own, is_wide, matches
from dsoftbus.service.pieces import HEAD, Inbox, Outbox
from dsoftbus.service.topic_messages import (
    CLOSED,
    CREDIT,
    GRANT,
    SUBSCRIBE,
    TAKEN,
    UNSUBSCRIBE,
    UPDATE,
    put_number,
)
from dsoftbus.service.topic_status import BAD_FILTER, BUSY, DENIED, UNSUBSCRIBED

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Data
    from dsoftbus.service.topics import Item, Topic, Topics
    from dsoftbus.trust.session_guard import Control


class TopicRules:
    """The access rules for the topics of one session; without `control`, the session's, there are
    none, and its peer may have all."""

    def __init__(self, control: "Control | None") -> None:
        self._control = control
        self._revision = self._now()

    def allowed(self, name: str, asked: bool) -> bool:
        """See `Publisher`."""
        if self._control is None:
            return True
        if asked:
            return not self._control.gate(False, PREFIX + name)
        return self._control.allows(False, PREFIX + name)

    def have_changed(self) -> bool:
        """Returns whether they have since this was asked last."""
        before, self._revision = self._revision, self._now()
        return self._revision != before

    def _now(self) -> int:
        return 0 if self._control is None else self._control.revision


class Feed:
    """One subscription, at the publisher: what waits until it may leave."""

    def __init__(self, publisher: "Publisher", number: int, text: str) -> None:
        profile = publisher.topics.profile
        self.publisher = publisher
        self.number = number
        self.filter = text
        self.credit = CREDIT
        self.epoch = 0  # that the peer was told
        self.due = False  # it has credit, something waits, and its publisher knows
        self._most_events = profile.events
        self._most_bytes = profile.value_bytes
        self._states: deque[Topic] = deque((), profile.topics)
        self._changed: set[Topic] = set()  # the same
        self._events: deque[Item] = deque((), profile.events)
        self._bytes = 0  # of events
        self._state_next = True  # states and events take turns

    def offer(self, item: "Item") -> None:
        """A publication that this subscription may have."""
        if item.topic.event:
            self._keep(item)
        elif item.topic not in self._changed:
            self._changed.add(item.topic)
            self._states.append(item.topic)
        if not self.due and self.credit:
            self.publisher.owe(self)

    @property
    def waits(self) -> bool:
        """Returns whether something waits for credit, or to leave."""
        return bool(self._states or self._events)

    def take(self, most: int) -> "list[bytearray]":
        """The items of the next UPDATE: as many as fit in `most` bytes, and one in any case."""
        found: list[bytearray] = []
        size = 0
        while self._states or self._events:
            item = self._first()
            if item is not None:
                size += len(item.data)
                if found and size > most:
                    break
                found.append(item.data)
            self._drop_first()
        return found

    def forget(self, topic: "Topic") -> None:
        """The peer may not have this topic any more."""
        for _ in range(len(self._events)):  # once around, so that the order stays
            item = self._events.popleft()
            if item.topic is topic:
                self._bytes -= len(item.data)
            else:
                self._events.append(item)
        if topic in self._changed:
            self._changed.remove(topic)
            for _ in range(len(self._states)):
                other = self._states.popleft()
                if other is not topic:
                    self._states.append(other)

    def drop_events(self) -> None:
        while self._events:
            self._events.popleft()
        self._bytes = 0

    def _keep(self, item: "Item") -> None:
        """The oldest events make room; the topic's sequence tells how many."""
        events = self._events
        size = self._bytes + len(item.data)
        while events and (len(events) >= self._most_events or size > self._most_bytes):
            size -= len(events.popleft().data)
        events.append(item)
        self._bytes = size
        if len(events) >= self._most_events and self.credit:
            self.publisher.topics.pressed = True

    def _first(self) -> "Item | None":
        """None for a state that was withdrawn."""
        if self._states and (self._state_next or not self._events):
            return self._states[0].item
        return self._events[0]

    def _drop_first(self) -> None:
        if self._states and (self._state_next or not self._events):
            self._changed.remove(self._states.popleft())
            self._state_next = False
        else:
            self._bytes -= len(self._events.popleft().data)
            self._state_next = True


class Publisher:
    """`allowed(name, asked)` says whether the rules allow the peer a topic; `asked` where it named
    that one, so that a refusal is to be counted and told."""

    def __init__(self, topics: "Topics", allowed: "Callable[[str, bool], bool]") -> None:
        profile = topics.profile
        self.topics = topics
        self.owing = False  # `topics` has it among those who have something to send
        self.context: Any = None  # its driver's
        self._allowed = allowed
        self._judged: dict[str, bool] = {}  # what the rules said of topics that are there
        self._most = profile.subscriptions
        self._feeds: dict[int, Feed] = {}
        self._last = 0
        self._due: deque[Feed] = deque((), profile.subscriptions)
        self._outbox = Outbox()
        self._inbox = Inbox(NAME_MAX)
        topics.publishers.append(self)

    # For its driver

    @property
    def room(self) -> bool:
        """Returns whether a message may be taken: who does not read answers is not read."""
        return len(self._outbox) <= self._most

    def message(self, most: int) -> bytearray | None:
        """See `Outbox.message`."""
        if not len(self._outbox) and self._due:
            self._fill(most - HEAD)
        return self._outbox.message(most)

    def sent(self, message: "Data") -> None:
        """See `Outbox.sent`."""
        self._outbox.sent(message)

    def receive(self, message: "Data", _now: int) -> None:
        """A message of the peer. Raises PeerError for one that ends the stream."""
        inbox = self._inbox
        if inbox.take(message) and inbox.kind not in (SUBSCRIBE, UNSUBSCRIBE, GRANT):
            raise PeerError(INVALID_STATE_TRANSITION, "message of kind %d" % inbox.kind)
        if not inbox.whole:
            return
        if inbox.kind == SUBSCRIBE:
            self._on_subscribe(inbox.number)
        elif inbox.number > self._last:
            raise PeerError(INVALID_STATE_TRANSITION, "no subscription %d" % inbox.number)
        elif inbox.number in self._feeds:
            self._on_word(self._feeds[inbox.number])

    def recheck(self) -> None:
        """The rules have changed."""
        self._judged = {}
        for feed in list(self._feeds.values()):
            if not is_wide(feed.filter) and not self._may(feed.filter, True):
                self._close(feed, DENIED)
            else:
                self._recheck_feed(feed)

    def end(self) -> None:
        """The stream or its session has ended."""
        if self in self.topics.publishers:
            self.topics.publishers.remove(self)
        for topic in self.topics.all():
            topic.feeds = [feed for feed in topic.feeds if feed.publisher is not self]
        self._feeds = {}

    # What topics ask of it

    def consider(self, topic: "Topic") -> None:
        """There is a new topic."""
        for feed in self._feeds.values():
            self._join(feed, topic)

    def owe(self, feed: Feed) -> None:
        """`feed` has something to send, and credit."""
        self._queue(feed)
        if not self.owing:
            self.owing = True
            self.topics.owing.append(self)

    def drop_events(self) -> None:
        """They are of an epoch that is over."""
        for feed in self._feeds.values():
            feed.drop_events()

    # Inside

    def _on_subscribe(self, number: int) -> None:
        if number <= self._last:
            raise PeerError(STALE_REPLY, "id %d again" % number)
        self._last = number
        try:
            code = self._subscribed(number)
        except MemoryError:
            code = BUSY
            self._detach(number)
        if code:
            self._outbox.put(CLOSED, number, bytes((code,)))

    def _subscribed(self, number: int) -> int:
        """Begins a subscription, or returns why not."""
        text = self._text()
        if not is_filter(text):
            return BAD_FILTER
        if not is_wide(text) and not self._may(text, True):
            return DENIED
        if len(self._feeds) >= self._most:
            return BUSY
        feed = Feed(self, number, text)
        self._feeds[number] = feed
        self._tell_epoch(feed)
        for topic in self.topics.all():
            self._join(feed, topic)
        return 0

    def _text(self) -> str:
        """The filter, or what is none."""
        try:
            return "" if self._inbox.passed else utf8(self._inbox.body)
        except PeerError:
            return ""

    def _join(self, feed: Feed, topic: "Topic") -> None:
        if matches(feed.filter, topic.name) and self._may(topic.name, False):
            topic.feeds.append(feed)
            if topic.item is not None:
                feed.offer(topic.item)

    def _may(self, name: str, asked: bool) -> bool:
        """The rules' answer, which is kept: there may be many topics, and filters."""
        if is_own(name):
            return True
        if asked:
            return self._allowed(name, True)
        may = self._judged.get(name)
        if may is None:
            if len(self._judged) >= 2 * self.topics.profile.topics:
                self._judged = {}  # most of them are withdrawn
            may = self._judged[name] = self._allowed(name, False)
        return may

    def _on_word(self, feed: Feed) -> None:
        inbox = self._inbox
        if inbox.kind == UNSUBSCRIBE:
            self._close(feed, UNSUBSCRIBED)
        elif len(inbox.body) == 1 and 0 < inbox.body[0] <= CREDIT - feed.credit:
            feed.credit += inbox.body[0]
            if feed.waits and not feed.due:
                self._queue(feed)
        else:
            raise PeerError(INVALID_STATE_TRANSITION, "credit beyond its bound")

    def _close(self, feed: Feed, code: int) -> None:
        self._outbox.withdraw(UPDATE, feed.number)
        self._detach(feed.number)
        self._outbox.put(CLOSED, feed.number, bytes((code,)))

    def _detach(self, number: int) -> None:
        feed = self._feeds.pop(number, None)
        for topic in self.topics.all():
            if feed in topic.feeds:
                topic.feeds.remove(feed)
        for _ in range(len(self._due)):  # once around, so that the order stays
            other = self._due.popleft()
            if other is not feed:
                self._due.append(other)

    def _recheck_feed(self, feed: Feed) -> None:
        """Topics that the peer may not have any more are left out, and others come."""
        anew = self._outbox.withdraw(UPDATE, feed.number)  # it may have some of these
        feed.credit += anew
        for topic in self.topics.all():
            had = feed in topic.feeds
            if had and not self._may(topic.name, False):
                topic.feeds.remove(feed)
                feed.forget(topic)
            elif not had:
                self._join(feed, topic)
            elif anew and topic.item is not None:
                feed.offer(topic.item)

    def _queue(self, feed: Feed) -> None:
        feed.due = True
        self._due.append(feed)

    def _fill(self, most: int) -> None:
        """Makes the next UPDATE, of the subscription whose turn it is."""
        while self._due and not len(self._outbox):
            feed = self._due.popleft()
            feed.due = False
            if feed.epoch != self.topics.epoch:
                self._tell_epoch(feed)
            items = feed.take(most)
            if items:
                feed.credit -= 1
                self._outbox.put(UPDATE, feed.number, b"".join(items))
            if feed.waits and feed.credit:
                self._queue(feed)

    def _tell_epoch(self, feed: Feed) -> None:
        feed.epoch = self.topics.epoch
        self._outbox.put(TAKEN, feed.number, put_number(feed.epoch))
