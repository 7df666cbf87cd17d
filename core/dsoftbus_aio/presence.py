"""Presence: which peers there are sessions with. Programs that do not ask do not load this."""

from dsoftbus.errors import STALE_PEER, PeerError
from dsoftbus_aio.naming import name_of

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.errors import BusError
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


HERE = 1
ASLEEP = 2
GONE = 3


class Presence:
    """A peer that has come or has left: its `id` and `name`, whether it is `online`, and `why` it
    is not: the BusError that ended its last session, or None where that is not known any more.

    `asleep_s` is in about how many seconds a peer that sleeps means to be back, of others None.
    `lost` is how many changes, of any peer, were not told since the item before.
    """

    asleep_s: int | None = None

    def __init__(
        self, id: str, name: str, online: bool, why: "BusError | None" = None, lost: int = 0
    ) -> None:
        self.id = id
        self.name = name
        self.online = online
        self.why = why
        self.lost = lost


class PresenceWatch:
    """The items for one `async for`. It keeps what it has told, and nothing that waits: who reads
    slowly gets the latest state of each peer. Safe to cancel."""

    def __init__(self, bus: "BaseBus", log: "PresenceLog") -> None:
        self._bus = bus
        self._log = log
        # (name, state) of those that are here or asleep, as far as its reader knows
        self._told: dict[str, tuple[str, int]] = {}
        # Changes that were told, or said to be lost
        self._counted = log.changes - len(log.present())
        # Those of whom the reader knows something else, as of so many changes
        self._left: dict[str, None] = {}
        self._came: dict[str, None] = dict.fromkeys(log.present())
        self._looked = log.changes

    def __aiter__(self) -> "PresenceWatch":
        return self

    async def __anext__(self) -> Presence:
        while True:
            self._look()
            waiting = len(self._left) + len(self._came)
            if waiting:
                return self._tell(next(iter(self._left or self._came)), waiting)
            if self._bus.closed:
                raise StopAsyncIteration
            await self._log.changed.change()

    def _look(self) -> None:
        """Notes whose changes are to be told, those of peers that have left first."""
        log, told = self._log, self._told
        devices = log._since(self._looked)
        self._looked = log.changes
        for device in list(told) + log.present() if devices is None else devices:
            self._left.pop(device, None)
            self._came.pop(device, None)
            if device in told and log.state(device) != told[device][1]:
                self._left[device] = None
            elif device not in told and log.state(device) != GONE:
                self._came[device] = None

    def _tell(self, device: str, waiting: int) -> Presence:
        """The item for one of so many that wait to be told."""
        log = self._log
        self._left.pop(device, None)
        self._came.pop(device, None)
        said = log.item(device, self._told.pop(device, ("", GONE))[0])
        said.lost = log.changes - self._counted - waiting
        self._counted += said.lost + 1
        state = log.state(device)
        if state != GONE:
            self._told[device] = (said.name, state)
        return said


# Ours


class PresenceLog:
    """One for a bus, once it is asked: who is there now, why others have left, and how many
    changes there were."""

    def __init__(self, bus: "BaseBus") -> None:
        self.online: dict[str, list[Connection]] = {}  # by id
        self.causes: dict[str, BusError | None] = {}  # of those that left, no more than `_most`
        self.changes = 0
        self._recent: list[str] = []  # whose the last changes were
        self.changed = bus.runtime.signal()
        self._bus = bus
        self._most: int = bus.node.profile.sessions
        for connection in bus.connections():
            self.came(connection)

    def came(self, connection: "Connection") -> None:
        """A session has begun."""
        device = connection.peer_id
        sessions = self.online.get(device)
        if sessions is None:
            self.online[device] = [connection]
            self.causes.pop(device, None)
            self._change(device)
        elif connection not in sessions:
            sessions.append(connection)

    def left(self, connection: "Connection") -> None:
        """A session is gone, or a handshake."""
        device = connection.peer_id
        sessions = self.online.get(device)
        if sessions is None or connection not in sessions:
            return
        sessions.remove(connection)
        if not sessions:
            del self.online[device]
            self._keep(device, connection.cause)
            self._change(device)

    def overdue(self, device: str) -> None:
        """A peer that slept has not come back."""
        self._keep(device, PeerError(STALE_PEER, "it slept, and did not come back in time"))
        self._change(device)

    def present(self) -> "list[str]":
        """The ids of those that are here or asleep."""
        sleepers = self._bus.sleepers
        asleep = [] if sleepers is None else [device for device, _ in sleepers.names()]
        return list(self.online) + [device for device in asleep if device not in self.online]

    def state(self, device: str) -> int:
        """HERE, ASLEEP or GONE."""
        if device in self.online:
            return HERE
        return GONE if self._sleeper(device) is None else ASLEEP

    def item(self, device: str, name: str) -> Presence:
        """Returns what there is to say of a peer now."""
        if device in self.online:
            return Presence(device, name_of(self.online[device][0]), True)
        sleeper = self._sleeper(device)
        said = Presence(device, name or sleeper.name, False, self.causes.get(device))
        if sleeper is not None:
            said.asleep_s = sleeper.left_s(self._bus.now())
        return said

    def _sleeper(self, device: str) -> "Any":
        return None if self._bus.sleepers is None else self._bus.sleepers.get(device)

    def _keep(self, device: str, cause: "BusError | None") -> None:
        if len(self.causes) >= self._most:
            del self.causes[next(iter(self.causes))]
        self.causes[device] = cause

    def _since(self, count: int) -> "list[str] | None":
        """The ids of those that have come or left since there were `count` changes; None where
        nobody knows that any more."""
        missed = self.changes - count
        return self._recent[len(self._recent) - missed :] if missed <= len(self._recent) else None

    def _change(self, device: str) -> None:
        self.changes += 1
        if len(self._recent) >= 2 * self._most:
            self._recent = self._recent[self._most :]
        self._recent.append(device)
        self.changed.set()


def watch(bus: "BaseBus") -> PresenceWatch:
    """See `BaseBus.presence`."""
    if bus.presence_log is None:
        bus.presence_log = PresenceLog(bus)
    return PresenceWatch(bus, bus.presence_log)
