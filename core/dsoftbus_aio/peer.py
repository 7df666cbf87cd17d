"""Peers by name, for programs: found, reached, and reached again by themselves."""

from dsoftbus.const import KIND_BYTES, LINK_BROKER, LINK_LINE
from dsoftbus.errors import (
    CONNECT_BACKOFF,
    HANDSHAKE_RATE,
    NOT_PAIRED,
    PEER_TABLE_FULL,
    STALE_PEER,
    BusError,
    LocalError,
)
from dsoftbus.trust.naming import asked_for, find
from dsoftbus_aio.naming import trusted_of
from dsoftbus_aio.reconnecting_session import ReconnectingSession

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Route
    from dsoftbus.service.clock import ClockSample
    from dsoftbus.service.directory import Offer
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.contracts import Handler, Progress
    from dsoftbus_aio.services.directory import OffersWatch
    from dsoftbus_aio.services.log_watch import LogWatch
    from dsoftbus_aio.services.share_listing import Shared
    from dsoftbus_aio.services.subscriptions import Updates
    from dsoftbus_aio.stream import BusStream


_WAIT_MS = 20000  # as long as a session may take to begin
_LEAST_MS = 5000  # for one of several routes
_HELD_BACK = (CONNECT_BACKOFF, HANDSHAKE_RATE)  # by the table of peers: not yet, and no failure
_HELD_MS = 500
_LOOK_MS = 250  # how long a change of trust may go unnoticed
_DEAF = ": this node has no discovery, or none yet"
_APART = (LINK_LINE, LINK_BROKER)  # links that the bus has open, or has not


