"""One gateway speaks for a node at a time: the claims of all on one broker (docs/gateway.md).

A state machine without a clock, a socket or chance: its driver hands over what the broker sends
and what time it is, in ms of any clock that only goes forward.
"""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

from dsoftbus_host.gateway.topics import OFFLINE, ONLINE

BEAT_MS = 5000
DEAD_MS = 3 * BEAT_MS  # without a beat; a will says it sooner
SETTLE_MS = 250  # how long a claim stands unchallenged before its gateway speaks
_ECHO_MS = 2000  # a claim that has not come back is made again
_ABSENT_MS = 3000  # before a gateway claims a node that it does not reach itself
_TERM_MAX = 1 << 30
_GATEWAYS = 64
_FOREIGN = 4096  # nodes that only others know
_CLAIM_BYTES = 1024

IDLE, ASKED, SETTLING, HOLDING = range(4)


class Claim(NamedTuple):
    """A gateway's word that it speaks for a node. `run` tells its starts apart, `n` its claims;
    `reached`: it has a session with the node, or the node sleeps; `level`: the node in topics."""

    gateway: str
    run: str
    term: int
    n: int
    reached: bool
    level: str

    def payload(self) -> bytes:
        return json.dumps(self._asdict()).encode()

    def beats(self, other: Claim | None) -> bool:
        """A later term wins; of one term, the lesser id. A gateway replaces its own word."""
        if other is None or (self.gateway == other.gateway and self.term >= other.term):
            return True
        return (-self.term, self.gateway) < (-other.term, other.gateway)


def parsed(payload: bytes) -> Claim | None:
    """The claim that this says; None where it is none."""
    try:
        claim = Claim(**json.loads(payload if len(payload) <= _CLAIM_BYTES else b""))
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = (str, str, int, int, bool, str)
    right = all(type(had) is kind for had, kind in zip(claim, kinds, strict=True))
    return claim if right and 0 < claim.term <= _TERM_MAX else None


class Node:
    """Keeps what is known of the claims to one node. `mine`: it is one that this gateway shows."""

    def __init__(self, level: str, mine: bool) -> None:
        self.level = level
        self.mine = mine
        self.reached = False
        self.claim: Claim | None = None  # the best that was seen
        self.top = 0  # the latest term that was seen
        self.state = IDLE
        self.due: int | None = None
        self.sure = True  # the broker has said it since the connection began
        self.void_at = 0  # when a claim that it has not said is void

    def next_term(self) -> int:
        return self.top % _TERM_MAX + 1


class Message(NamedTuple):
    """A message for the broker: `topic` is a node's id for a claim."""

    kind: str  # "claim", "availability" or "beat"
    device: str
    payload: bytes


