"""Presence: which peers there are sessions with. Programs that do not ask do not load this."""

from dsoftbus_aio.naming import name_of

if False:  # for types
    from dsoftbus.errors import BusError
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


class Presence:
    """A peer that has come or has left: its `id` and `name`, whether it is `online`, and `why` it
    is not: the BusError that ended its last session, or None where that is not known any more.

    `lost` is how many changes, of any peer, were not told since the item before.
    """

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
        self._told: dict[str, str] = {}  # those that are online, as far as its reader knows
        self._counted = log.changes - len(log.online)  # changes that were told, or said to be lost

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
        told, online = self._told, self._log.online
        left = [device for device in told if device not in online]
        return left + [device for device in online if device not in told]

    def _tell(self, device: str, waiting: int) -> Presence:
        """The item for one of so many that wait to be told."""
        log = self._log
        lost = log.changes - self._counted - waiting
        self._counted += lost + 1
        if device in log.online:
            self._told[device] = name = name_of(log.online[device][0])
            return Presence(device, name, True, None, lost)
        return Presence(device, self._told.pop(device), False, log.causes.get(device), lost)


def watch(bus: "BaseBus") -> PresenceWatch:
    """See `BaseBus.presence`."""
    if bus.presence_log is None:
        bus.presence_log = PresenceLog(bus)
    return PresenceWatch(bus, bus.presence_log)
