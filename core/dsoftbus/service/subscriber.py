"""The subscriptions of one side to its peer's topics, over the stream that it opened for them.

Its driver hands over what comes (`receive`), asks for what is to leave (`message`, `sent`), and
learns from `next_event` for which subscriptions there is news. Updates are read when they are
taken: until then they are the few messages that credit allows.
"""

from collections import deque

from dsoftbus.base.codec import get_u32
from dsoftbus.errors import (
    INVALID_NAME,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    NOT_PAIRED,
    OUTSIDE_ACL,
    OVERSIZE,
    STALE_REPLY,
    WINDOW_CREDIT,
    BusError,
    PeerError,
)
from dsoftbus.service import topic_status
from dsoftbus.service.filters import is_filter, is_topic, matches
from dsoftbus.service.pieces import Inbox, Outbox
from dsoftbus.service.topic_messages import (
    CLOSED,
    CREDIT,
    EVENT,
    GRANT,
    ITEM_MAX,
    SEQUENCE_AT,
    SUBSCRIBE,
    TAKEN,
    UNSUBSCRIBE,
    UPDATE,
    item_bounds,
    name_of,
)
from dsoftbus.service.topic_status import TopicError
from dsoftbus.service.values import decode

if False:  # for types
    from dsoftbus.contracts import Any, Data

WAITING = 0
LIVE = 1
OVER = 2
_UNKNOWN = 0  # the sequence of a topic of an epoch that is over
_SEEN = -1


class Seen:
    """The sequences of one publisher's topics, kept over sessions: `most` of them at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._epoch = -1
        self._last: dict[str, int] = {}  # sequences, by name

    def begin(self, epoch: int) -> None:
        """The publisher's epoch is this."""
        if epoch != self._epoch:
            self._epoch = epoch
            for name in self._last:
                self._last[name] = _UNKNOWN

    def knows(self, name: str) -> bool:
        return name in self._last

    def told(self, name: str) -> "tuple[int, int]":
        """(the epoch, the sequence of this topic), both as they were last."""
        return self._epoch, self._last[name]

    def note(self, name: str, sequence: int, event: bool) -> int | None:
        """Returns how many publications were lost before this one; None where that is unknown; -1
        for a state that has been seen.

        Raises PeerError(STALE_REPLY) where it is older; TopicError(TOO_MANY).
        """
        last = self._last.get(name)
        if last is None:
            if len(self._last) >= self._most:
                raise TopicError(topic_status.TOO_MANY, name)
            lost = 0
        elif last == _UNKNOWN:
            lost = None
        elif sequence == last and not event:
            return _SEEN
        elif sequence <= last:
            raise PeerError(STALE_REPLY, "sequence %d again" % sequence)
        else:
            lost = sequence - last - 1
        self._last[name] = sequence
        return lost


# Public


class Update:
    """One publication as a subscriber has it. `lost` is how many of this topic it did not see
    since the one before, None where that is unknown; `event` is whether the topic has events, or
    is a state. `age_ms` is above 0 for a state that this node has kept of a peer that sleeps."""

    peer: "Any" = None  # whose it is, where a program may have it of several
    age_ms = 0

    def __init__(self, topic: str, value: "Any", lost: int | None, event: bool) -> None:
        self.topic = topic
        self.value = value
        self.lost = lost
        self.event = event


# Ours


class Subscription:
    """One, in one session. `error` is a BusError once the peer, or its end, has closed it."""

    def __init__(self, number: int, text: str, seen: Seen) -> None:
        self.number = number
        self.filter = text
        self.seen = seen
        self.state = WAITING
        self.error: BusError | None = None
        # Ours
        self.context: Any = None  # its driver's
        self.credit = CREDIT  # updates that may still come
        self.told = True  # there is no event of it
        # Bodies of updates, and epochs between them: two in a row are one.
        self.bodies: deque[Any] = deque((), 2 * CREDIT + 1)
        self.last: Any = None  # of these
        self.at = 0  # so much of the first was taken


