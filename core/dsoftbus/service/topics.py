"""The topics of this node: each publication is encoded once, and counted.

`Publisher`s share it, one for each session whose peer subscribes.
"""

from dsoftbus.base.codec import get_u32
from dsoftbus.const import U30_MAX
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, LocalError
from dsoftbus.service.filters import NAME_MAX, is_own, is_topic
from dsoftbus.service.topic_messages import EVENT, item_head, put_item
from dsoftbus.service.topic_status import TOO_MANY, TopicError
from dsoftbus.service.values import encode

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Random
    from dsoftbus.service.publisher import Feed, Publisher


class Item:
    """One publication: all subscribers get the same bytes."""

    def __init__(self, topic: "Topic", data: bytearray) -> None:
        self.topic = topic
        self.data = data


# Public


class Topic:
    """`about`, `unit` and `shape` are for the directory."""

    def __init__(self, name: str, event: bool, sequence: int) -> None:
        self.name = name
        self.event = event
        self.about = self.unit = self.shape = ""
        # Ours
        self.sequence = sequence  # of the last publication
        self.item: Item | None = None  # that publication, of a state
        self.own = is_own(name)
        self.head = item_head(EVENT if event else 0, name.encode())
        self.feeds: list[Feed] = []  # subscriptions that may have it


class Topics:
    """`random(n)` gives the epoch; `profile` bounds topics (`topics`) and values."""

    def __init__(self, profile: "Any", random: "Random") -> None:
        self.profile = profile
        self._random = random
        # Ours
        self.epoch = 0
        self._topics: dict[str, Topic] = {}
        self._gone: dict[str, int] = {}  # last sequences of topics that were withdrawn
        self.publishers: list[Publisher] = []
        self.owing: list[Publisher] = []  # who has something to send since the last `owed()`
        self.pressed = False  # events have to leave now, or some are dropped
        # on_change(name) hears of topics that came, went or changed
        self.on_change: Callable[[str], object] = _nothing
        self._begin_epoch()

    # For programs

    def declare(
        self, name: str, event: bool = False, about: str = "", unit: str = "", shape: str = ""
    ) -> Topic:
        """A topic, which is new or described anew.

        Raises LocalError: BAD_ARGUMENT for what is no name, or the bus's own; BAD_STATE where it
        has been a state, and is to have events, or the reverse. TopicError(TOO_MANY) beyond the
        profile's `topics`.
        """
        _check(name)
        topic = self._declared(name, event)
        topic.about, topic.unit, topic.shape = about, unit, shape
        self.on_change(name)
        return topic

    def publish(self, name: str, value: "Any") -> None:
        """Publishes under `name`, a state where it is not declared. Raises as `declare`, and
        LocalError for what is no value, or too large."""
        said = encode(value, self.profile.value_bytes)  # first: else nothing has changed
        topic = self._topics.get(name)
        if topic is None:
            topic = self.declare(name)
        elif topic.own:
            _check(name)
        ready = topic.event or topic.item is not None
        self._put(topic, said)
        if not ready:
            self.on_change(name)

    def withdraw(self, name: str) -> bool:
        """The topic is no more. False: there was none."""
        _check(name)
        topic = self._topics.pop(name, None)
        if topic is None:
            return False
        topic.item = None
        topic.feeds = []
        if len(self._gone) >= self.profile.topics:
            self._begin_epoch()  # what cannot be remembered is said to be unknown
        self._gone[name] = topic.sequence
        self.on_change(name)
        return True

    def all(self) -> list[Topic]:
        """Those that are there, in no order."""
        return list(self._topics.values())

    # Ours: for the bus

    def own(self, name: str) -> Topic:
        """A state topic of the bus's own, which everyone with a session may read."""
        return self._declared(name, False)

    def put(self, topic: Topic, value: "Any") -> None:
        """See `publish`."""
        self._put(topic, encode(value, self.profile.value_bytes))

    def owed(self) -> "list[Publisher]":
        """Those who have something to send since this was asked last."""
        found, self.owing = self.owing, []
        self.pressed = False
        for publisher in found:
            publisher.owing = False
        return found

    # Inside

    def _put(self, topic: Topic, said: bytes) -> None:
        if topic.sequence >= U30_MAX:
            self._begin_epoch()
            topic.sequence = 0
        topic.sequence += 1
        item = Item(topic, put_item(topic.head, topic.sequence, said))
        if not topic.event:
            topic.item = item
        for feed in topic.feeds:
            feed.offer(item)

    def _declared(self, name: str, event: bool) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            if not is_own(name) and self._full:
                raise TopicError(TOO_MANY, name)
            topic = self._topics[name] = Topic(name, event, self._gone.pop(name, 0))
            for publisher in self.publishers:
                publisher.consider(topic)
        elif topic.event != event:
            raise LocalError(BAD_STATE, name + " is declared otherwise: withdraw it first")
        return topic

    @property
    def _full(self) -> bool:
        """Returns whether the program has as many as the profile allows."""
        own = sum(topic.own for topic in self._topics.values())
        return len(self._topics) - own >= self.profile.topics

    def _begin_epoch(self) -> None:
        """Another one; what waits of the one before is lost, and nobody can tell how much."""
        before = self.epoch
        while self.epoch == before:
            raw = bytearray(self._random(4))
            raw[0] &= 0x3F
            self.epoch = get_u32(raw, 0)
        self._gone = {}
        for publisher in self.publishers:
            publisher.drop_events()


def _check(name: str) -> None:
    if not is_topic(name):
        raise LocalError(BAD_ARGUMENT, "a topic has 1..%d bytes in levels, all shown" % NAME_MAX)
    if is_own(name):
        raise LocalError(BAD_ARGUMENT, name + " is the bus's own")


def _nothing(_name: str) -> None:
    """Stands for a directory where there is none."""
