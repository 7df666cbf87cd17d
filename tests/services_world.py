"""Two to five nodes with calls and topics, in any order, over sessions that are cut, and nodes
that start anew: `Walk(seed)` repeats itself. Each program is told the truth, or nothing yet.

A topic's value is [start of its node, number of the publication], so that every update shows what
its subscriber has missed.
"""

import random

from dsoftbus.const import TINY
from dsoftbus.errors import END_LINK_DOWN
from dsoftbus.service import caller, status
from dsoftbus.service.callee import RUNNING, Callee
from dsoftbus.service.caller import Caller
from dsoftbus.service.publisher import Publisher
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus.service.topic_status import TopicError
from dsoftbus.service.topics import Topics
from support import Random

STEPS = 60
SIZES = (2, 2, 2, 3, 4, 5)  # with fewer nodes, more comes together
EVENTS = ("door", "hall/door")
STATES = ("warmth", "secret")
FILTERS = ("#", "+", "hall/#", "warmth", "door")
METHODS = ("known", "other", "denied")
NEVER_RAN = (status.NO_METHOD, status.DENIED, status.BUSY, status.NOT_MADE)


class Limits(TINY):
    calls = 2
    value_bytes = 120
    subscriptions = 3
    topics = 4
    events = 3


class Node:
    def __init__(self, number: int) -> None:
        self.number = number
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.topics = Topics(Limits, Random(1000 * self.number + self.starts))
        for name in EVENTS:
            self.topics.declare(name, True)
        self.published = dict.fromkeys(EVENTS + STATES, 0)

    def publish(self, name: str) -> None:
        self.published[name] += 1
        self.topics.publish(name, [self.starts, self.published[name]])


class Way:
    """One node asks another, in one session: over two streams, each with a machine at both
    ends."""

    def __init__(self, asker: Node, answerer: Node) -> None:
        self.asker = asker
        self.answerer = answerer
        self.caller = Caller(Limits)
        self.callee = Callee(Limits, refusal)
        self.subscriber = Subscriber(Limits)
        self.publisher = Publisher(answerer.topics, lambda name, _asked: name != "secret")
        self.requests = []  # those that the answerer's program has, and has not answered
        ends = ((self.caller, self.callee), (self.subscriber, self.publisher))
        self.channels = [(a, b, []) for pair in ends for a, b in (pair, pair[::-1])]

    def move(self, channel: int, most: int, now: int) -> bool:
        """Sends a message, and hands over the oldest; returns whether anything has moved."""
        source, target, queue = self.channels[channel]
        message = source.message(most)
        if message is not None:
            source.sent(message)
            queue.append(bytes(message))
        moved = bool(queue) and target.room
        if moved:
            target.receive(queue.pop(0), now)
        return moved or message is not None

    def end(self) -> None:
        self.caller.end()
        self.callee.end()
        self.subscriber.end(END_LINK_DOWN)
        self.publisher.end()


def refusal(name: str) -> int:
    return {"known": 0, "denied": status.DENIED}.get(name, status.NO_METHOD)


class Asked:
    """A call, and what has become of it."""

    def __init__(self, call, value) -> None:
        self.call = call
        self.value = value
        self.ran = 0
        self.answer = None  # (status, value), as the handler gave it
        self.ended = False


class Watched:
    """A subscription that outlives sessions, and what its program has seen, by topic."""

    def __init__(self, asker: Node, answerer: Node, text: str) -> None:
        self.asker = asker
        self.answerer = answerer
        self.filter = text
        self.keeps = Seen(Limits.topics)
        self.subscription = None
        self.way = None
        self.seen = {}

    def attach(self, way: Way) -> None:
        try:
            self.subscription = way.subscriber.subscribe(self.filter, self.keeps)
            self.way = way
        except TopicError as error:
            assert error.label == "topic.busy"

    def take(self, most: int = 1000) -> int:
        """Takes updates, and checks each; returns how many."""
        found = 0
        while self.subscription is not None and found < most:
            update = self.way.subscriber.take(self.subscription)
            if update is None:
                break
            self.check(update)
            found += 1
        return found

    def check(self, update) -> None:
        start, number = update.value
        assert update.topic != "secret" and update.event == (update.topic in EVENTS)
        before = self.seen.get(update.topic)
        self.seen[update.topic] = (start, number)
        if before is None:
            assert update.lost == 0
        elif before[0] != start:
            assert update.lost is None and start > before[0]
        else:
            assert update.lost == number - before[1] - 1 >= 0


