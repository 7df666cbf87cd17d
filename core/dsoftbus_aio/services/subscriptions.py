"""Subscriptions for programs (docs/services.md). Programs that have none do not load this."""

from dsoftbus.const import KIND_MESSAGES, TOPICS_STREAM
from dsoftbus.errors import END_NO_MEMORY, STREAM_REFUSED, BusError, LocalError
from dsoftbus.service.filters import PREFIX, is_filter, is_own, is_wide
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus.service.topic_status import BAD_FILTER, TopicError
from dsoftbus_aio.naming import name_of
from dsoftbus_aio.services.service_line import ServiceLine

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.service.subscriber import Subscription, Update
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.peer import Peer


_PRIORITY = 2  # as calls have it
_LOOK_MS = 1000  # how long a peer that was paired may go unnoticed
_RETRY_MS = 1000  # after a refusal; then twice as long
_RETRY_MAX_MS = 60000
_LACKING = (END_NO_MEMORY, STREAM_REFUSED)  # memory, on either side, for the moment


# Public


class Updates:
    """Updates, for `async for`: each has `topic`, `value`, `lost`, `event`, and `peer`, which is a
    `Source`. A program that leaves the loop before its end calls `close()`, or has it in an
    `async with` block."""

    peer: "Any" = None  # the Peer whose they are, where they are one peer's

    def __init__(self, bus: "BaseBus", text: str) -> None:
        if not is_filter(text):
            raise TopicError(BAD_FILTER, str(text))
        self.bus = bus
        self.filter = text
        self._sources: dict[str, Source] = {}  # by the peer's id, where there are several
        self._ready: list[Source] = []  # sources to look at
        self._signal = bus.runtime.signal()
        self._failure: BusError | None = None
        self._closed = False

    def __aiter__(self) -> "Updates":
        return self

    async def __anext__(self) -> "Update":
        while True:
            update = self._next()
            if update is not None:
                return update
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._closed:
                raise StopAsyncIteration
            await self._signal.change()

    async def __aenter__(self) -> "Updates":
        return self

    async def __aexit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        self.close()

    def close(self) -> None:
        """No further update is wanted."""
        for source in self._sources.values():
            source.detach()
        self.finish(None)
        self._ready = []

    # Ours

    def finish(self, failure: BusError | None) -> None:
        """Ends it; what has come can be taken, and then `failure` is raised."""
        if not self._closed:
            self._closed = True
            self._failure = failure
        self._signal.set()

    def look_at(self, source: "Source") -> None:
        """`source` has news."""
        if not source.ready:
            source.ready = True
            self._ready.append(source)
        self._signal.set()

    def on_session(self, connection: "Connection") -> None:
        """There is a session; it may be one of those that this waits for."""
        raise NotImplementedError

    def ended(self, source: "Source", error: BusError | None) -> None:
        """The subscription to `source` is over, with its session unless `error` says why."""
        raise NotImplementedError

    def _next(self) -> "Update | None":
        """The next update of those that have one, in turns."""
        while self._ready:
            source = self._ready.pop(0)
            update = source.take()
            if update is not None:
                self._ready.append(source)
                return update
            source.ready = False
        return None


# Ours


class SubscribingLine(ServiceLine):
    """The subscriptions of programs here to one peer."""

    def subscribe(self, text: str, seen: Seen, context: "Source") -> "Subscription":
        """Begins one; its `context` hears of its news."""
        made = self.machine.subscribe(text, seen)
        made.context = context
        self.turn()
        return made

    def unsubscribe(self, subscription: "Subscription") -> None:
        """Nobody wants its updates any more."""
        self.machine.close(subscription)
        self.turn()

    def take(self, subscription: "Subscription") -> "Update | None":
        """The next update, or None. Raises BusError: the subscription is over."""
        try:
            return self.machine.take(subscription)
        except TopicError:
            raise
        except BusError as error:
            self.fail(error.code)
            raise
        finally:
            if self.machine.owes or self._stream.over:
                self.turn()

    def _tell(self) -> None:
        subscription = self.machine.next_event()
        while subscription is not None:
            subscription.context.set()
            subscription = self.machine.next_event()

    def _end(self, code: int) -> None:
        self.machine.end(code)


