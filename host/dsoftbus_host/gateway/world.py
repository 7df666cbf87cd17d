"""All that a gateway does, without a broker, a bus or a clock: what comes in, what goes out.

Its driver (`gateway`) hands over what the bus and the broker say; then it takes what is to be
published (`outbox`), called (`next_call`) and told people (`next_news`). Times are ms.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.errors import BusError
from dsoftbus.service.call_messages import OWN
from dsoftbus.service.directory import Offer
from dsoftbus_host import json_values
from dsoftbus_host.gateway import home_assistant, requests
from dsoftbus_host.gateway.claims import HOLDING, SETTLING, Claims
from dsoftbus_host.gateway.outbox import Outbox
from dsoftbus_host.gateway.requests import Refusal
from dsoftbus_host.gateway.shown_node import CALLS, ShownNode, Waiting
from dsoftbus_host.gateway.topics import (
    OFFLINE,
    ONLINE,
    RESPONSE,
    Asked,
    Topics,
    call_part,
    level,
    levels,
    named,
)

_CONFIG_MS = 200  # several changes of a node are one discovery
_UNDER_WAY = 256  # calls, of all nodes
_REFUSALS = 50  # a second
_NEWS = 256
_STATE_MAX = 262144  # bytes of JSON
_SET = "/set"


class Call(NamedTuple):
    """A call that the driver is to make; `done` or `failed` get its number."""

    number: int
    device: str
    name: str
    value: Any
    timeout_ms: int


class _UnderWay(NamedTuple):
    device: str
    mark: Any
    topic: str


class Settings(NamedTuple):
    """The options of a gateway. `discovery` is Home Assistant's prefix, "" for none."""

    prefix: str = "dsoftbus"
    discovery: str = home_assistant.PREFIX
    version: str = ""


