"""The table of a bridge: which channel on the cable stands for which address on the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from dsoftbus.line.line import CHANNEL_MAX, NEIGHBOUR

# What an address has shown so far, in rising order: who has shown more is not moved by who has
# shown less.
STRANGER = 0  # it sent something
ANNOUNCED = 1  # a node announced itself there
CALLED = 2  # the board has sent it part of a handshake, not long ago
LIVE = 3  # the board has sent it protected packets, not long ago: it has authenticated

CALLED_MS = 30000  # as long as a handshake may take on the smallest board
LIVE_MS = 60000  # a session without a packet for 45 s is over
IDLE_MS = 120000  # two lifetimes of an announcement
_LONG_AGO = -IDLE_MS
IDS = 4  # sessions of one address whose ids are kept


class Way:
    """`channel` on the cable is `address` on the network."""

    def __init__(self, channel: int, address: Any, now: int) -> None:
        self.channel = channel
        self.address = address
        self.used = now
        self.announced_until = now
        self.called = now + _LONG_AGO
        self.live = now + _LONG_AGO
        self.proved_until = now  # it showed the bridge's own cookie
        self.credit = 0  # datagrams that may still go to the board on what it said
        self.waiting: deque[bytes] = deque()
        self.ids: list[int] = []  # connection ids that it sends to, the newest last

    def rank(self, now: int) -> int:
        if now - self.live < LIVE_MS:
            return LIVE
        if now - self.called < CALLED_MS:
            return CALLED
        return ANNOUNCED if now < self.announced_until else STRANGER


class Channels:
    """At most `most` ways; a number that became free is given again as late as can be."""

    def __init__(self, most: int = CHANNEL_MAX) -> None:
        self._free = deque(range(NEIGHBOUR + 1, most + 1))
        self._by_address: dict[Any, Way] = {}
        self._by_channel: dict[int, Way] = {}
        self._by_id: dict[int, Way] = {}

    def __len__(self) -> int:
        return len(self._by_channel)

    def __iter__(self) -> Iterator[Way]:
        return iter(self._by_channel.values())

    def at(self, channel: int) -> Way | None:
        return self._by_channel.get(channel)

    def to(self, address: Any) -> Way | None:
        return self._by_address.get(address)

    def with_id(self, number: int) -> Way | None:
        """The way on which datagrams for this connection id came, while it was live."""
        return self._by_id.get(number)

    def note_id(self, way: Way, number: int) -> None:
        if way.ids and way.ids[-1] == number:
            return
        if number in way.ids:
            way.ids.remove(number)
        elif len(way.ids) == IDS:
            self._by_id.pop(way.ids.pop(0), None)
        way.ids.append(number)
        self._by_id[number] = way

    def give(self, address: Any, rank: int, now: int) -> Way | None:
        """The way to `address`, a new one if there is none: in the place of one that has shown
        less or is as good and was used longer ago. None where all others have shown more."""
        way = self._by_address.get(address)
        if way is None:
            if not self._free and not self._make_room(rank, now):
                return None
            way = Way(self._free.popleft(), address, now)
            self._by_address[address] = self._by_channel[way.channel] = way
        return way

    def bound(self, rank: int, most: int, now: int) -> None:
        """Removes the way of this rank that was used longest ago, if there are `most` of them."""
        ways = [way for way in self if way.rank(now) == rank]
        if len(ways) >= most:
            self._remove(min(ways, key=lambda way: way.used))

    def expire(self, now: int) -> None:
        """Ways that nobody has used for long are free."""
        for way in list(self):
            if now - way.used >= IDLE_MS:
                self._remove(way)

    def _make_room(self, rank: int, now: int) -> bool:
        worst = min(self, key=lambda way: (way.rank(now), way.used))
        if worst.rank(now) > rank or worst.rank(now) == LIVE:
            return False
        self._remove(worst)
        return True

    def _remove(self, way: Way) -> None:
        del self._by_address[way.address]
        del self._by_channel[way.channel]
        for number in way.ids:
            if self._by_id.get(number) is way:
                del self._by_id[number]
        self._free.append(way.channel)