class Source:
    """One peer, as its updates have it: `id` (empty until there was a session), `name`, and the
    `connection` to it, or None."""

    def __init__(self, updates: "Updates", device: str, name: str) -> None:
        self.id = device
        self.name = name
        self.connection: Connection | None = None
        self.retry_at = -1  # when a refusal is asked about again
        self.ready = False  # `updates` has it among those to look at
        # Its last states, while it sleeps, and when they came
        self.recalled: list[tuple[Update, int]] = []
        self._retry_ms = _RETRY_MS
        self._updates = updates
        self._seen = Seen(updates.bus.node.profile.topics)
        self._line: SubscribingLine | None = None
        self._subscription: Subscription | None = None

    def set(self) -> None:
        """There is news of it."""
        subscription = self._subscription
        if subscription is not None and subscription.state == OVER and not subscription.bodies:
            self._over(subscription.error)
        self._updates.look_at(self)

    def attach(self, connection: "Connection") -> None:
        """Subscribes in this session, unless it has a subscription that is not read to its end.
        Raises BusError."""
        if self._subscription is not None:
            return
        self.retry_at = -1
        line = _line(connection, self._updates.filter)
        self.id = connection.peer_id
        self.connection = connection
        self._line = line
        self._subscription = line.subscribe(self._updates.filter, self._seen, self)

    def attached(self, connection: "Connection") -> BusError | None:
        """Does what `attach` does; returns why it could not, unless the session has ended."""
        try:
            self.attach(connection)
        except BusError as error:
            return error if connection.cause is None else None
        except MemoryError:
            return LocalError(END_NO_MEMORY, self._updates.filter)
        return None

    def detach(self) -> None:
        """Nobody wants its updates any more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._line is not None and not self._line.ended:
            self._line.unsubscribe(subscription)

    def take(self) -> "Update | None":
        """The next update, or None."""
        if self.recalled:
            return self._recalled()
        subscription = self._subscription
        if subscription is None or self._line is None:
            return None
        try:
            update = self._line.take(subscription)
        except BusError as error:
            self._over(error)
            return None
        if update is not None:
            self._retry_ms = _RETRY_MS
            update.peer = self
            if self._updates.bus.sleepers is not None:
                self._updates.bus.sleepers.heard(self.id, update, self._seen)
        elif subscription.state == OVER:
            self._over(subscription.error)
        return update

    def _recalled(self) -> "Update":
        update, heard_at = self.recalled.pop(0)
        update.age_ms = self._updates.bus.now() - heard_at
        update.peer = self
        return update

    def recall(self, device: str) -> None:
        """The last states of the peer with this id, if it is asleep: each with its age."""
        sleepers = self._updates.bus.sleepers
        if sleepers is not None and self._subscription is None:
            self.recalled = sleepers.last(device, self._updates.filter, self._seen)
            if self.recalled:
                self._updates.look_at(self)

    def retry_later(self) -> None:
        """It was refused, and may not be for ever."""
        self.retry_at = self._updates.bus.now() + self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, _RETRY_MAX_MS)

    def _over(self, error: BusError | None) -> None:
        """`error` has ended it: the session's end, or a refusal."""
        connection, self.connection = self.connection, None
        self._subscription = None
        if connection is not None and connection.session.closed:
            error = None
        self._updates.ended(self, error)


class ConnectionUpdates(Updates):
    """Those of one session. They end with it."""

    def __init__(self, connection: "Connection", text: str) -> None:
        super().__init__(connection.bus, text)
        self._sources[""] = source = Source(self, connection.peer_id, connection.peer_name)
        source.attach(connection)

    def ended(self, _source: Source, error: BusError | None) -> None:
        """It ends as its subscription does."""
        self.finish(error)


class LastingUpdates(Updates):
    """Those that outlive a session: their bus tells them of each."""

    def __init__(self, bus: "BaseBus", text: str) -> None:
        super().__init__(bus, text)
        self._timer = bus.runtime.timer(self._look)
        bus.lasting.append(self)

    def finish(self, failure: BusError | None) -> None:
        """See `Updates.finish`."""
        self._timer.close()
        if self in self.bus.lasting:
            self.bus.lasting.remove(self)
        super().finish(failure)

    def _look(self) -> None:
        """The time for another attempt has come."""
        raise NotImplementedError


class PeerUpdates(LastingUpdates):
    """Those of one peer, in every session that there is with it."""

    def __init__(self, peer: "Peer", bus: "BaseBus", text: str) -> None:
        super().__init__(bus, text)
        self.peer = peer
        self._source = self._sources[""] = Source(self, peer.id or "", peer.name)
        peer.start()
        self._look()
        self._source.recall(peer.meant() or "")

    def on_session(self, _connection: "Connection") -> None:
        """The peer knows which session is its own."""
        self._look()

    def ended(self, source: Source, error: BusError | None) -> None:
        """A refusal ends it. The end of a session does not, nor does a lack of memory."""
        if error is None:
            self._look()
        elif error.code in _LACKING:
            source.retry_later()
            self._timer.at(source.retry_at)
        else:
            self.finish(error)

    def _look(self) -> None:
        connection = self.peer.connection
        if connection is not None and connection.cause is None and not self._closed:
            error = self._source.attached(connection)
            if error is not None:
                self.ended(self._source, error)


