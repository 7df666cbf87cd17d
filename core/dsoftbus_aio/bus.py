"""The bus for programs: listen, connect, and sessions with streams. A port adds its links."""

import asyncio

from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM, OWN_PREFIX
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    END_LOCAL,
    END_NO_MEMORY,
    HANDLER_FAILED,
    STREAM_CANCELLED,
    LocalError,
    Unsupported,
)
from dsoftbus_aio.connection import Connection

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.service.directory import Offer
    from dsoftbus.session.session import Session
    from dsoftbus_aio.contracts import Handler
    from dsoftbus_aio.datagram_port import DatagramPort
    from dsoftbus_aio.peer import Peer
    from dsoftbus_aio.presence import PresenceLog, PresenceWatch
    from dsoftbus_aio.services.directory import Directory
    from dsoftbus_aio.services.records import Records
    from dsoftbus_aio.services.share import Transfer
    from dsoftbus_aio.services.share_files import Files
    from dsoftbus_aio.services.subscriptions import Updates
    from dsoftbus_aio.services.topics import Publishing
    from dsoftbus_aio.stream import BusStream
    from dsoftbus_aio.stream_port import StreamPort


_PORT_MAX = 65535


class BaseBus:
    """One node and what it does on its links. `node` is the core's, `runtime` the port's.

    A port has `_listen`, `connect_over` and `_log_error`, and what it calls its serial lines.
    """

    LINKS = {LINK_STREAM: "tcp", LINK_DATAGRAM: "udp"}  # by their kinds in routes
    answers = False  # whether it answers the bus's own calls where the program has none
    # Where sessions that begin here may move: a `moving.Moving`, and who hears of those that have.
    moving: "Any"
    on_moved: "Callable[[Connection], object] | None"
    sleepers: "Any" = None  # a `sleepers.Sleepers`, where peers may sleep

    def __init__(self, node: "Any", runtime: "Any") -> None:
        self.node = node
        self.id = node.id
        self.public = node.public
        self.now = runtime.now
        self.spawn = runtime.spawn
        self.on_error: Callable[[Exception], object] = self._log_error
        self.closed = False
        # Ours
        self.runtime = runtime
        # on_name(name) hears the names of streams that are asked for here
        self.on_name: Callable[[str], object] | None = None
        self.serves = False  # whether it answers the streams of its peers by itself
        self.handlers: dict[str, Handler] = {}  # by the name that they serve, or a prefix and "*"
        self.calls: dict[str, Callable[..., Any]] = {}  # by the name that they answer
        self.notes: dict[str, tuple[str, str]] = {}  # on these, for the directory: about, shape
        self.begun: dict[str, Any] = {}  # services of the bus's own, by the right to them
        self.publishing: Publishing | None = None  # once there is something to publish
        self.lasting: list[Updates] = []  # that look for sessions
        self._streams: StreamPort | None = None  # its StreamPort, once it is asked for
        self._ports: list[DatagramPort] = []  # of datagram links
        node.links = self._ports
        self._connections: dict[Session, Connection] = {}  # by session
        self._incoming: list[Connection] = []  # no more than there are sessions
        self.named: dict[str, Peer] = {}  # those of `peer`
        self.seekers: Any = None  # of these, once one waits
        self.directory: Directory | None = None  # once somebody may watch it
        self.presence_log: PresenceLog | None = None  # once it is asked for
        self._arrived = runtime.signal()
        self._timer = runtime.timer(self._on_timer)

    async def __aenter__(self) -> "Any":
        return self

    async def __aexit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        await self.close()

    # Sessions

    async def listen(self, host: str = "", port: int = 0, link: str = "tcp") -> int:
        """Takes sessions on this address from now on, by default at every one that links here
        have; over `link` ("tcp", "udp", or "auto" for both). Returns the port: with port 0 it is
        one that is free."""
        self._check(link, port, 0)
        return self._listen(host, port, link)

    async def connect(
        self,
        host: str,
        port: int,
        peer_public: bytes,
        timeout_ms: int = 20000,
        psk: bytes | None = None,
        link: str = "tcp",
        suite: int = 0,
    ) -> Connection:
        """A session with the node whose public key is `peer_public`, or BusError; OSError where
        the address does not resolve. `psk` is the token of an invitation.

        `link`: "tcp" or "udp" and nothing else, or "auto", which tries TCP for half the time and
        UDP once. `suite`: 0 for the best that both have.
        """
        self._check(link, port, 1)
        from dsoftbus_aio.calling import connect  # as it says

        return await connect(self, host, port, peer_public, timeout_ms, psk, link, suite)

    def peer(self, name: str) -> "Peer":
        """The peer of this name or id (or the beginning of its id), whether it is there now or
        not: see `Peer`. It is one object for each name.

        A name, or a part of an id, means one of those who are trusted, since anyone else may call
        itself so; a whole id means whoever has that key. Raises LocalError(PEER_TABLE_FULL) for
        more than the profile's `peers`.
        """
        self.check_open()
        from dsoftbus_aio.peer import peer_of  # only who asks for one pays for it

        return peer_of(self, name)

    async def reach(self, device: str) -> Connection:
        """A session with the peer of this id, wherever it was heard of; an old one if it lives.

        Raises BusError: STALE_PEER while it is not heard of, CONNECT_BACKOFF or HANDSHAKE_RATE to
        wait; else, and OSError, as the last route to it failed.
        """
        from dsoftbus_aio.peer import reach  # as above

        return await reach(self, device)

    def connections(self, peer_id: str = "") -> list[Connection]:
        """The live sessions with a peer, or with all."""
        found = []
        for session, connection in self._connections.items():
            live = not (session.half_open or session.closed)
            if live and peer_id in ("", session.peer_id):
                found.append(connection)
        return found

    async def accept(self) -> Connection:
        """The next session that a peer has established, and that lives."""
        while True:
            while self._incoming:
                connection = self._incoming.pop(0)
                if not connection.session.closed:
                    return connection
            self.check_open()
            await self._arrived.change()

    def __aiter__(self) -> "Any":
        return self

    async def __anext__(self) -> Connection:
        try:
            return await self.accept()
        except LocalError:
            raise StopAsyncIteration

    def on_stream(self, name: str, handler: "Handler") -> None:
        """`handler(connection, stream)` runs as a task for every stream that a peer opens with
        this name, or, when it ends with "*", with this beginning.

        A bus with handlers answers its streams itself: names without a handler are refused.
        """
        self.handlers[name] = handler
        self.serves = True
        if self.on_name is not None:
            self.on_name(name)

    def call(self, name: str, about: str = "", shape: str = "") -> "Any":
        """`@bus.call("led/set")` before a function: it answers the calls of this name. `about`, a
        line for people, and `shape`, that of its values in words, are for the directory.

        `handler(connection, value)` is a function or a coroutine function; what it returns is the
        caller's value, and an async iterator's items are a reply in parts. It raises
        `CallError(number, text)` for errors of its own; of others the caller learns no more than
        that it failed, and they go to `on_error`. Raises LocalError for a name that begins with
        `dsoftbus/`: these are the bus's own.
        """
        if name.startswith(OWN_PREFIX):
            raise LocalError(BAD_ARGUMENT, name)
        if about or shape:
            from dsoftbus.service.directory import check  # only who says so much pays for it

            check(about=about, shape=shape)
            self.notes[name] = (about, shape)

        def register(handler: "Any") -> "Any":
            self.calls[name] = handler
            if self.on_name is not None:
                self.on_name("call/" + name)
            if self.directory is not None:
                self.directory.change()
            return handler

        return register

    def share(
        self,
        folder: "Any",
        quota: int | None = None,
        on_transfer: "Callable[[Transfer], None] | None" = None,
    ) -> None:
        """Shares `folder`, as the rules allow each peer (`share/NAME`, `replace/NAME`): they store
        files there, fetch and list them (docs/share.md). `quota` is how many bytes may lie in it;
        `on_transfer(transfer)` hears how each transfer ends.

        Raises LocalError: BAD_ARGUMENT for a folder in which a secret of this node lies, BAD_STATE
        for a second one; OSError where there is none.
        """
        from dsoftbus_aio.services.share import share  # only who shares pays for it

        share(self, folder, quota, on_transfer)

    def updates(self, place: "Any" = None) -> None:
        """Lets peers with the right `update` put new versions onto this board (docs/updates.md).
        `place` is what is updated: that page says what it has; without one this machine, which
        raises Unsupported, when a peer asks, where it is no board."""
        from dsoftbus_aio.services.update_gate import UpdateGate  # only who is updated pays for it

        UpdateGate(self, place)

    def console(self) -> None:
        """Lets peers with the right `console` do all that this board can (docs/console.md)."""
        from dsoftbus_aio.services.console_gate import ConsoleGate  # only who has one pays for it

        self.begun["console"] = ConsoleGate()

    def log(self, level: str, text: str) -> None:
        """Adds `text` to this node's log, as `logs` keeps it: `level` is "debug", "info",
        "warning" or "error", else it raises LocalError(BAD_ARGUMENT)."""
        from dsoftbus_aio.services.records import say  # only who has a log pays for it

        say(self, level, text)

    def logs(self) -> "Records":
        """Keeps the last of what programs say and of errors from now on (docs/console.md)."""
        from dsoftbus_aio.services.records import records  # as above

        return records(self)

    async def offers(self, timeout_ms: int = 5000) -> "list[Offer]":
        """The offers of every peer that there is a session with; `peer_id` and `peer_name` of each
        say whose it is. Peers that do not answer in time, or have no directory, are left out."""
        from dsoftbus_aio.services.directory import offers_of_all  # only who asks pays for it

        return await offers_of_all(self, timeout_ms)

    async def step_clock(self, offset_us: int, most_us: int = 1000000000) -> None:
        """Moves the clock of this board by what `Connection.time` gave; one that is set by at most
        `most_us`. It may take a second.

        Raises LocalError(CLOCK_STEP), and Unsupported where there is no clock to set.
        """
        from dsoftbus_aio.services.clock import step  # as above

        await step(self, offset_us, most_us)

    def presence(self) -> "PresenceWatch":
        """The peers that there are sessions with: `async for peer in bus.presence()` gets first
        one item for each, and then one for each that comes, or whose last session ends (see
        `Presence`); at the end of the bus it ends."""
        from dsoftbus_aio.presence import watch  # as above

        return watch(self)

    def publish(self, name: str, value: "Any") -> None:
        """Publishes a value under this name, to all who subscribe to it and may: a state, which
        keeps its last value, unless `topic` has declared events. It never blocks: who is slow
        gets the latest state, and learns how many events it did not get.

        Raises LocalError for what is no name or no value, TopicError(TOO_MANY) for more topics
        than the profile has.
        """
        (self.publishing or self.begin_publishing()).publish(name, value)

    def topic(
        self, name: str, event: bool = False, about: str = "", unit: str = "", shape: str = ""
    ) -> None:
        """Declares a topic: of states, or of events, of which each counts. `about` is a line for
        people, `shape` says in words what its values are. Raises as `publish`; LocalError
        (BAD_STATE) for a state that is to have events, or the reverse."""
        if about or unit or shape:
            from dsoftbus.service.directory import check  # as above

            check(about=about, unit=unit, shape=shape)
        publishing = self.publishing or self.begin_publishing()
        publishing.declare(name, event, about, unit, shape)

    def withdraw(self, name: str) -> bool:
        """The topic is no more. False: there was none."""
        return self.publishing is not None and self.publishing.topics.withdraw(name)

    def subscribe(self, text: str) -> "Updates":
        """The updates of topics that this filter matches, of every peer that is trusted, those to
        come, too; without a trust store of every peer that there is a session with. A peer that
        refuses is asked again, later; `on_error` hears of it."""
        self.check_open()
        from dsoftbus_aio.services.subscriptions import (
            BusUpdates,  # only who subscribes pays for it
        )

        return BusUpdates(self, text)

    async def close(self) -> None:
        """Ends every session in order and stops listening."""
        self.closed = True
        for updates in list(self.lasting):
            updates.finish(None)
        if self._streams is not None:
            self._streams.close()
        for service in self.begun.values():
            service.close()
        for connection in list(self._connections.values()):
            connection.begin_close()
        try:
            for connection in list(self._connections.values()):
                await connection.close()  # within `close_ms`, or what a slow path takes
        finally:
            self._close_links()
            await self.runtime.close()

    # Ours: what a port supplies

    def _close_links(self) -> None:
        """Closes what is open still; of sessions, those that closing in order was cut short of."""
        for connection in list(self._connections.values()):
            connection.abort(END_LOCAL)
        for port in self._ports:
            try:
                port.close()
            except Exception as error:  # noqa: BLE001 - a fault of ours: the others go, too
                self.report(error, None)
        self._arrived.set()
        if self.presence_log is not None:
            self.presence_log.changed.set()

    def _listen(self, host: str, port: int, link: str) -> int:
        """Listens over `link`, "auto" for both links on one port, or not at all."""
        raise NotImplementedError

    async def connect_over(
        self,
        link: str,
        host: str,
        port: int,
        public: bytes,
        timeout_ms: int,
        psk: bytes | None,
        suite: int,
    ) -> Connection:
        """A session over `link`: "tcp" or "udp"."""
        raise NotImplementedError

    def local_files(self) -> "Files":
        """The files of this machine, for shares: `services.share_files`."""
        raise NotImplementedError

    def update_place(self) -> "Any":
        """The board that this is, as `updates` needs it. Raises Unsupported."""
        raise Unsupported("updates of a machine that is no board")

    def traceback(self, error: BaseException) -> str:
        """Returns the text of an error with its traceback, for who has its source run here."""
        raise NotImplementedError

    def _log_error(self, error: Exception) -> None:
        """Reports an error of a program that has no `on_error` of its own."""
        raise NotImplementedError

    def log_source(self, records: "Records") -> "Any":
        """Adds what programs say elsewhere to `records`, until `close()` of what it returns."""
        raise NotImplementedError

    # Links

    def check_open(self) -> None:
        """Raises LocalError(BAD_STATE) once the bus is closed."""
        if self.closed:
            raise LocalError(BAD_STATE, "the bus is closed")

    def _check(self, link: str, port: int, least: int) -> None:
        self.check_open()
        if link != "auto" and link not in self.LINKS.values():
            raise Unsupported("link " + link)
        if not least <= port <= _PORT_MAX:
            raise LocalError(BAD_ARGUMENT, "port %d" % port)

    @property
    def streams(self) -> "StreamPort":
        """The StreamPort of this bus."""
        if self._streams is None:
            from dsoftbus_aio.stream_port import StreamPort  # only who has such links pays for it

            self._streams = StreamPort(self)
        return self._streams

    def line(self, path: str) -> "Any":
        """The serial line (a LinePort) that is open at `path`, or the port of the group with this
        name; or None."""
        for port in self._ports:
            if path and port.path == path:
                return port
        return None

    def open_port(self, port: "DatagramPort") -> "Any":
        """`port` (a DatagramPort) is one of this bus from now on, and looked at."""
        try:
            self._ports.append(port)
            port.watch()
        except Exception:
            if port in self._ports:
                self._ports.remove(port)
            port.close()
            raise
        return port

    def adopt(self, connection: Connection) -> None:
        self._connections[connection.session] = connection
        connection.start()

    # What connections and ports tell their bus

    def turn(self, session: "Session") -> None:
        """After a command to the core: what can move in `session`, moves."""
        connection = self._connections.get(session)
        if connection is not None:
            connection.turn()

    def on_established(self, connection: Connection) -> None:
        self.turn_evicted()
        if self.presence_log is not None:
            self.presence_log.came(connection)
        if not connection.session.initiator and not self.serves:
            try:
                self._incoming.append(connection)
            except MemoryError:
                connection.session.refuse(END_NO_MEMORY)
            self._arrived.set()
        self.time_node()
        self.tell_updates(connection)

    def tell_updates(self, connection: Connection) -> None:
        """There is a session: some subscriptions may have waited for it."""
        for updates in list(self.lasting):
            updates.on_session(connection)

    def turn_evicted(self) -> None:
        """A session that gave its place to another tells its peer so; now: it is to be gone when
        the next one comes."""
        leaving = self.node.evicted
        if leaving is not None:
            self.node.evicted = None
            if leaving in self._connections:
                self._connections[leaving].drive()

    def on_released(self, connection: Connection) -> None:
        """The connection is gone; it may say so more than once."""
        if self._connections.pop(connection.session, None) is None:
            return
        if connection in self._incoming:
            self._incoming.remove(connection)
        if self.presence_log is not None:
            self.presence_log.left(connection)
        try:
            self.node.forget(connection.session)
        except Exception as error:  # noqa: BLE001 - most likely a lack of memory
            self.report(error, connection.session)  # of its end the program hears no more
        self.time_node()

    def time_node(self) -> None:
        """Has the node's own timers looked at soon, for they may have changed."""
        self._timer.at(0)

    def _on_timer(self) -> None:
        self.node.handle_timer(self.now())
        self._timer.at(self.node.poll_timer())

    def tell(self, error: Exception) -> None:
        """The program hears of `error`, which is its own."""
        try:
            self.on_error(error)
        except MemoryError:
            pass  # of that it hears another time
        except Exception as fault:  # noqa: BLE001 - the program's own, and its last word
            self._log_error(fault)

    def report(self, error: Exception, session: "Session | None") -> None:
        """A fault of ours, or what is lacking; in `session`, where it was one's."""
        self.tell(error)

    # Services

    def begin_publishing(self) -> "Publishing":
        """Peers that would subscribe have waited for this."""
        from dsoftbus_aio.services.topics import Publishing  # only who publishes pays for it

        publishing = self.publishing = Publishing(self)
        for connection in self.connections():
            stream = connection.subscribed
            if stream is not None and not stream.over:
                publishing.serve(connection, stream)
        return publishing

    def handler(self, name: str) -> "Handler | None":
        """Returns the handler of streams of this name, or None. No pattern of a program's matches
        streams of the bus's own."""
        if name in self.handlers or name.startswith(OWN_PREFIX):
            return self.handlers.get(name)
        for pattern, handler in self.handlers.items():
            if pattern.endswith("*") and name.startswith(pattern[:-1]):
                return handler
        return None

    def serve(self, handler: "Handler", connection: Connection, stream: "BusStream") -> None:
        """Runs `handler` on `stream`, as a task."""
        self.spawn(self._serve(handler, connection, stream))
        connection.serving += 1

    async def _serve(
        self, handler: "Handler", connection: Connection, stream: "BusStream"
    ) -> None:
        """A handler's fault ends its stream, of which the peer is told, and nothing else."""
        try:
            if stream.accept():
                await handler(connection, stream)
                stream.end_in_order()
        except asyncio.CancelledError:
            stream.reset()
            if self.closed:
                raise
            self.tell(LocalError(STREAM_CANCELLED, stream.name))
        except Exception:
            stream.reset(HANDLER_FAILED)
            raise
        finally:
            connection.serving -= 1