class Claims:
    """The claims of one gateway, `me`, and what it knows of those of others.

    `connected` is called once the subscriptions are made, `handle_timer` when `poll_timer` says;
    `next_message` gives what the broker is to get, and `next_event` (id, whether this gateway
    speaks for the node now).
    """

    def __init__(self, me: str, run: str) -> None:
        self.me = me
        self.run = run
        self.nodes: dict[str, Node] = {}
        self.malformed = 0  # messages that were dropped
        self.settled = False  # the broker has told all that it had
        self._online = False
        self._alive: dict[str, int] = {}  # other gateways: until when
        self._n = 0
        self._beat_at = 0
        self._look_at: int | None = None  # when all nodes are looked at, apart from beats
        self._fence = b""  # our beat that comes after all that the broker had
        self._messages: deque[Message] = deque()
        self._events: deque[tuple[str, bool]] = deque()

    # The nodes that this gateway shows

    def show(self, device: str, level: str, now: int) -> None:
        """This gateway shows a node under this level from now on."""
        node = self._node(device)
        node.mine, node.level = True, level
        if node.state == HOLDING:
            self._ask(device, node, now, node.claim.term if node.claim else 1)
        self._look(device, node, now)

    def hide(self, device: str) -> None:
        """This gateway shows a node no more; another may."""
        node = self.nodes.get(device)
        if node is not None and node.mine:
            node.mine = node.reached = False
            if self._is_mine(node.claim):
                node.claim = None
                self._say("claim", device, b"")
            self._stop(device, node)

    def reach(self, device: str, reached: bool, now: int) -> None:
        """There is a session with a node, or it sleeps; or neither."""
        node = self.nodes.get(device)
        if node is None or not node.mine or node.reached == reached:
            return
        node.reached = reached
        if node.state != IDLE and node.claim is not None:
            self._claim(device, node, node.claim.term)
        self._look(device, node, now)

    def state(self, device: str) -> int:
        """IDLE, ASKED, SETTLING or HOLDING: only then this gateway speaks for the node."""
        node = self.nodes.get(device)
        return IDLE if node is None else node.state

    def holds(self, device: str) -> bool:
        return self.state(device) == HOLDING

    def leads(self, level: str, now: int) -> bool:
        """Returns whether it is on this gateway to answer for a node that nobody speaks for."""
        claims = [node.claim for node in self.nodes.values() if node.claim is not None]
        if not self.settled or any(c.level == level and not self._void(c, now) for c in claims):
            return False
        return all(self.me < other for other, until in self._alive.items() if until > now)

    # What the broker sends

    def connected(self, now: int) -> None:
        """There is a connection, and it has subscribed. Claims that were known hold until the
        broker says otherwise, or others had time to come back."""
        self._online = True
        self._alive = dict.fromkeys(self._alive, now + DEAD_MS)
        for node in self.nodes.values():
            node.sure = False
        self._say("availability", self.me, ONLINE)
        self._begin_fence(now)

    def disconnected(self) -> None:
        """Nobody hears this gateway, and it hears nobody."""
        self._online = self.settled = False
        self._messages.clear()
        for device, node in self.nodes.items():
            self._stop(device, node)

    def leave(self, forget: bool = False) -> None:
        """A decided end: others need not wait. With `forget` nothing is retained of this one."""
        for device in [device for device, node in self.nodes.items() if node.mine]:
            self.hide(device)
        self._say("availability", self.me, b"" if forget else OFFLINE)
        self._online = self.settled = False

    def on_gateway(self, gateway: str, what: str, payload: bytes, now: int) -> None:
        """A gateway says something of itself; it may be this one."""
        alive = payload != b"" and payload != OFFLINE
        if what not in ("availability", "beat"):
            self.malformed += 1
        elif gateway == self.me:
            self._on_own(what, payload, alive, now)
        elif alive and (gateway in self._alive or len(self._alive) < _GATEWAYS):
            self._alive[gateway] = now + DEAD_MS
        elif not alive and self._alive.pop(gateway, None) is not None:
            self._look_at = now  # with the timer: several may end at once

    def on_claim(self, device: str, payload: bytes, now: int) -> None:
        """A claim, or an empty payload: there is none."""
        claim = parsed(payload) if payload else None
        if payload and claim is None:
            self.malformed += 1
            return
        node = self.nodes.get(device)
        if node is None and (claim is None or len(self.nodes) >= _FOREIGN):
            return
        node = node or self._node(device)
        node.sure = True
        if claim is None and not node.mine:
            del self.nodes[device]
            return
        if claim is None:
            self._on_release(device, node)
        else:
            self._on_word(device, node, claim, now)
        self._look(device, node, now)

    # Time

    def poll_timer(self) -> int | None:
        """Returns when `handle_timer` is due; None while there is no connection."""
        if not self._online:
            return None
        dues = [node.due for node in self.nodes.values()]
        return min(due for due in (self._beat_at, self._look_at, *dues) if due is not None)

    def handle_timer(self, now: int) -> None:
        """Says that this gateway is there, and looks for nodes that nobody speaks for."""
        if not self._online:
            return
        if now > self._beat_at + DEAD_MS:  # stopped for so long that others may have taken over
            self._suspend()
            self._begin_fence(now)
        elif now >= self._beat_at:
            self._beat(now)
            self._look_at_all(now)
        elif self._look_at is not None:
            self._look_at_all(now)
        for device, node in self.nodes.items():
            if node.due is not None and now >= node.due:
                self._on_due(device, node, now)

    # Outputs

    def next_message(self) -> Message | None:
        return self._messages.popleft() if self._messages else None

    def next_event(self) -> tuple[str, bool] | None:
        return self._events.popleft() if self._events else None

    # Inside

    def _node(self, device: str) -> Node:
        return self.nodes.setdefault(device, Node("", False))

    def _is_mine(self, claim: Claim | None) -> bool:
        return claim is not None and (claim.gateway, claim.run) == (self.me, self.run)

    def _void(self, claim: Claim, now: int) -> bool:
        if claim.gateway == self.me:
            return claim.run != self.run
        return self._alive.get(claim.gateway, now) <= now

    def _say(self, kind: str, device: str, payload: bytes) -> None:
        if self._online:
            self._messages.append(Message(kind, device, payload))

    def _beat(self, now: int) -> None:
        self._n += 1
        self._beat_at = now + BEAT_MS
        self._say("beat", self.me, f"{self.run} {self._n}".encode())

    def _begin_fence(self, now: int) -> None:
        self._beat(now)
        self._fence = f"{self.run} {self._n}".encode()

    def _suspend(self) -> None:
        self.settled = False
        for device, node in self.nodes.items():
            self._stop(device, node)

    def _on_own(self, what: str, payload: bytes, alive: bool, now: int) -> None:
        if what == "availability" and not alive and self._online:
            self._say("availability", self.me, ONLINE)  # the will of a connection before
        elif what == "beat" and payload == self._fence and not self.settled:
            self.settled = True
            for node in self.nodes.values():
                node.void_at = now + DEAD_MS
            self._look_at_all(now)

    def _on_word(self, device: str, node: Node, claim: Claim, now: int) -> None:
        node.top = max(node.top, claim.term)
        if not claim.beats(node.claim):
            if self._is_mine(node.claim) and node.state != IDLE:
                self._claim(device, node, node.claim.term if node.claim else 1)
            return
        ours = self._is_mine(claim)
        if ours and node.state == ASKED and claim.n == self._n_of(node):
            node.state, node.due = SETTLING, now + SETTLE_MS
        elif not ours:
            node.claim = claim
            self._stop(device, node)
        elif node.claim is None or not self._is_mine(node.claim):
            node.claim = claim  # an old word of ours

    def _on_release(self, device: str, node: Node) -> None:
        """It is free, unless this gateway has it, and another has taken its word away."""
        if node.state != IDLE and node.claim is not None:
            self._claim(device, node, node.claim.term)
        else:
            node.claim = None

    def _n_of(self, node: Node) -> int:
        return node.claim.n if node.claim is not None else 0

    def _look_at_all(self, now: int) -> None:
        self._look_at = None
        for device, node in self.nodes.items():
            self._look(device, node, now)

    def _look(self, device: str, node: Node, now: int) -> None:
        """Claims a node that is free, or that its gateway does not reach."""
        if not self.settled or not node.mine or node.state != IDLE:
            return
        claim = node.claim
        free = claim is None or self._is_mine(claim) or self._void(claim, now)
        if not free and not node.sure:
            free = now >= node.void_at
        if node.reached and (free or (claim is not None and not claim.reached)):
            self._ask(device, node, now, node.next_term())
        elif free and node.due is None:
            node.due = now + _ABSENT_MS
        elif not free:
            node.due = None

    def _on_due(self, device: str, node: Node, now: int) -> None:
        node.due = None
        if node.state == SETTLING:
            node.state = HOLDING
            self._events.append((device, True))
        elif node.state == ASKED or self.settled:
            term = node.claim.term if node.state == ASKED and node.claim else node.next_term()
            self._ask(device, node, now, term)

    def _ask(self, device: str, node: Node, now: int, term: int) -> None:
        if node.state == HOLDING:
            self._events.append((device, False))
        node.state, node.due = ASKED, now + _ECHO_MS
        self._claim(device, node, term)

    def _claim(self, device: str, node: Node, term: int) -> None:
        self._n += 1
        node.top = max(node.top, term)
        node.claim = Claim(self.me, self.run, term, self._n, node.reached, node.level)
        self._say("claim", device, node.claim.payload())

    def _stop(self, device: str, node: Node) -> None:
        was, node.state, node.due = node.state, IDLE, None
        if was != IDLE:
            self._events.append((device, False))