class Peer(ReconnectingSession):
    """A peer, whether it is there now or not: `bus.peer(name)` gives it.

    It is sought from the first `open`, `connected` or `keep` on, or in an `async with` block, and
    from then on it is kept: found by what it announces, reached, and reached again after 1 s, then
    after twice as long, 60 s at most, or when it announces itself; until `close()`, or the end of
    the block or of the bus.

    `name` is what the program called it, `id` whom that means, once that is known. `connection` is
    the session while there is one, and `why` says why there is none: see `ReconnectingSession`.
    """

    def __init__(self, bus: "BaseBus", name: str) -> None:
        super().__init__(bus, self._seek, bus.tell_updates, None, self._heard_at)
        self.name = name
        self.id: str | None = None

    @property
    def path(self) -> str:
        """Its place now, as `Connection.path`; "" while there is no session."""
        return "" if self.connection is None else self.connection.path

    async def open(
        self,
        name: str,
        priority: int = 3,
        kind: int = KIND_BYTES,
        timeout_ms: int = _WAIT_MS,
    ) -> "BusStream":
        """A stream to the peer's service `name`, as `Connection.open`, once there is a session.

        Raises BusError when there was none in `timeout_ms`: its code is that of `why`.
        """
        now = self._bus.now
        deadline = now() + timeout_ms
        while True:
            connection = await self.connected(deadline - now())
            try:
                return await connection.open(name, priority, kind)
            except BusError:
                if connection.cause is None:
                    raise  # a wrong name, or one stream too many

    async def call(self, name: str, value: "Any" = None, timeout_ms: int = 5000) -> "Any":
        """Calls as `Connection.call` does, once there is a session; `timeout_ms` is for both. A
        call is made at most once: it is not repeated in a session to come."""
        connection, left_ms = await self._within(timeout_ms)
        return await connection.call(name, value, left_ms)

    async def offers(self, timeout_ms: int = 5000) -> "list[Offer]":
        """Lists as `Connection.offers` does, once there is a session."""
        connection, left_ms = await self._within(timeout_ms)
        return await connection.offers(left_ms)

    def watch_offers(self) -> "OffersWatch":
        """Watches as `Connection.watch_offers` does, in every session that there is."""
        from dsoftbus_aio.services.directory import OffersWatch  # only who asks pays for it

        return OffersWatch(self, True)

    async def time(self, samples: int = 4, timeout_ms: int = 5000) -> "ClockSample":
        """Asks as `Connection.time` does, once there is a session."""
        connection, left_ms = await self._within(timeout_ms)
        return await connection.time(samples, left_ms)

    async def send(
        self,
        path: "Any",
        name: str = "",
        replace: bool = False,
        progress: "Progress | None" = None,
        timeout_ms: int = _WAIT_MS,
    ) -> "list[Shared]":
        """Sends as `Connection.send` does, and goes on in the sessions to come; each may be
        `timeout_ms` in coming."""
        from dsoftbus_aio.services.share_asking import (
            Sending,
            lasting,  # only who moves files pays for it
        )

        errand = Sending(self._bus.local_files(), path, name, replace, progress)
        return await lasting(self, errand, timeout_ms)

    async def fetch(
        self,
        name: str,
        folder: "Any" = ".",
        replace: bool = False,
        progress: "Progress | None" = None,
        timeout_ms: int = _WAIT_MS,
    ) -> "list[Shared]":
        """Fetches as `Connection.fetch` does, and goes on as `send` does."""
        from dsoftbus_aio.services.share_asking import Fetching, lasting  # as above

        errand = Fetching(self._bus.local_files(), name, folder, replace, progress)
        return await lasting(self, errand, timeout_ms)

    async def files(self, pattern: str = "", timeout_ms: int = _WAIT_MS) -> "list[Shared]":
        """Lists as `Connection.files` does, once there is a session."""
        connection = await self.connected(timeout_ms)
        return await connection.files(pattern)

    def read_logs(self, level: str = "debug", follow: bool = False) -> "LogWatch":
        """Reads as `Connection.read_logs` does, once there is a session; with the next one it goes
        on where it was, or from the beginning of another start's log."""
        from dsoftbus_aio.services.log_watch import LogWatch  # only who reads pays for it

        return LogWatch(self, True, level, follow)

    async def _within(self, timeout_ms: int) -> "tuple[Connection, int]":
        """The session, and how much of the time is left then; 0 is none, for both."""
        now = self._bus.now
        deadline = now() + timeout_ms
        connection = await self.connected(timeout_ms or None)
        return connection, max(deadline - now(), 1) if timeout_ms else 0

    def subscribe(self, text: str) -> "Updates":
        """Subscribes as `Connection.subscribe` does, once there is a session, and again in every
        session to come: `lost` tells what was missed between them. They end with `close()`."""
        from dsoftbus_aio.services.subscriptions import (
            PeerUpdates,  # only who subscribes pays for it
        )

        return PeerUpdates(self, self._bus, text)

    async def connected(self, timeout_ms: int | None = _WAIT_MS) -> "Connection":
        """The session, once there is one that lives; None waits for ever. Raises BusError when
        there was none in `timeout_ms`: its code is that of `why`."""
        self.start()
        return await super().connected(timeout_ms)

    def keep(
        self,
        name: str,
        handler: "Handler",
        priority: int = 3,
        kind: int = KIND_BYTES,
    ) -> None:
        """Opens the stream `name` now and in each session to come: `ReconnectingSession.keep`."""
        self.start()
        super().keep(name, handler, priority, kind)

    async def close(self) -> None:
        """Ends the session, unless the peer has begun it, and what would bring it back; and the
        updates of its topics."""
        self._bus.named.pop(self.name, None)
        for updates in list(self._bus.lasting):
            if updates.peer is self:
                updates.close()
        await super().close()

    # How it is found

    def meant(self) -> str | None:
        """The id that its name means now, or None for nobody's or more than one."""
        try:
            return meant(self._bus, self.name)
        except LocalError:
            return None

    async def _wait(self) -> None:
        """While the peer sleeps nobody dials: it comes back by itself, or is overdue."""
        sleeper = self._sleeper()
        while sleeper is not None and self.connection is None:
            self.why = sleeper.why(self._bus.now())
            await self._changed.change()
            sleeper = self._sleeper()
        seekers = self._bus.seekers = self._bus.seekers or _Seekers(self._bus)
        seekers.add(self)
        try:
            await super()._wait()
        finally:
            seekers.remove(self)

    def _next_look(self) -> int:
        return self._policy.due

    def _lost(self, cause: BusError) -> None:
        if self._bus.sleepers is not None:  # which hear of it later, perhaps
            self._bus.sleepers.left(self.connection)
        super()._lost(cause)

    def _sleeper(self) -> "Any":
        sleepers = self._bus.sleepers
        return None if sleepers is None else sleepers.get(self.id or self.meant())

    async def _part(self, connection: "Connection") -> None:
        if connection.session.initiator:
            await connection.close()

    async def _seek(self) -> "Connection":
        self.id = device = meant(self._bus, self.name)
        if device is None:
            raise _unknown(self._bus, self.name)
        while True:
            try:
                return self._proved(await self._bus.reach(device))
            except LocalError as error:
                if error.code not in _HELD_BACK:
                    raise
            await self._bus.runtime.sleep(_HELD_MS)

    def _proved(self, connection: "Connection") -> "Connection":
        """A name that was only announced is a hint: the handshake has to say the same."""
        text = self.name
        if connection.peer_name == text or self.id in (text, find(text, trusted_of(self._bus))):
            return connection
        raise LocalError(STALE_PEER, text + ": " + connection.peer_id + " has another name")

    def _heard_at(self) -> int:
        """Returns when it announced itself; now, if its name means another peer than it did."""
        device = meant(self._bus, self.name)
        if device != self.id:
            return self._bus.now()
        peers = self._bus.node.peers
        peer = peers.get(device) if device is not None and peers is not None else None
        return -1 if peer is None else peer.heard

    def _named(self, detail: str) -> str:
        return detail if self.name in detail else self.name + ": " + detail

    # Ours

    def came(self, connection: "Connection") -> None:
        """The peer has begun a session itself."""
        if self._task is not None and self._ended is None and self.connection is None:
            try:
                self._adopt(self._proved(connection))
            except LocalError:
                pass  # another has the name now