class Subscriber:
    """`profile` bounds subscriptions (`subscriptions`) and values (`value_bytes`)."""

    # Ours
    room = True  # what comes is read: it has credit

    # Public

    def __init__(self, profile: "Any") -> None:
        self._profile = profile
        self._subscriptions: dict[int, Subscription] = {}  # until the peer has closed them
        self._last = 0
        self._outbox = Outbox()
        self._inbox = Inbox(ITEM_MAX + profile.value_bytes)
        self._events: deque[Subscription] = deque((), 2 * profile.subscriptions)
        self.stale = 0  # messages to subscriptions that are over

    # For programs

    def subscribe(self, text: str, seen: Seen) -> Subscription:
        """Asks for what the filter matches. Raises TopicError: BAD_FILTER; BUSY with as many as
        the profile allows."""
        if not is_filter(text):
            raise TopicError(topic_status.BAD_FILTER, text)
        if len(self._subscriptions) >= self._profile.subscriptions:
            raise TopicError(topic_status.BUSY, text)
        self._last += 1
        made = self._subscriptions[self._last] = Subscription(self._last, text, seen)
        self._outbox.put(SUBSCRIBE, made.number, text.encode())
        return made

    def close(self, subscription: Subscription) -> None:
        """Nobody wants it any more; it has no update from now on."""
        if subscription.state == OVER:
            return
        if self._outbox.withdraw(SUBSCRIBE, subscription.number):
            del self._subscriptions[subscription.number]
        else:
            self._outbox.put(UNSUBSCRIBE, subscription.number, b"")
        subscription.state = OVER
        while subscription.bodies:
            subscription.bodies.popleft()

    def take(self, subscription: Subscription) -> Update | None:
        """The next update, or None. Raises PeerError for one that is none, which ends the stream;
        TopicError, and the subscription is over: TOO_MANY, TOO_LARGE."""
        while subscription.bodies:
            body = subscription.bodies[0]
            if isinstance(body, int):
                subscription.seen.begin(body)
                subscription.bodies.popleft()
                continue
            try:
                update = self._item(subscription, body)
            except TopicError:
                self.close(subscription)
                raise
            if subscription.at == len(body):
                self._finish(subscription)
            if update is not None:
                return update
        return None

    # Ours: for its driver

    @property
    def owes(self) -> bool:
        """Returns whether something waits to leave."""
        return len(self._outbox) > 0

    def message(self, most: int) -> bytearray | None:
        """See `Outbox.message`."""
        return self._outbox.message(most)

    def sent(self, message: "Data") -> None:
        """See `Outbox.sent`."""
        self._outbox.sent(message)

    def receive(self, message: "Data", _now: int) -> None:
        """A message of the peer. Raises PeerError for one that ends the stream."""
        inbox = self._inbox
        if inbox.take(message) and inbox.kind not in (TAKEN, UPDATE, CLOSED):
            raise PeerError(INVALID_STATE_TRANSITION, "message of kind %d" % inbox.kind)
        subscription = self._subscriptions.get(inbox.number)
        if subscription is None:
            inbox.pass_over()
        if not inbox.whole:
            return
        if subscription is None:
            self.stale += 1
        elif inbox.kind == CLOSED:
            self._on_closed(subscription)
        elif subscription.state != OVER:
            self._on_word(subscription)

    def end(self, code: int) -> None:
        """The stream or its session has ended; `code` says why. Updates that have come can be
        taken."""
        denied = code in (NOT_PAIRED, OUTSIDE_ACL)
        for subscription in self._subscriptions.values():
            error = TopicError(topic_status.DENIED) if denied else PeerError(code)
            self._over(subscription, error)
        self._subscriptions = {}

    def next_event(self) -> Subscription | None:
        """A subscription of which there is news, or None."""
        if not self._events:
            return None
        subscription = self._events.popleft()
        subscription.told = True
        return subscription

    # Inside

    def _on_word(self, subscription: Subscription) -> None:
        inbox = self._inbox
        if inbox.kind == TAKEN:
            self._on_taken(subscription)
        elif subscription.state != LIVE:
            raise PeerError(INVALID_STATE_TRANSITION, "an update before TAKEN")
        elif not subscription.credit:
            raise PeerError(WINDOW_CREDIT, "an update that was not granted")
        elif inbox.passed:
            self.close(subscription)
            subscription.error = TopicError(topic_status.TOO_LARGE)
        elif not inbox.body:
            raise PeerError(MALFORMED, "an update of nothing")
        else:
            subscription.credit -= 1
            subscription.bodies.append(inbox.body)
            subscription.last = None
        self._tell(subscription)

    def _on_taken(self, subscription: Subscription) -> None:
        body = self._inbox.body
        epoch = get_u32(body, 0) if len(body) == 4 else -1
        if epoch < 0:
            raise PeerError(MALFORMED, "epoch")
        subscription.state = LIVE
        if subscription.last is None:
            subscription.bodies.append(epoch)
            subscription.last = epoch
        elif epoch != subscription.last:
            raise PeerError(INVALID_STATE_TRANSITION, "two epochs, and nothing between them")

    def _on_closed(self, subscription: Subscription) -> None:
        body = self._inbox.body
        if len(body) != 1:
            raise PeerError(MALFORMED, "status")
        del self._subscriptions[subscription.number]
        self._over(subscription, TopicError(body[0], subscription.filter))

    def _over(self, subscription: Subscription, error: BusError) -> None:
        if subscription.state != OVER:
            subscription.state = OVER
            subscription.error = error
            self._tell(subscription)

    def _tell(self, subscription: Subscription) -> None:
        if subscription.told:
            subscription.told = False
            self._events.append(subscription)

    def _finish(self, subscription: Subscription) -> None:
        """A whole update was taken. With half of them taken, more may come."""
        subscription.bodies.popleft()
        subscription.at = 0
        waiting = CREDIT - subscription.credit
        for body in subscription.bodies:
            waiting -= not isinstance(body, int)
        if subscription.state == LIVE and waiting >= CREDIT // 2:
            subscription.credit += waiting
            self._outbox.put(GRANT, subscription.number, bytes((waiting,)))

    def _item(self, subscription: Subscription, body: "Data") -> Update | None:
        """The item at which `subscription` stands; None for a state that was seen."""
        at = subscription.at
        start, end = item_bounds(body, at)
        flags, sequence = body[at], get_u32(body, at + SEQUENCE_AT)
        if flags > EVENT or sequence < 1:
            raise PeerError(MALFORMED, "item of an update")
        subscription.at = end
        name = name_of(body, at)
        seen = subscription.seen
        if not seen.knows(name) and not (is_topic(name) and matches(subscription.filter, name)):
            raise PeerError(INVALID_NAME, "a topic that was not asked for")
        value = self._value(body, start, end)
        lost = seen.note(name, sequence, flags == EVENT)
        return None if lost == _SEEN else Update(name, value, lost, flags == EVENT)

    def _value(self, body: "Data", start: int, end: int) -> "Any":
        try:
            return decode(body, start, end, self._profile.value_bytes)
        except PeerError as error:
            if error.code == OVERSIZE:
                raise TopicError(topic_status.TOO_LARGE) from None
            raise