class BusUpdates(LastingUpdates):
    """Those of all peers: of a node with a trust store those that are trusted, and they are
    sought; else all that there are sessions with."""

    def __init__(self, bus: "BaseBus", text: str) -> None:
        super().__init__(bus, text)
        self._peers: dict[str, Peer] = {}  # that are sought, by id
        self._known: Any = None  # of the trust store and discovery, when they were looked at
        self._look()
        for connection in bus.connections():
            self.on_session(connection)
        if bus.sleepers is not None:
            for device, name in bus.sleepers.names():
                self._recall(device, name)

    def on_session(self, connection: "Connection") -> None:
        """Subscribes, if the peer counts."""
        device = connection.peer_id
        if self._closed or not self._counts(device) or not self._has_place(device):
            return
        source = self._sources.get(device)
        if source is None:
            source = self._sources[device] = Source(self, device, "")
        source.name = name_of(connection)
        error = source.attached(connection)
        if error is not None:
            self.ended(source, error)

    def ended(self, source: Source, error: BusError | None) -> None:
        """Another session may be there already. A refusal is asked about again, later."""
        if error is None:
            self._renew(source)
            return
        if not isinstance(error, LocalError):  # which this node's own rules say
            self.bus.tell(error)
        source.retry_later()

    def _recall(self, device: str, name: str) -> None:
        if self._counts(device) and device not in self._sources and self._has_place(device):
            self._sources[device] = source = Source(self, device, name)
            source.recall(device)

    def _renew(self, source: Source) -> None:
        live = self.bus.connections(source.id)
        if live:
            self.on_session(live[0])

    def _look(self) -> None:
        """Seeks those who were paired, leaves those who were unpaired, and asks again where it was
        refused."""
        node = self.bus.node
        if node.guard is not None:
            known = (node.guard.store.revision, node.peers is not None)
            if known != self._known:
                self._known = known
                self._follow(node.guard.store, node.peers is not None)
        now = self.bus.now()
        for source in list(self._sources.values()):
            if 0 <= source.retry_at <= now:
                self._renew(source)
        self._timer.at(now + _LOOK_MS)

    def _follow(self, store: "Any", seeking: bool) -> None:
        for entry in store:
            if seeking and entry.id not in self._peers and entry.id != self.bus.id:
                self._seek(entry.id)
            self._meet(entry.id)
        for device in list(self._peers):
            if store.get(device) is None:
                self.bus.spawn(self._peers.pop(device).close())
                self._sources.pop(device, None)

    def _seek(self, device: str) -> None:
        try:
            peer = self.bus.peer(device)
        except BusError as error:  # there are as many as the profile has
            self.bus.tell(error)
            return
        self._peers[device] = peer
        peer.start()

    def _meet(self, device: str) -> None:
        """A session may be older than the trust in its peer."""
        if device not in self._sources:
            for connection in self.bus.connections(device):
                self.on_session(connection)

    def _counts(self, device: str) -> bool:
        guard = self.bus.node.guard
        return guard is None or guard.store.get(device) is not None

    def _has_place(self, device: str) -> bool:
        """Returns whether there is a place for one more: there are as many as the node knows
        peers, and those that are gone make room."""
        sources = self._sources
        if device in sources or len(sources) < self.bus.node.profile.peers:
            return True
        for other in list(sources):
            if sources[other].connection is None:
                del sources[other]
                return True
        return False


def _line(connection: "Connection", text: str) -> SubscribingLine:
    """The line for subscriptions from here, which the first one opens. Raises BusError."""
    control = connection.session.mux.control
    if control is not None and not is_wide(text) and not is_own(text):
        code = control.gate(True, PREFIX + text)
        if code:
            raise LocalError(code, PREFIX + text)
    if connection.session.closed:
        raise connection.cause
    line = connection.subscribing
    if line is None or line.ended:
        profile = connection.session.local.profile
        stream = connection.session.open(TOPICS_STREAM, _PRIORITY, KIND_MESSAGES)
        line = connection.subscribing = SubscribingLine(connection, stream, Subscriber(profile))
        connection.turn()
    return line
