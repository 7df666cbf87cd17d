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


class PresenceLog:
    """One for a bus, once it is asked: who is there now, why others have left, and how many
    changes there were."""

    def __init__(self, bus: "BaseBus") -> None:
        self.online: dict[str, list[Connection]] = {}  # by id
        self.causes: dict[str, BusError | None] = {}  # of those that left, no more than `_most`
        self.changes = 0
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
            self._change()
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
            self._change()

    def overdue(self, device: str) -> None:
        """A peer that slept has not come back."""
        self._keep(device, PeerError(STALE_PEER, "it slept, and did not come back in time"))
        self._change()

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

    def _change(self) -> None:
        self.changes += 1
        self.changed.set()


class PresenceWatch:
    """The items for one `async for`. It keeps what it has told, and nothing that waits: who reads
    slowly gets the latest state of each peer. Safe to cancel."""

    def __init__(self, bus: "BaseBus", log: PresenceLog) -> None:
        self._bus = bus
        self._log = log
        # (name, state) of those that are here or asleep, as far as its reader knows
        self._told: dict[str, tuple[str, int]] = {}
        # Changes that were told, or said to be lost
        self._counted = log.changes - len(log.present())

    def __aiter__(self) -> "PresenceWatch":
        return self

    async def __anext__(self) -> Presence:
        while True:
            news = self._news()
            if news:
                return self._tell(news[0], len(news))
            if self._bus.closed:
                raise StopAsyncIteration
            await self._log.changed.change()

    def _news(self) -> "list[str]":
        """The ids of which the reader knows something else, those that have left first."""
        told, log = self._told, self._log
        changed = [device for device in told if log.state(device) != told[device][1]]
        return changed + [device for device in log.present() if device not in told]

    def _tell(self, device: str, waiting: int) -> Presence:
        """The item for one of so many that wait to be told."""
        log = self._log
        said = log.item(device, self._told.pop(device, ("", GONE))[0])
        said.lost = log.changes - self._counted - waiting
        self._counted += said.lost + 1
        state = log.state(device)
        if state != GONE:
            self._told[device] = (said.name, state)
        return said


def watch(bus: "BaseBus") -> PresenceWatch:
    """See `BaseBus.presence`."""
    if bus.presence_log is None:
        bus.presence_log = PresenceLog(bus)
    return PresenceWatch(bus, bus.presence_log)
