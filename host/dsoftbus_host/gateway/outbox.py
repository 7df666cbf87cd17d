"""The messages that wait for a broker: bounded, and of a retained topic only the latest."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

_PASSING = 1024  # events and answers that wait
_PASSING_BYTES = 4 << 20


class Publish(NamedTuple):
    """One message for the broker."""

    topic: str
    payload: bytes
    retain: bool


class Outbox:
    """A queue in three parts: what gateways say to each other goes first, then what passes (events
    and answers), then what is retained. `dropped` counts what had no place."""

    def __init__(self) -> None:
        self.dropped = 0
        self._first: deque[Publish] = deque()
        self._passing: deque[Publish] = deque()
        self._bytes = 0
        self._retained: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._first) + len(self._passing) + len(self._retained)

    def urgent(self, topic: str, payload: bytes, retain: bool) -> None:
        """Adds a message of the election; its machine bounds how many there are."""
        self._first.append(Publish(topic, payload, retain))

    def passing(self, topic: str, payload: bytes) -> None:
        """Adds a message that is not retained, if it has a place."""
        if len(self._passing) >= _PASSING or self._bytes + len(payload) > _PASSING_BYTES:
            self.dropped += 1
            return
        self._bytes += len(payload)
        self._passing.append(Publish(topic, payload, False))

    def retained(self, topic: str, payload: bytes) -> None:
        """Adds the last word of a topic, in place of one that has not left yet."""
        self._retained[topic] = payload

    def forget(self, topic: str) -> None:
        """Takes back what has not left yet of a retained topic: another gateway says it now."""
        self._retained.pop(topic, None)

    def clear(self) -> None:
        """There is no broker: what passes is lost, and all else is said again."""
        self.dropped += len(self._passing)
        self._first.clear()
        self._passing.clear()
        self._retained.clear()
        self._bytes = 0

    def take(self) -> Publish | None:
        """The next message, which is gone from here."""
        if self._first:
            return self._first.popleft()
        if self._passing:
            found = self._passing.popleft()
            self._bytes -= len(found.payload)
            return found
        for topic in self._retained:
            return Publish(topic, self._retained.pop(topic), True)
        return None