class _Seekers:
    """The peers of `bus` that wait for another attempt: each is woken by what may mean it, and all
    are when the trust of this node has changed."""

    def __init__(self, bus: "BaseBus") -> None:
        self._bus = bus
        self._waiting: dict[Peer, None] = {}
        self._known: Any = None  # of trust and discovery, when they were looked at
        self._timer = bus.runtime.timer(self._look)

    def add(self, peer: Peer) -> None:
        """`peer` waits from now on."""
        self._waiting[peer] = None
        if len(self._waiting) == 1:
            self._look()

    def remove(self, peer: Peer) -> None:
        """It waits no more."""
        self._waiting.pop(peer, None)

    def _look(self) -> None:
        """Once for all of them, since a trust store tells nobody of its changes."""
        node = self._bus.node
        known = (0 if node.guard is None else node.guard.store.revision, node.peers)
        if known != self._known:
            self._known = known
            if node.peers is not None:
                node.peers.on_heard = self._on_heard
            for peer in list(self._waiting):
                peer._changed.set()
        if self._waiting:
            self._timer.at(self._bus.now() + _LOOK_MS)

    def _on_heard(self, heard: "Any") -> None:
        """Wakes those whose word may mean the peer that discovery has heard."""
        guard = self._bus.node.guard
        entry = None if guard is None else guard.store.get(heard.id)
        names = (heard.name, "" if entry is None else entry.name)
        for peer in asked_for(self._bus.named, heard.id, names):
            peer._changed.set()


def peer_of(bus: "BaseBus", name: str) -> Peer:
    """See `BaseBus.peer`: one object for a name."""
    peer = bus.named.get(name)
    if peer is None:
        if len(bus.named) >= bus.node.profile.peers:
            raise LocalError(PEER_TABLE_FULL, name)
        peer = bus.named[name] = Peer(bus, name)
    return peer


def meant(bus: "BaseBus", text: str) -> str | None:
    """The id of the peer that a program means: of those who are trusted by an id, the beginning of
    an id, or the name that they had when they were paired or else have now; of others, who may
    call themselves as they like, by the id alone.

    None when it is nobody's. Raises LocalError(AMBIGUOUS_NAME).
    """
    trusted = trusted_of(bus)
    found = find(text, trusted)
    peers = bus.node.peers
    if not found and peers is not None:
        ids = [entry.id for entry in trusted]
        found = find(text, (), [peer for peer in peers if peer.id in ids or peer.id == text])
    return found or None


def _unknown(bus: "BaseBus", text: str) -> LocalError:
    if bus.node.peers is None:
        return LocalError(STALE_PEER, text + _DEAF)
    if find(text, (), bus.node.peers):
        return LocalError(NOT_PAIRED, text + ": it is heard, and not paired with this node")
    return LocalError(STALE_PEER, text + ": nobody by that name or id is paired or heard")


async def reach(
    bus: "BaseBus",
    device: str,
    explained: "Callable[[Any, str, Any], Exception] | None" = None,
    timeout_ms: int = _WAIT_MS,
) -> "Connection":
    """See `BaseBus.reach`. `explained(error, device, route)` may say more of a failure."""
    live = bus.connections(device)
    if live:
        return live[0]
    peers = bus.node.peers
    if peers is None:
        raise LocalError(STALE_PEER, device + _DEAF)
    peer = peers.attempt(device, bus.now())
    failure: Exception = LocalError(STALE_PEER, device)
    routes = _distinct(bus, peer.routes())
    if hasattr(bus, "moving"):
        routes = bus.moving.ordered(routes)
    for route in routes:
        try:
            return await _along(bus, route, peer.public, timeout_ms // len(routes), timeout_ms)
        except (BusError, OSError) as error:
            failure = error if explained is None else explained(error, device, route)
    peers.failed(device, bus.now())
    raise failure


def _distinct(bus: "BaseBus", routes: "list[Route]") -> "list[Route]":
    found: list[Route] = []
    for route in routes:
        if route not in found and (route[0] in bus.LINKS or route[0] in _APART):
            found.append(route)
    return found


async def _along(
    bus: "BaseBus", route: "Route", public: bytes, share_ms: int, whole_ms: int
) -> "Connection":
    """A cable or a broker may be slow, and has the whole time."""
    kind, host, port = route
    if kind in bus.LINKS:
        wait_ms = max(share_ms, _LEAST_MS)
        return await bus.connect(host, port, public, wait_ms, None, bus.LINKS[kind])
    line: Any = bus.line(host)
    if line is None:
        raise LocalError(STALE_PEER, "no line or group " + host)
    connection: Connection = await line.connect(public, whole_ms, None, port)
    return connection