class Walk:
    """One example: `steps` random steps, then rest, and the account of everything."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0
        self.nodes = [Node(i) for i in range(self.random.choice(SIZES))]
        self.ways = {}  # by (asker, answerer)
        self.asked = []
        self.watched = []
        self.kinds = (
            *(self.move, self.move, self.call, self.publish, self.look_in, self.reply) * 5,
            *(self.subscribe, self.connect, self.cancel, self.part, self.part) * 2,
            *(self.pass_time, self.unsubscribe, self.cut, self.restart),
        )

    def run(self, steps: int = STEPS) -> None:
        for node in self.nodes:
            for other in self.nodes:
                self.join(node, other)
        for _ in range(4):
            self.subscribe()
        for _ in range(steps):
            self.random.choice(self.kinds)()
            self.check_bounds()
        self.rest()
        self.settle_accounts()

    # Steps

    def way(self) -> "Way | None":
        return self.random.choice(list(self.ways.values())) if self.ways else None

    def move(self) -> None:
        way = self.way()
        for _ in range(self.random.choice((2, 8, 40)) if way else 0):
            way.move(self.random.randrange(4), self.random.randrange(75, 130), self.now)
            self.tell(way)

    def call(self) -> None:
        way = self.way()
        if way is None:
            return
        value = bytes(self.random.randrange(100))
        try:
            name, timeout = self.random.choice(METHODS), self.random.choice((0, 0, 20))
            call = way.caller.call(name, value, self.now, timeout)
        except status.CallError as error:
            assert error.code == status.BUSY
            return
        call.context = Asked(call, value)
        call.context.way = way
        self.asked.append(call.context)

    def cancel(self) -> None:
        if self.asked:
            asked = self.random.choice(self.asked[-4:])
            asked.way.caller.cancel(asked.call)
            self.tell(asked.way)

    def reply(self) -> None:
        busy = [way for way in self.ways.values() if way.requests]
        if not busy:
            return
        way = self.random.choice(busy)
        request = way.requests.pop(self.random.randrange(len(way.requests)))
        code = self.random.choice((status.OK, status.ERROR))
        value = request.value if code == status.OK else [request.number, "its own"]
        request.context.answer = (code, value)
        way.callee.reply(request, value, code)

    def part(self) -> None:
        for way in self.ways.values():
            for request in way.requests:
                way.callee.part(request, self.now)

    def publish(self) -> None:
        node = self.random.choice(self.nodes)
        for _ in range(self.random.choice((1, 1, 9))):
            node.publish(self.random.choice(EVENTS + STATES))

    def subscribe(self) -> None:
        way = self.way()
        if way is not None and len(self.watched) < 8:
            text = self.random.choice(FILTERS)
            self.watched.append(Watched(way.asker, way.answerer, text))
            self.watched[-1].attach(way)

    def unsubscribe(self) -> None:
        if self.watched:
            watched = self.watched.pop(self.random.randrange(len(self.watched)))
            if watched.subscription is not None:
                watched.way.subscriber.close(watched.subscription)

    def look_in(self) -> None:
        """A program takes some of what has come."""
        if self.watched:
            self.random.choice(self.watched).take(self.random.randrange(6))
        for asked in self.asked[-4:]:
            while asked.call.parts:
                asked.way.caller.take(asked.call)

    def pass_time(self) -> None:
        self.now += self.random.randrange(1, 30)
        for way in self.ways.values():
            way.caller.handle_timer(self.now)
            way.callee.handle_timer(self.now)
            self.tell(way)

    def connect(self) -> None:
        self.join(*self.random.sample(self.nodes, 2))

    def join(self, a: Node, b: Node) -> None:
        if a is b or (a, b) in self.ways:
            return
        for asker, answerer in ((a, b), (b, a)):
            self.ways[asker, answerer] = way = Way(asker, answerer)
            for watched in self.watched:
                if (watched.asker, watched.answerer) == (asker, answerer):
                    watched.take()  # what came before the cut
                    watched.attach(way)

    def cut(self) -> None:
        way = self.way()
        if way is not None:
            self.part_from(way.asker, way.answerer)

    def part_from(self, a: Node, b: Node) -> None:
        for pair in ((a, b), (b, a)):
            way = self.ways.pop(pair)
            way.end()
            self.tell(way)
            assert all(asked.ended for asked in self.asked if asked.way is way)

    def restart(self) -> None:
        node = self.random.choice(self.nodes)
        for other in self.nodes:
            if (node, other) in self.ways:
                self.part_from(node, other)
        self.watched = [watched for watched in self.watched if watched.asker is not node]
        node.start()

    # What programs are told

    def tell(self, way: Way) -> None:
        while (request := way.callee.next_event()) is not None:
            if request.state == RUNNING and request.context is None:
                self.begin(way, request)
            elif request.state != RUNNING and request in way.requests:
                way.requests.remove(request)
                way.callee.reply(request, None)
        while (call := way.caller.next_event()) is not None:
            if call.state != caller.WAITING:
                self.judge(call.context)
        while way.subscriber.next_event() is not None:
            pass

    def begin(self, way: Way, request) -> None:
        asked = next(a for a in self.asked if a.way is way and a.call.number == request.number)
        assert request.name == "known" and request.value == asked.value
        request.context = asked
        asked.ran += 1
        way.requests.append(request)

    def judge(self, asked: Asked) -> None:
        """The caller was told the truth, and once."""
        call = asked.call
        assert not asked.ended and asked.ran <= 1
        asked.ended = True
        code = call.error.code if call.error else status.OK
        if code == status.OK:
            assert asked.answer == (status.OK, call.value)
        elif code == status.ERROR:
            assert asked.answer == (code, [call.error.number, call.error.detail])
        elif code in NEVER_RAN:
            assert not asked.ran
        else:
            assert code in (status.LATE, status.CANCELLED, status.UNKNOWN), code

    def check_bounds(self) -> None:
        for way in self.ways.values():
            assert len(way.caller._calls) <= Limits.calls >= len(way.callee._calls)
            assert len(way.requests) <= Limits.calls
            assert len(way.callee._outbox) <= 6 * Limits.calls + 5
            assert len(way.publisher._outbox) <= 2 * Limits.subscriptions + 4
            assert len(way.publisher._feeds) <= Limits.subscriptions
            assert way.caller.stale == 0

    # The end

    def rest(self) -> None:
        """All nodes are joined, every handler answers, and every program takes what comes."""
        for node in self.nodes:
            for other in self.nodes:
                self.join(node, other)
        while sum(map(self.move_all, list(self.ways.values()))):
            pass
        while sum(map(self.answer_all, self.ways.values())):
            while sum(map(self.move_all, list(self.ways.values()))):
                pass

    def move_all(self, way: Way) -> int:
        moved = sum(way.move(channel, 100, self.now) for channel in range(4))
        self.tell(way)
        for asked in self.asked:
            while asked.way is way and asked.call.parts:
                way.caller.take(asked.call)
        return moved + sum(w.take() for w in self.watched if w.way is way)

    def answer_all(self, way: Way) -> int:
        """Requests that still run have callers that wait: else cancelling has not reached them."""
        requests, way.requests = way.requests, []
        for request in requests:
            assert request.context.call.state == caller.WAITING
            request.context.answer = (status.OK, request.value)
            way.callee.reply(request, request.value)
        return len(requests)

    def settle_accounts(self) -> None:
        """All calls have ended, states are the same everywhere, and the next event of each topic
        tells how many were lost."""
        assert all(asked.ended for asked in self.asked)
        self.check_states()
        for node in self.nodes:
            for name in EVENTS:
                node.publish(name)
        self.rest()
        for watched in self.live():
            for name in EVENTS:
                if subscribes(watched.filter, name):
                    node = watched.answerer
                    assert watched.seen[name] == (node.starts, node.published[name])

    def check_states(self) -> None:
        for watched in self.live():
            node = watched.answerer
            if subscribes(watched.filter, "warmth") and node.published["warmth"]:
                assert watched.seen["warmth"] == (node.starts, node.published["warmth"])

    def live(self) -> list:
        """The subscriptions that their publishers have taken."""
        return [w for w in self.watched if w.subscription and w.subscription.state != OVER]


def subscribes(text: str, name: str) -> bool:
    """Matches as docs/services.md says, for the filters and names of this file."""
    return {
        "#": True,
        "+": "/" not in name,
        "hall/#": name.startswith("hall/"),
    }.get(text, text == name)
