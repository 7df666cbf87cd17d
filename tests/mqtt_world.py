"""A broker without sockets, and gateways at it, in virtual time: one step is 10 ms."""

import json
from collections import deque

from dsoftbus.service.directory import Offer
from dsoftbus_host.gateway.topics import OFFLINE
from dsoftbus_host.gateway.world import Settings, World

STEP_MS = 10


class Broker:
    """MQTT as gateways need it: retained messages, wills, one order of messages for everyone."""

    def __init__(self):
        self.now = 1000
        self.retained = {}
        self.seen = []  # (topic, payload) of everything that was published
        self.sites = []

    def publish(self, topic, payload, retain=False):
        if isinstance(payload, str):
            payload = payload.encode()
        self.seen.append((topic, payload))
        if retain:
            self.retained.pop(topic, None)
            if payload:
                self.retained[topic] = payload
        for site in self.sites:
            site.deliver(topic, payload, False)

    def step(self):
        self.now += STEP_MS
        for site in list(self.sites):
            site.step()

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            self.step()

    def until(self, condition, limit_ms=60_000):
        """Returns how many ms it took."""
        begun = self.now
        while not condition():
            assert self.now - begun < limit_ms, self.seen[-20:]
            self.step()
        return self.now - begun

    def restart(self, keep=True):
        """Everybody loses the connection, without wills; without `keep` what was retained, too."""
        for site in list(self.sites):
            site.cut(will=False)
        if not keep:
            self.retained.clear()

    def said(self, topic):
        return [payload for name, payload in self.seen if name == topic]

    def answers(self, topic):
        return [json.loads(payload) for payload in self.said(f"{topic}/response")]


class Site:
    """A gateway; its calls are kept in `calls`, and answered where `answer` gives a value."""

    def __init__(self, broker, me, nodes, discovery="homeassistant"):
        self.broker = broker
        self.world = World(me, f"run{id(self)}", Settings("dsoftbus", discovery, "1"))
        self.calls = []
        self.news = []
        self.frozen = False
        self.deaf = False  # what the broker sends is under way
        self._subscribed = []
        self._inbox = deque()
        self.world.trust(nodes, broker.now)

    def connect(self):
        """Subscribes: what is retained comes first."""
        self.broker.sites.append(self)
        self._subscribed = []
        self._inbox.clear()
        self.subscribe(self.world.subscriptions())
        self.world.connected(self.broker.now)
        return self

    def subscribe(self, filters):
        self._subscribed += filters
        for topic, payload in list(self.broker.retained.items()):
            if any(match(text, topic) for text in filters):
                self._inbox.append((topic, payload, True))

    def cut(self, will=True):
        """The connection is gone; the broker says the will."""
        if self in self.broker.sites:
            self.broker.sites.remove(self)
            if will:
                me = self.world.claims.me
                self.broker.publish(self.world.topics.gateway(me, "availability"), OFFLINE, True)
        if not self.frozen:
            self.world.disconnected(self.broker.now)

    def deliver(self, topic, payload, retained):
        if any(match(text, topic) for text in self._subscribed):
            self._inbox.append((topic, payload, retained))

    def step(self):
        if self.frozen:
            return
        now = self.broker.now
        while self._inbox and not self.deaf:
            self.world.message(*self._inbox.popleft(), now)
        due = self.world.poll_timer()
        if due is not None and due <= now:
            self.world.handle_timer(now)
        if self.world.wanted:
            self.subscribe([self.world.wanted.popleft() for _ in range(len(self.world.wanted))])
        while (call := self.world.next_call()) is not None:
            self.calls.append(call)
            self.answer(call)
        while (news := self.world.next_news()) is not None:
            self.news.append(news)
        while self in self.broker.sites and (out := self.world.outbox.take()) is not None:
            self.broker.publish(out.topic, out.payload, out.retain)

    def answer(self, call):
        self.world.done(call.number, call.value)

    # The bus

    def reach(self, device, online=True, asleep_s=None):
        self.world.presence(device, online, asleep_s, self.broker.now)

    def state(self, device, topic, value):
        self.world.update(device, topic, value, False, self.broker.now)

    def event(self, device, topic, value):
        self.world.update(device, topic, value, True, self.broker.now)

    def offers(self, device, *offers):
        self.world.offers(device, [Offer(*offer) for offer in offers], self.broker.now)

    def holds(self, device):
        return self.world.claims.holds(device)


def match(text, topic):
    """Returns whether a filter of MQTT matches a topic."""
    wanted, levels = text.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
