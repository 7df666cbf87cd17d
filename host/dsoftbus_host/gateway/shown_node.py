"""A node as a gateway shows it: what it published last, what it offers, whether it is there."""

from __future__ import annotations

from typing import Any

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.service.directory import Offer

CALLS = 16  # of one node, under way
RATE = 50  # requests a second to one node
TOPICS = 1024
_STATES_BYTES = 4 << 20
_DRIFT = 8  # as dsoftbus_aio.sleepers has it: a sleeper is overdue an eighth later, and 30 s
_MARGIN_S = 90


class Waiting:
    """A request that came while it was not yet settled which gateway speaks."""

    def __init__(self, topic: str, payload: bytes) -> None:
        self.topic = topic
        self.payload = payload


class ShownNode:
    """One node. `said` are the retained topics that this gateway has said of it."""

    def __init__(self, device: str, name: str, level: str) -> None:
        self.device = device
        self.name = name
        self.level = level
        self.reached = False
        self.expire_s: int | None = None  # of a node that sleeps
        self.refresh_at: int | None = None
        self.offers: list[Offer] = []
        self.states: dict[str, bytes] = {}  # as JSON, by name
        self.values: dict[str, Any] = {}
        self.offered: set[str] | None = None  # names of its states now; None: it did not say
        self.components: dict[str, str] = {}  # that were there once, with their platforms
        self.said: set[str] = set()
        self.config = b""
        self.config_at: int | None = None  # when its discovery is looked at again
        self.under_way = 0
        self.waiting: list[Waiting] = []
        self.rate = TokenBucket(RATE, 1000)
        self._bytes = 0

    def keep(self, name: str, value: Any, payload: bytes) -> bool:
        """Keeps the last value of a state; False where that would be too much."""
        if name not in self.states:
            self._make_room()
        before = len(self.states.get(name, b""))
        size = self._bytes - before + len(payload)
        if size > _STATES_BYTES or (name not in self.states and len(self.states) >= TOPICS):
            return False
        self._bytes = size
        self.states[name], self.values[name] = payload, value
        if self.offered is not None:
            self.offered.add(name)
        return True

    def _make_room(self) -> None:
        """Forgets states that are no more, where there are too many."""
        if len(self.states) >= TOPICS:
            for name in [name for name in self.states if not self.shows(name)]:
                self._bytes -= len(self.states.pop(name))
                del self.values[name]

    def shows(self, name: str) -> bool:
        """Returns whether a state is there still."""
        return self.offered is None or name in self.offered

    def shown_names(self) -> set[str]:
        """The names of the states that are there."""
        return set(self.states) if self.offered is None else self.states.keys() & self.offered

    def shown_values(self) -> dict[str, Any]:
        return {name: self.values[name] for name in sorted(self.shown_names())}

    def state_offer(self, name: str) -> Offer:
        """Returns what the directory says of a state."""
        found = (offer for offer in self.offers if offer.kind == "state" and offer.name == name)
        return next(found, Offer("state", name))

    def has_call(self, name: str) -> bool:
        return any(offer.kind == "call" and offer.name == name for offer in self.offers)

    def falls_asleep(self, seconds: int) -> bool:
        """It sleeps for so long; returns whether its values hold for longer than was known."""
        holds = seconds + seconds // _DRIFT + _MARGIN_S
        if self.expire_s is not None and holds <= self.expire_s:
            return False
        self.expire_s = holds
        return True
