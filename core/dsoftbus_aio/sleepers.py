"""Peers that sleep: until when, and what they said last (docs/sleepers.md)."""

# Ours

from dsoftbus.base.sleep_times import planned_s
from dsoftbus.errors import END_PEER, PEER_ASLEEP, BusError, PeerError
from dsoftbus.service.filters import matches
from dsoftbus.service.subscriber import Update
from dsoftbus.service.values import decode, encode
from dsoftbus.trust.naming import asked_for
from dsoftbus_aio.naming import name_of

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus.service.subscriber import Seen
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


# The clock that wakes a board may be off by as much; its start and its network take a while.
_DRIFT = 8  # 1 / 8
_START_MS = 30000
# What is kept of one sleeper: it may publish whatever it likes.
_STATES = 64
_STATES_BYTES = 16384
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


class Sleeper:
    """A peer that has slept. While it is `asleep`, `until` is when it is overdue, and `back_at`
    when it meant to be back, in ms of the bus's clock."""

    def __init__(self, device: str) -> None:
        self.id = device
        self.name = ""
        self.asleep = False
        self.back_at = 0
        self.until = 0
        self.session = b""  # the hash of the one that it ended last
        self.states: dict[str, tuple[bytes, int, int, int]] = {}  # value, epoch, sequence, when
        self.size = 0  # of these values

    def left_s(self, now: int) -> int:
        """In about how many seconds it means to be back."""
        return max(self.back_at - now, 0) // 1000

    def why(self, now: int) -> BusError:
        """The reason why there is no session with it."""
        left = self.left_s(now)
        said = "back in about " + spoken(left) if left else "back any moment"
        return PeerError(PEER_ASLEEP, said)

    def keep(self, topic: str, value: bytes, told: "tuple[int, int]", now: int) -> None:
        """Keeps the last value of a state, and of others no more than may be."""
        before = self.states.pop(topic, None)
        if before is not None:
            self.size -= len(before[0])
        while self.states and not self._has_room(len(value)):
            oldest = min(self.states, key=lambda name: self.states[name][3])
            self.size -= len(self.states.pop(oldest)[0])
        if self._has_room(len(value)):
            self.states[topic] = (value, told[0], told[1], now)
            self.size += len(value)

    def _has_room(self, size: int) -> bool:
        return len(self.states) < _STATES and self.size + size <= _STATES_BYTES


class Sleepers:
    """Those of one bus: as many as the profile has peers; those that sleep go last."""

    def __init__(self, bus: "BaseBus") -> None:
        self._bus = bus
        self._known: dict[str, Sleeper] = {}  # by id
        self._most: int = bus.node.profile.peers
        self._timer = bus.runtime.timer(self._look)
        self._look_at = 0  # what the timer is set to; 0: it is not

    def get(self, device: str | None) -> Sleeper | None:
        """The peer with this id, if it is asleep."""
        sleeper = self._known.get(device or "")
        return sleeper if sleeper is not None and sleeper.asleep else None

    def __iter__(self) -> "Iterator[Sleeper]":
        """Those that are asleep."""
        return iter([sleeper for sleeper in self._known.values() if sleeper.asleep])

    def names(self) -> "list[tuple[str, str]]":
        """(id, name) of those that are asleep."""
        return [(sleeper.id, sleeper.name) for sleeper in self]

    # What the bus tells

    def came(self, connection: "Connection", sleeps: bool = False) -> None:
        """A session has begun, with one that `sleeps`, perhaps: the handshake says so."""
        sleeper = self._known.get(connection.peer_id)
        if sleeper is not None:
            sleeper.asleep = False
        elif sleeps:
            self._learn(connection.peer_id)
        for peer in self._asked_for(connection.peer_id, connection.peer_name):
            peer.came(connection)

    def left(self, connection: "Connection") -> None:
        """A session has ended; it may be said more than once."""
        session = connection.session
        seconds = planned_s(session.peer_code) if session.cause == END_PEER else 0
        device = connection.peer_id
        if not seconds or self._bus.connections(device):
            return
        sleeper = self._learn(device)
        if sleeper.session == session.handshake_hash:
            return
        now = self._bus.now()
        sleeper.session = session.handshake_hash
        sleeper.name = name_of(connection)
        sleeper.asleep = True
        sleeper.back_at = now + 1000 * seconds
        sleeper.until = now + 1000 * seconds + 1000 * seconds // _DRIFT + _START_MS
        if not self._look_at or sleeper.until < self._look_at:
            self._set(sleeper.until)

    def heard(self, device: str, update: Update, seen: "Seen") -> None:
        """An update has come of a peer that may be one of these."""
        sleeper = self._known.get(device)
        if sleeper is not None and not update.event:
            try:
                value = encode(update.value, _STATES_BYTES)
            except BusError:
                return  # it is too long to be kept
            sleeper.keep(update.topic, value, seen.told(update.topic), self._bus.now())

    # What subscribers ask

    def last(self, device: str, text: str, seen: "Seen") -> "list[tuple[Update, int]]":
        """The last states that this filter matches of a peer that is asleep, the oldest first, and
        when they came; `seen` has them from now on."""
        sleeper = self.get(device)
        if sleeper is None or not self._is_trusted(device):
            return []
        found: list[tuple[Update, int]] = []
        for topic, (value, epoch, sequence, heard_at) in list(sleeper.states.items()):
            if matches(text, topic):
                seen.begin(epoch)
                seen.note(topic, sequence, False)
                said = decode(value, 0, len(value), _STATES_BYTES)
                found.append((Update(topic, said, 0, False), heard_at))
        return sorted(found, key=lambda item: item[1])

    def _is_trusted(self, device: str) -> bool:
        guard = self._bus.node.guard
        return guard is None or guard.store.get(device) is not None

    # Inside

    def _learn(self, device: str) -> Sleeper:
        known = self._known
        if device not in known:
            if len(known) >= self._most:
                awake = [other for other in known if not known[other].asleep]
                del known[(awake or list(known))[0]]
            known[device] = Sleeper(device)
        return known[device]

    def _set(self, deadline: int) -> None:
        self._look_at = deadline
        self._timer.at(deadline)

    def _look(self) -> None:
        """Somebody is overdue, and from now on absent."""
        now = self._bus.now()
        self._look_at = 0
        for sleeper in self:
            if now >= sleeper.until:
                sleeper.asleep = False
                self._tell(sleeper)
            elif not self._look_at or sleeper.until < self._look_at:
                self._look_at = sleeper.until
        if self._look_at:
            self._timer.at(self._look_at)

    def _tell(self, sleeper: Sleeper) -> None:
        if self._bus.presence_log is not None:
            self._bus.presence_log.overdue(sleeper.id)
        for peer in self._asked_for(sleeper.id, sleeper.name):
            peer.hurry()

    def _asked_for(self, device: str, name: str) -> "list[Any]":
        """The peers of the program that are this one."""
        guard = self._bus.node.guard
        entry = None if guard is None else guard.store.get(device)
        names = (name, "" if entry is None else entry.name)
        found = asked_for(self._bus.named, device, names)
        return [peer for peer in found if peer.id == device]


def spoken(seconds: int) -> str:
    """So many seconds, as people say it: "10 minutes"."""
    for unit, name in _UNITS:
        if seconds >= unit:
            n = (seconds + unit // 2) // unit
            return "%d %s" % (n, name if n == 1 else name + "s")
    return "%d seconds" % seconds
