"""The bus for programs on MicroPython's asyncio: listen, connect, and sessions with streams."""

import asyncio
import sys

from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM, SUITE_CHACHA_SHA256
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_INTERNAL,
    END_LINK_DOWN,
    END_LOCAL,
    PEER_NOT_ALLOWED,
    LocalError,
    PeerError,
)
from dsoftbus.ticks import earliest
from dsoftbus_mpy import node, tcp
from dsoftbus_mpy.clock import clock
from dsoftbus_mpy.connection import Connection, StreamConnection
from dsoftbus_mpy.waiting import change, readable, writable

_ACCEPT_PAUSE_MS = 100  # after a failed accept: no sockets or no memory left, for the moment


class Bus:
    """One node. `key` is its 32-byte static secret (`keyfile.load_or_make` keeps one).

    `allow`: the public keys that may have a session, or None for everyone who proves a key; a
    stream's handler decides what they may do. With a `guard` its trust store decides.
    `on_error(error)` may be replaced: it is told of what a handler raised.
    """

    def __init__(self, key: bytes, name: str = "", profile=None, allow=None, psk=None, guard=None):
        self.node = node.make(key, name, profile, psk, guard)
        self.now = clock()
        self.on_error = _print_error
        self._allow = allow
        self._handlers = {}
        self._listeners = []
        self._ports = []  # of datagram links
        self._calling = None  # the one for sessions from here
        self._connections = []
        self._incoming = []  # no more than there are sessions
        self._arrived = asyncio.Event()
        self._closed = False
        self._due = None  # when the timer task looks next
        self._looked = 0  # when it did last
        self._rearmed = asyncio.Event()
        self._tasks = []  # all but those of connections
        self._timers = None

    @property
    def id(self) -> str:
        return self.node.id

    @property
    def public(self) -> bytes:
        return self.node.public

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        await self.close()

    # Sessions

    async def listen(self, host: str = "0.0.0.0", port: int = 0, link: str = "tcp") -> int:
        """Takes sessions on this address from now on, over `link` ("tcp", "udp", or "auto" for
        both); returns the port."""
        self._start()
        _check_link(link)
        if link != "udp":
            port = self._listen_tcp(host, port)
        return port if link == "tcp" else self._open_port(host, port).port

    def _listen_tcp(self, host: str, port: int) -> int:
        listener = tcp.Listener(host, port)
        self._listeners.append(listener)
        self._tasks.append(self.spawn(self._accept_links(listener)))
        return listener.port

    def open_serial(self, byte_port):
        """Takes sessions on a serial line from now on: `byte_ports.UartPort`, `.ConsolePort`."""
        from dsoftbus_mpy.serial import SerialPort  # only who has such a link pays for it

        self._start()
        opened = SerialPort(self, byte_port)
        self._ports.append(opened)
        return opened

    def _open_port(self, host: str, port: int):
        from dsoftbus_mpy.udp import UdpPort  # only who has such a link pays for it

        opened = UdpPort(self, host, port)
        self._ports.append(opened)
        return opened

    async def connect(
        self,
        host: str,
        port: int,
        peer_public: bytes,
        timeout_ms: int = 20000,
        psk=None,
        link: str = "tcp",
    ):
        """A session with the node whose public key is `peer_public`, or BusError; OSError where
        the address does not resolve. `psk` is the token of an invitation.

        `link`: "tcp" or "udp" and nothing else, or "auto", which tries TCP for half the time and
        UDP once.
        """
        self._start()
        _check_link(link)
        if link == "udp":
            return await self._until(timeout_ms, self._connect_udp, host, port, peer_public, psk)
        if link == "tcp":
            return await self._until(timeout_ms, self._connect, host, port, peer_public, psk)
        half_ms = timeout_ms // 2
        try:
            return await self._until(half_ms, self._connect, host, port, peer_public, psk)
        except PeerError as error:
            if error.code not in (END_LINK_DOWN, END_HANDSHAKE_TIMEOUT):
                raise  # somebody is there, and says no
            self.on_error(LocalError(error.code, "falling back to udp"))
        return await self._until(half_ms, self._connect_udp, host, port, peer_public, psk)

    async def _until(self, timeout_ms: int, connect, host: str, port: int, public, psk):
        try:
            return await asyncio.wait_for_ms(connect(host, port, public, psk), timeout_ms)
        except asyncio.TimeoutError:
            raise PeerError(END_HANDSHAKE_TIMEOUT, "%s:%d" % (host, port))

    async def _connect_udp(self, host: str, port: int, peer_public: bytes, psk) -> Connection:
        udp = self._calling = self._calling or self._open_port("0.0.0.0", 0)
        session = udp.endpoint.connect(
            tcp.resolve(host, port),
            peer_public,
            self.now(),
            SUITE_CHACHA_SHA256,
            psk,
            (LINK_DATAGRAM, host, port),
        )
        connection = udp.adopt(session)
        try:
            udp.turn()
            await connection.established()
        except asyncio.CancelledError:
            connection.abort(END_LOCAL)
            raise
        return connection

    async def _connect(self, host: str, port: int, peer_public: bytes, psk) -> Connection:
        link = tcp.connect(host, port)
        connection = None
        try:
            await writable(link.socket)
            route = (LINK_STREAM, host, port)
            session = self.node.connect(peer_public, self.now(), SUITE_CHACHA_SHA256, psk, route)
            connection = self._adopt(session, link)
            connection.turn()
            await connection.established()
            return connection
        except asyncio.CancelledError:
            if connection is not None:
                connection.abort(END_LOCAL)
            raise
        finally:
            if connection is None:
                link.close()

    def turn(self, session) -> None:
        """After a command to the core: what can move in `session`, moves."""
        for connection in list(self._connections):
            if connection.session is session:
                connection.turn()

    def connection(self, peer_id: str):
        """A live session with a peer, or None."""
        for connection in self._connections:
            session = connection.session
            if not (session.half_open or session.closed) and session.peer_id == peer_id:
                return connection
        return None

    async def accept(self) -> Connection:
        """The next session that a peer has established."""
        while not self._incoming:
            if self._closed:
                raise LocalError(BAD_STATE, "the bus is closed")
            await change(self._arrived)
        return self._incoming.pop(0)

    def __aiter__(self):
        return self

    async def __anext__(self) -> Connection:
        try:
            return await self.accept()
        except LocalError:
            raise StopAsyncIteration

    def on_stream(self, name: str, handler) -> None:
        """`handler(connection, stream)` runs as a task for every stream that a peer opens with
        this name, or, when it ends with "*", with this beginning.

        A bus with handlers answers its streams itself: names without a handler are refused.
        """
        self._handlers[name] = handler

    async def close(self) -> None:
        """Ends every session in order and stops listening."""
        for connection in list(self._connections):
            connection.session.close(self.now())
            connection.turn()
        for connection in list(self._connections):
            await connection.close()  # bounded by the profile's close_ms
        self._closed = True
        self._arrived.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._tasks.clear()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for port in self._ports:
            port.close()

    # Links

    async def _accept_links(self, listener) -> None:
        while True:
            await readable(listener.socket)
            try:
                self._take(listener.accept())
            except (OSError, MemoryError) as error:
                self.on_error(error)
                await asyncio.sleep_ms(_ACCEPT_PAUSE_MS)

    def _take(self, link) -> None:
        try:
            self._adopt(self.node.accept(self.now()), link)
        except PeerError:  # all places are taken
            link.close()
        except MemoryError:
            link.close()
            raise
        for connection in list(self._connections):
            if connection.session.closed:
                connection.turn()  # it gave its place to the new one

    def _adopt(self, session, link) -> Connection:
        try:
            connection = StreamConnection(self, session, link)
        except MemoryError:
            self.node.forget(session)
            raise
        self.adopt(connection)
        self.wake_by(session.poll_timer())
        return connection

    def adopt(self, connection: Connection) -> None:
        self._connections.append(connection)

    # What connections tell their bus

    def on_established(self, connection: Connection) -> None:
        if self._allow is not None and connection.peer_public not in self._allow:
            connection.session.refuse(PEER_NOT_ALLOWED)
        elif not connection.session.initiator and not self.serves:
            self._incoming.append(connection)
            self._arrived.set()

    def on_released(self, connection: Connection) -> None:
        self.node.forget(connection.session)
        self._connections.remove(connection)
        if connection in self._incoming:
            self._incoming.remove(connection)

    def alive(self, late_ms: int) -> bool:
        """Whether no timer is later than `late_ms`, and no task of a link has ended."""
        if self._closed:
            return False
        # What is always due (a link that takes nothing) is not late while it is looked at.
        if self._due is not None and self.now() - max(self._due, self._looked) > late_ms:
            return False
        ended = any(task.done() for task in self._tasks)
        return not ended and not any(port.ended for port in self._ports)

    # Services

    @property
    def serves(self) -> bool:
        """Whether this bus answers the streams of its peers by itself."""
        return bool(self._handlers)

    def handler(self, name: str):
        """What serves streams of this name, or None."""
        if name in self._handlers:
            return self._handlers[name]
        for pattern, handler in self._handlers.items():
            if pattern.endswith("*") and name.startswith(pattern[:-1]):
                return handler
        return None

    def serve(self, handler, connection: Connection, stream) -> None:
        """Runs `handler` on `stream`, as a task."""
        task = self.spawn(self._serve(handler, connection, stream))
        connection.serving += 1
        self._tasks.append(task)

    async def _serve(self, handler, connection: Connection, stream) -> None:
        """A handler's fault ends its stream, and nothing else."""
        try:
            if stream.accept():
                async with stream:
                    await handler(connection, stream)
        finally:
            connection.serving -= 1
            task = asyncio.current_task()
            if task in self._tasks:  # close() has taken them all
                self._tasks.remove(task)

    # Tasks and timers

    def spawn(self, coroutine, connection=None):
        """A task whose fault ends at most `connection`."""
        return asyncio.create_task(self._guard(coroutine, connection))

    async def _guard(self, coroutine, connection) -> None:
        try:
            await coroutine
        except Exception as error:  # noqa: BLE001 - the program's own, or a fault of ours
            self.on_error(error)
            if connection is not None:
                connection.abort(END_INTERNAL)

    def _start(self) -> None:
        if self._closed:
            raise LocalError(BAD_STATE, "the bus is closed")
        if self._timers is None:
            self._timers = self.spawn(self._run_timers())
            self._tasks.append(self._timers)

    def wake_by(self, deadline) -> None:
        """The timers are to look at `deadline` at the latest."""
        if deadline is not None and (self._due is None or deadline < self._due):
            self._due = deadline
            self._rearmed.set()

    async def _run_timers(self) -> None:
        while True:
            now = self._looked = self.now()
            self._due = None
            self._rearmed.clear()
            for connection in list(self._connections):
                self._due = earliest(self._due, connection.handle_timer(now))
            for port in self._ports:
                self._due = earliest(self._due, port.handle_timer(now))
            await self._until_due()

    async def _until_due(self) -> None:
        while self._due is not None:
            delay = self._due - self.now()
            if delay <= 0:
                await asyncio.sleep_ms(0)  # what is always due must not keep others from theirs
                return
            self._rearmed.clear()
            try:
                await asyncio.wait_for_ms(self._rearmed.wait(), delay)
            except asyncio.TimeoutError:
                return
        await change(self._rearmed)


def _check_link(link: str) -> None:
    if link not in ("tcp", "udp", "auto"):
        raise LocalError(BAD_ARGUMENT, "link " + link)


def _print_error(error) -> None:
    """What peers do wrong is theirs and expected; anything else is worth a look."""
    if not isinstance(error, PeerError):
        sys.print_exception(error)
