"""Topics among nodes in any order of publications, cuts and starts.

States converge, each event is delivered or counted, and memory is bounded.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from draws import draws
from dsoftbus.const import TINY
from dsoftbus.service import publisher, subscriber
from dsoftbus.service.publisher import Publisher
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus.service.topic_messages import ITEM_MAX
from dsoftbus.service.topics import Topics

STATES = ("a/temp", "b/temp")
EVENTS = ("a/door", "log")
FILTERS = ("#", "#", "+/temp", "a/+", "log", "a/temp")
ROOM = 120  # bytes of a message
CREDIT = 2  # updates on the way: few, so that it is often used up


class Limits(TINY):
    subscriptions = 2
    topics = 4
    events = 3
    value_bytes = 200


class Reader:
    """A program that subscribes at one publisher, over sessions that come and go."""

    def __init__(self, text):
        self.filter = text
        self.seen = Seen(Limits.topics)
        self.values = {}  # by topic: the last that it got
        self.got = {}  # by topic: (the publisher's start, the number of the last event)
        self.subscription = None


class Session:
    """One session: what is on its way, and the machines at its ends."""

    def __init__(self, node, readers):
        self.publisher = Publisher(node.topics, node.allowed)
        self.subscriber = Subscriber(Limits)
        self.out, self.back = [], []
        for reader in readers:
            reader.subscription = self.subscriber.subscribe(reader.filter, reader.seen)

    def send(self, most):
        for machine, way in ((self.subscriber, self.out), (self.publisher, self.back)):
            message = machine.message(most)
            if message is not None:
                machine.sent(message)
                way.append(bytes(message))

    def deliver(self):
        if self.out and self.publisher.room:
            self.publisher.receive(self.out.pop(0), 0)
        if self.back:
            self.subscriber.receive(self.back.pop(0), 0)


class Node:
    """A publisher, which may start again."""

    def __init__(self):
        self.starts = 0
        self.denied = set()
        self.start()

    def start(self):
        self.starts += 1
        self.topics = Topics(Limits, self.random)
        for name in EVENTS:
            self.topics.declare(name, True)
        self.states = {}
        self.counts = {}

    def random(self, n):
        return (self.starts * 77).to_bytes(n, "big")

    def allowed(self, name, _asked):
        return name not in self.denied


class World(RuleBasedStateMachine):
    """Up to four subscribers, each in a session of its own with one of up to two publishers."""

    def __init__(self):
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        for module in (publisher, subscriber):
            self._patch.setattr(module, "CREDIT", CREDIT)

    def teardown(self):
        self._patch.undo()

    @initialize(
        nodes=st.integers(1, 2), texts=st.lists(st.sampled_from(FILTERS), min_size=2, max_size=4)
    )
    def begin(self, nodes, texts):
        self.nodes = [Node() for _ in range(nodes)]
        self.readers = [(self.nodes[i % nodes], Reader(text)) for i, text in enumerate(texts)]
        self.sessions = {}
        for i in range(len(self.readers)):
            self.connect(i)
            self.exchange(i, 2)

    @rule(
        which=st.integers(0, 1),
        names=st.lists(st.sampled_from(STATES + EVENTS), min_size=1, max_size=12),
        size=st.integers(0, 150),
    )
    def publish(self, which, names, size):
        node = self.nodes[which % len(self.nodes)]
        for name in names:
            number = node.counts.get(name, 0)
            node.counts[name] = number + 1
            value = [node.starts, number, bytes(0 if name in EVENTS else size)]
            node.states[name] = value
            node.topics.publish(name, value)

    @rule(index=st.integers(0, 3), most=st.integers(90, ROOM))
    def send(self, index, most):
        """Something leaves, and is on its way."""
        session = self.sessions.get(index % len(self.readers))
        if session is not None:
            session.send(most)

    @rule(index=st.integers(0, 3), turns=st.integers(1, 30), count=st.integers(0, 9))
    def read(self, index, turns, count):
        """Things leave and come, and the program takes some of them."""
        self.exchange(index, turns)
        for _ in range(count):
            self.take_one(index % len(self.readers))

    def exchange(self, index, turns):
        session = self.sessions.get(index % len(self.readers))
        for _ in range(turns if session is not None else 0):
            session.send(ROOM)
            session.deliver()

    @rule(index=st.integers(0, 3))
    def cut(self, index):
        session = self.sessions.pop(index % len(self.readers), None)
        if session is not None:
            session.publisher.end()
            session.subscriber.end(0x51)

    @rule(index=st.integers(0, 3))
    def connect(self, index):
        index %= len(self.readers)
        if index not in self.sessions:
            node, reader = self.readers[index]
            while reader.subscription is not None and self.take_one(index):
                pass  # as programs' updates do it: first what has come
            self.sessions[index] = Session(node, [reader])

    @rule(which=st.integers(0, 1))
    def restart(self, which):
        node = self.nodes[which % len(self.nodes)]
        for i, (other, _) in enumerate(self.readers):
            if other is node:
                self.cut(i)
        node.start()

    @rule(which=st.integers(0, 1), name=st.sampled_from(STATES + EVENTS))
    def change_rules(self, which, name):
        node = self.nodes[which % len(self.nodes)]
        node.denied ^= {name}
        for i, (other, reader) in enumerate(self.readers):
            if other is node and reader.filter not in STATES + EVENTS and i in self.sessions:
                self.sessions[i].publisher.recheck()

    def take_one(self, index) -> bool:
        node, reader = self.readers[index]
        session = self.sessions.get(index)
        machine = session.subscriber if session is not None else Subscriber(Limits)
        update = machine.take(reader.subscription)
        if update is not None:
            self.judge(node, reader, update)
        return update is not None

    def judge(self, node, reader, update):
        """It is what was published, and what lies between was counted."""
        start, number, _ = update.value
        assert start <= node.starts
        before = reader.got.get(update.topic)
        if before is None:
            assert update.lost == 0
        elif before[0] != start:
            assert update.lost is None and start > before[0]
        else:
            assert update.lost == number - before[1] - 1
        reader.got[update.topic] = (start, number)
        reader.values[update.topic] = update.value

    @rule()
    def settle(self):
        """Everybody reads: states are those of now, and no event is missing."""
        for node in self.nodes:
            node.denied.clear()
            for i, (other, _) in enumerate(self.readers):
                if other is node and i in self.sessions:
                    self.sessions[i].publisher.recheck()
        for i in range(len(self.readers)):
            if i not in self.sessions or self.readers[i][1].subscription.state == OVER:
                self.cut(i)
                self.connect(i)
            self.drain(i)
        for node, reader in self.readers:
            self.compare(node, reader)

    def drain(self, index):
        session = self.sessions[index]
        moved = True
        while moved:
            session.send(ROOM)
            moved = bool(session.out or session.back)
            session.deliver()
            while self.take_one(index):
                moved = True

    def compare(self, node, reader):
        for topic in node.topics.all():
            if reader.subscription.number and topic.item is not None:
                mine = self.wants(reader, topic.name)
                assert not mine or reader.values[topic.name] == node.states[topic.name]
            got = reader.got.get(topic.name)
            if topic.event and got is not None and got[0] == node.starts:
                assert got[1] < node.counts[topic.name]

    @staticmethod
    def wants(reader, name) -> bool:
        text = reader.filter
        return (
            text in ("#", name)
            or (text == "+/temp" and "temp" in name)
            or (text == "a/+" and name.startswith("a/"))
        )

    @invariant()
    def memory_is_bounded(self):
        for session in getattr(self, "sessions", {}).values():
            assert len(session.publisher._outbox) <= Limits.subscriptions + 2
            for feed in session.publisher._feeds.values():
                assert len(feed._events) <= Limits.events
                assert len(feed._states) <= Limits.topics
                assert len(feed._changed) == len(feed._states)
                assert feed._bytes == sum(len(item.data) for item in feed._events)
                assert feed._bytes <= Limits.value_bytes + ITEM_MAX
                assert 0 <= feed.credit <= CREDIT
                assert feed.due == (feed in session.publisher._due)
                assert feed.due or not (feed.credit and feed.waits)
            for subscription in session.subscriber._subscriptions.values():
                assert len(subscription.bodies) <= 2 * CREDIT + 1
            assert session.subscriber.stale == 0


TestTopics = World.TestCase
TestTopics.settings = settings(max_examples=draws(1000), stateful_step_count=30)