class World:
    """One gateway: `me` is the id of its node, `run` a text that tells its starts apart."""

    def __init__(self, me: str, run: str, settings: Settings) -> None:
        self.topics = Topics(settings.prefix)
        self.claims = Claims(me, run)
        self.outbox = Outbox()
        self.dropped: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()  # of what was shown, and asked
        self.nodes: dict[str, ShownNode] = {}
        self.wanted: deque[str] = deque()  # further filters to subscribe to
        self._settings = settings
        self._by_level: dict[str, str] = {}
        self._swept: set[str] = set()  # levels of nodes that nobody shows any more
        self._was_settled = False
        self._under_way: dict[int, _UnderWay] = {}
        self._number = 0
        self._calls: deque[Call] = deque()
        self._news: deque[dict[str, Any]] = deque(maxlen=_NEWS)
        self._refusals = TokenBucket(_REFUSALS, 1000)
        self._lookups = TokenBucket(_REFUSALS, 1000)  # of nodes that this gateway does not have

    # What the bus says

    def trust(self, names: Mapping[str, str], now: int) -> None:
        """The nodes to show are these: their names by id."""
        found = levels(names)
        for device in [device for device in self.nodes if device not in found]:
            self._unpaired(self.nodes.pop(device))
        self._by_level = {own: device for device, own in found.items()}
        for device, own in found.items():
            node = self.nodes.get(device)
            if node is None:
                node = self.nodes[device] = ShownNode(device, names[device], own)
            elif (node.level, node.name) != (own, names[device]):
                self._clear(node, but=self._config_topic(node))  # the device stays
                node.level, node.name = own, names[device]
            self.claims.show(device, own, now)
        self._turn(now)

    def presence(self, device: str, online: bool, asleep_s: int | None, now: int) -> None:
        """There is a session with a node, it sleeps, or neither."""
        node = self.nodes.get(device)
        if node is None:
            return
        node.reached = online or asleep_s is not None
        self.claims.reach(device, node.reached, now)
        if asleep_s is not None and node.falls_asleep(asleep_s):
            self._look_at_config(node, now)
        if online and node.expire_s is not None:
            node.refresh_at = now + 500 * node.expire_s
            self._say_states(node)
        elif not online:
            node.refresh_at = None
        self._retain(node, self.topics.availability(node.level), _available(node))
        self._turn(now)

    def update(self, device: str, topic: str, value: Any, event: bool, now: int) -> None:
        """A node has published."""
        node = self.nodes.get(device)
        if node is None:
            return
        payload = json_values.said(value).encode()
        if len(payload) > _STATE_MAX:
            self._drop("too_large", node.name)
        elif event:
            if self.claims.holds(device):
                self.counts["events"] += 1
                self.outbox.passing(self.topics.topic(node.level, topic), payload)
        else:
            self._state(node, topic, value, payload, now)

    def offers(self, device: str, offers: list[Offer], now: int) -> None:
        """The directory of a node is this."""
        node = self.nodes.get(device)
        if node is None:
            return
        before = node.shown_names()
        node.offers = offers
        node.offered = {offer.name for offer in offers if offer.kind == "state"}
        self._say_states(node)
        for name in before - node.offered:
            self._take_back(node, self.topics.topic(node.level, name))
            self._take_back(node, self.topics.light(node.level, name))
        self._look_at_config(node, now)

    def done(self, number: int, value: Any) -> None:
        """A call has its value."""
        asked = self._ended(number)
        self.outbox.passing(asked.topic, requests.answered(asked.mark, value))

    def failed(self, number: int, error: BusError) -> None:
        """A call has none."""
        asked = self._ended(number)
        self.outbox.passing(asked.topic, requests.failed(asked.mark, error))

    # What the broker says

    def subscriptions(self) -> list[str]:
        """The filters to subscribe to whenever there is a connection."""
        birth = [f"{self._settings.discovery}/status"] if self._settings.discovery else []
        return [*self.topics.subscriptions(), *birth]

    def connected(self, now: int) -> None:
        """There is a connection, with these subscriptions."""
        self._was_settled = False
        self.claims.connected(now)
        self._turn(now)

    def disconnected(self, now: int) -> None:
        """It is gone."""
        self.claims.disconnected()
        self._turn(now)
        self.outbox.clear()

    def message(self, topic: str, payload: bytes, retained: bool, now: int) -> None:
        """A message of the broker."""
        own = self.topics.own(topic)
        asked = self.topics.asked(topic)
        if own is not None:
            gateway, what = own
            if gateway == "claims":
                self.claims.on_claim(what, payload, now)
            else:
                self.claims.on_gateway(gateway, what, payload, now)
        elif asked is not None:
            self._asked(asked, Waiting(topic, payload), retained, now)
        elif topic == f"{self._settings.discovery}/status":
            self._birth(payload)
        elif self.topics.of_values(topic) in self._swept and retained and payload:
            self.outbox.urgent(topic, b"", True)
        self._turn(now)

    # Time

    def poll_timer(self) -> int | None:
        """When `handle_timer` is due, or None."""
        dues = [self.claims.poll_timer()]
        for node in self.nodes.values():
            dues += (node.config_at, node.refresh_at)
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: int) -> None:
        """Does what is due."""
        self.claims.handle_timer(now)
        for node in self.nodes.values():
            if node.config_at is not None and now >= node.config_at:
                self._say_config(node)
            if node.refresh_at is not None and node.expire_s and now >= node.refresh_at:
                node.refresh_at = now + 500 * node.expire_s
                self._say_states(node)
        self._turn(now)

    # Outputs

    def next_call(self) -> Call | None:
        return self._calls.popleft() if self._calls else None

    def next_news(self) -> dict[str, Any] | None:
        """Returns what people may want to know, as `event` and its fields."""
        return self._news.popleft() if self._news else None

    def leave(self, forget: bool, now: int) -> None:
        """A decided end: nodes are said to be away, or, with `forget`, nothing is left of them."""
        for node in self.nodes.values():
            if not self.claims.holds(node.device):
                continue
            if forget:
                self._clear(node)
            else:
                self.outbox.urgent(self.topics.availability(node.level), OFFLINE, True)
        self.claims.leave(forget)
        self._turn(now)

    # Who speaks

    def _turn(self, now: int) -> None:
        """Passes on what the claims have to say."""
        if self.claims.settled and not self._was_settled:
            self._was_settled = True
            self._sweep()
        while (event := self.claims.next_event()) is not None:
            device, holds = event
            if device in self.nodes:
                self._hold(self.nodes[device], now) if holds else self._lose(self.nodes[device])
        while (message := self.claims.next_message()) is not None:
            if message.kind == "claim":
                topic = self.topics.claim(message.device)
            else:
                topic = self.topics.gateway(message.device, message.kind)
            self.outbox.urgent(topic, message.payload, message.kind != "beat")

    def _hold(self, node: ShownNode, now: int) -> None:
        self._news.append({"event": "speaks", "node": node.name, "id": node.device})
        self._say_all(node)
        waiting, node.waiting = node.waiting, []
        for request in waiting:
            asked = self.topics.asked(request.topic)
            if asked is not None:
                self._make(node, asked, request, now)

    def _lose(self, node: ShownNode) -> None:
        """Another speaks now, and says all: nothing of ours comes after it."""
        for topic in node.said:
            self.outbox.forget(topic)
        if node.said:
            self._news.append({"event": "silent", "node": node.name, "id": node.device})
        node.said = set()
        node.config = b""
        for request in node.waiting:
            self._refuse_unread(request, requests.MOVED, None)
        node.waiting = []

    def _sweep(self) -> None:
        """Takes away what an earlier run of this gateway has said of nodes that were unpaired
        since."""
        for device, node in list(self.claims.nodes.items()):
            claim = node.claim
            if node.mine or claim is None or claim.gateway != self.claims.me:
                continue
            self.outbox.urgent(self.topics.claim(device), b"", True)
            if self._settings.discovery:
                config = home_assistant.config_topic(self._settings.discovery, device)
                self.outbox.urgent(config, b"", True)
            if claim.level and level(named(claim.level) or "") == claim.level:
                self._sweep_level(claim.level)

    def _sweep_level(self, own: str) -> None:
        if own not in self._by_level:
            self.outbox.urgent(self.topics.availability(own), b"", True)
            self._swept.add(own)
            self.wanted.extend(self.topics.values(own))

    # What is said of a node

    def _retain(self, node: ShownNode, topic: str, payload: bytes) -> None:
        if self.claims.holds(node.device):
            node.said.add(topic)
            self.outbox.retained(topic, payload)

    def _take_back(self, node: ShownNode, topic: str) -> None:
        if topic in node.said and self.claims.holds(node.device):
            node.said.discard(topic)
            self.outbox.retained(topic, b"")

    def _clear(self, node: ShownNode, but: str = "") -> None:
        """Takes back all, before another gateway may say it."""
        if self.claims.holds(node.device):
            for topic in node.said - {but}:
                self.outbox.forget(topic)
                self.outbox.urgent(topic, b"", True)
            node.said = set()
            node.config = b""

    def _unpaired(self, node: ShownNode) -> None:
        self._news.append({"event": "unpaired", "node": node.name, "id": node.device})
        self._clear(node)
        self.claims.hide(node.device)

    def _say_all(self, node: ShownNode) -> None:
        node.config = b""
        self._say_config(node)
        self._say_states(node)
        self._retain(node, self.topics.availability(node.level), _available(node))

    def _say_states(self, node: ShownNode) -> None:
        for name in node.shown_names():
            self._say_state(node, name)

    def _say_state(self, node: ShownNode, name: str) -> None:
        self._retain(node, self.topics.topic(node.level, name), node.states[name])
        offer = node.state_offer(name)
        if self._settings.discovery and home_assistant.is_light(offer):
            light = home_assistant.light_state(node.values[name])
            self._retain(node, self.topics.light(node.level, name), light)

    def _state(self, node: ShownNode, name: str, value: Any, payload: bytes, now: int) -> None:
        before = node.values.get(name)
        new = name not in node.values
        if not node.keep(name, value, payload):
            self._drop("too_many_states", node.name)
            return
        self.counts["states"] += 1
        self._say_state(node, name)
        if new or type(before) is not type(value):
            self._look_at_config(node, now)

    def _look_at_config(self, node: ShownNode, now: int) -> None:
        if self._settings.discovery and node.config_at is None:
            node.config_at = now + _CONFIG_MS

    def _say_config(self, node: ShownNode) -> None:
        node.config_at = None
        if not self._settings.discovery or not self.claims.holds(node.device):
            return
        found = home_assistant.config(
            home_assistant.Shown(
                node.device,
                node.name,
                node.level,
                self.claims.me,
                node.offers,
                node.shown_values(),
                node.expire_s,
            ),
            self.topics,
            self._settings.version,
            node.components,
        )
        node.components = {name: about["p"] for name, about in found["cmps"].items()}
        payload = json.dumps(found).encode()
        if payload != node.config:
            node.config = payload
            self._retain(node, self._config_topic(node), payload)

    def _config_topic(self, node: ShownNode) -> str:
        return home_assistant.config_topic(self._settings.discovery, node.device)

    def _birth(self, payload: bytes) -> None:
        """Home Assistant has started: it gets everything again."""
        if payload == home_assistant.BIRTH:
            self._news.append({"event": "birth"})
            for node in self.nodes.values():
                self._say_all(node)

    # Requests

    def _asked(self, asked: Asked, request: Waiting, retained: bool, now: int) -> None:
        device = self._by_level.get(asked.level)
        node = self.nodes.get(device or "")
        state = self.claims.state(device or "")
        if retained:  # it is from another day
            self._drop("retained_request", asked.level)
        elif node is not None and state == HOLDING:
            self._make(node, asked, request, now)
        elif node is not None and state == SETTLING:
            if len(node.waiting) < CALLS:
                node.waiting.append(request)
            else:
                self._drop("busy", node.name)
        elif not self._lookups.take(now):
            self._drop("unanswered", asked.level)
        elif self.claims.leads(asked.level, now):
            self._refuse_unread(request, requests.NO_SUCH_NODE, now)

    def _make(self, node: ShownNode, asked: Asked, request: Waiting, now: int) -> None:
        """Makes the call that a request asks for, or answers why not."""
        where = f"{request.topic}/{RESPONSE}"
        try:
            found = requests.parsed(request.payload)
            answer = self.topics.answer(request.topic, found.response_topic)
            if answer is None:
                text = f"response_topic begins with {self.topics.prefix}/response/"
                raise Refusal(requests.BAD_REQUEST, text, found.id)
            where = answer
            name, value = _what(node, asked, found)
            if not node.rate.take(now) or node.under_way >= CALLS:
                raise Refusal(requests.BUSY, "", found.id)
            if len(self._under_way) >= _UNDER_WAY:
                raise Refusal(requests.BUSY, "too many requests", found.id)
        except Refusal as refusal:
            self._refuse(where, refusal, now)
            return
        self.counts["calls"] += 1
        self._number += 1
        node.under_way += 1
        self._under_way[self._number] = _UnderWay(node.device, found.id, where)
        self._calls.append(Call(self._number, node.device, name, value, found.timeout_ms))

    def _ended(self, number: int) -> _UnderWay:
        asked = self._under_way.pop(number)
        if asked.device in self.nodes:
            self.nodes[asked.device].under_way -= 1
        return asked

    def _refuse_unread(self, request: Waiting, word: str, now: int | None) -> None:
        """Answers a request that is not for this gateway to make."""
        where = f"{request.topic}/{RESPONSE}"
        try:
            found = requests.parsed(request.payload)
        except Refusal as refusal:
            self._refuse(where, refusal, now)
            return
        where = self.topics.answer(request.topic, found.response_topic) or where
        self._refuse(where, Refusal(word, "", found.id), now)

    def _refuse(self, topic: str, refusal: Refusal, now: int | None) -> None:
        """Answers why; there are only so many such answers a second."""
        self.counts[f"refused.{refusal.word}"] += 1
        if now is None or self._refusals.take(now):
            self.outbox.passing(topic, requests.refused(refusal.id, refusal))
        else:
            self._drop("unanswered", refusal.word)

    def _drop(self, why: str, what: str) -> None:
        self.dropped[why] += 1
        if self.dropped[why] == 1:
            self._news.append({"event": "dropped", "why": why, "node": what})


def _available(node: ShownNode) -> bytes:
    return ONLINE if node.reached else OFFLINE


def _what(node: ShownNode, asked: Asked, found: requests.Request) -> tuple[str, Any]:
    """The call, and its value. Raises Refusal."""
    name = named(asked.name)
    if not name or (not asked.light and call_part(name) != asked.name):
        word = requests.NO_SUCH_LIGHT if asked.light else requests.NO_SUCH_CALL
        raise Refusal(word, "", found.id)
    if name.startswith(OWN):  # the bus's own, which update, log and restart
        raise Refusal(requests.NO_SUCH_CALL, "", found.id)
    if not asked.light:
        return name, found.value
    offer = node.state_offer(name)
    if not home_assistant.is_light(offer) or not node.has_call(name + _SET):
        raise Refusal(requests.NO_SUCH_LIGHT, "", found.id)
    try:
        return name + _SET, home_assistant.light_value(found.value, offer)
    except ValueError as error:
        raise Refusal(requests.BAD_REQUEST, str(error), found.id) from None
