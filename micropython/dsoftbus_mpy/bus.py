"""The bus for programs on MicroPython's asyncio: listen, connect, and sessions with streams."""

import asyncio

from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_INTERNAL,
    END_LINK_DOWN,
    END_LOCAL,
    END_NO_MEMORY,
    STREAM_CANCELLED,
    LocalError,
    PeerError,
)
from dsoftbus.ticks import earliest
from dsoftbus_mpy import node
from dsoftbus_mpy.clock import clock
from dsoftbus_mpy.connection import Connection
from dsoftbus_mpy.overlay import give_back
from dsoftbus_mpy.waiting import change, hasten

_PAUSE_MS = 100  # no memory left, for the moment
_LONG_MS = 1 << 22  # an hour, when nothing is due
# Made now: an except clause with two names would make it when there may be no memory for it.
_CUT_SHORT = (asyncio.CancelledError, MemoryError)


class Bus:
    """One node. `key` is its 32-byte static secret (`keyfile.load_or_make` keeps one).

    Nobody may begin a session with it but the peers that `allow` names: their public keys, or
    ANYONE for every peer that proves some key; a stream's handler decides what they may do. With
    a `guard` its trust store decides; with both, both have to agree. `psk`: 32 bytes that every
    peer has to show; without `allow` and `guard` that is enough.
    `on_error(error)` may be replaced: it is told of what a handler raised.
    """

    def __init__(self, key: bytes, name: str = "", profile=None, allow=None, psk=None, guard=None):
        self.node = node.make(key, name, profile, psk, guard, allow)
        self.now = clock()
        self.on_error = _print_error
        self._handlers = {}
        self._tcp = None  # its TcpPort, once it is asked for
        self._ports = []  # of datagram links
        self._calling = None  # the one for sessions from here
        self._connections = []
        self._incoming = []  # no more than there are sessions
        self._arrived = asyncio.Event()
        self.closed = False
        self._due = None  # when the timer task looks next
        self._looked = 0  # when it did last
        self._sleeper: object = None  # the timer task, while it sleeps
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
            port = self._open_tcp().listen(host, port)
        return port if link == "tcp" else self._open_port(host, port).port

    def _open_tcp(self):
        """The port for sessions that have a link of their own each."""
        if self._tcp is None:
            self._tcp = self._new_tcp()
        return self._tcp

    def _new_tcp(self):
        from dsoftbus_mpy.tcp_port import TcpPort  # only who has such links pays for it

        return TcpPort(self)

    def open_serial(self, byte_port):
        """Takes sessions on a serial line from now on: on a UartPort or a ConsolePort."""
        from dsoftbus_mpy.serial import SerialPort  # only who has such a link pays for it

        self._start()
        return self._open(SerialPort(self, byte_port))

    def _open_port(self, host: str, port: int):
        from dsoftbus_mpy.udp import UdpPort  # only who has such a link pays for it

        return self._open(UdpPort(self, host, port))

    def _open(self, port):
        try:
            self._ports.append(port)
        except MemoryError:
            port.close()
            raise
        port.start()
        return port

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
        if link != "auto":
            return await self._connect(link, host, port, peer_public, psk, timeout_ms)
        half_ms = timeout_ms // 2
        try:
            return await self._connect("tcp", host, port, peer_public, psk, half_ms)
        except PeerError as error:
            if error.code not in (END_LINK_DOWN, END_HANDSHAKE_TIMEOUT):
                raise  # somebody is there, and says no
            self.tell(LocalError(error.code, "falling back to udp"))
        return await self._connect("udp", host, port, peer_public, psk, half_ms)

    async def _connect(self, link: str, host: str, port: int, public, psk, timeout_ms: int):
        if link == "tcp":
            way = self._open_tcp()
        else:
            way = self._calling = self._calling or self._open_port("0.0.0.0", 0)
        connection = way.connect(host, port, public, psk, timeout_ms)
        try:
            connection.turn()
            await connection.established()
        except _CUT_SHORT as error:
            connection.abort(END_NO_MEMORY if isinstance(error, MemoryError) else END_LOCAL)
            raise
        return connection

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
        """The next session that a peer has established, and that lives."""
        while True:
            while self._incoming:
                connection = self._incoming.pop(0)
                if not connection.session.closed:
                    return connection
            if self.closed:
                raise LocalError(BAD_STATE, "the bus is closed")
            await change(self._arrived)

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
        self.closed = True
        for connection in list(self._connections):
            connection.session.close(self.now())
            connection.turn()
        for connection in list(self._connections):
            await connection.close()  # bounded by the profile's close_ms
        self._arrived.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._tasks.clear()
        if self._tcp is not None:
            self._tcp.close()
        for port in self._ports:
            port.close()

    # Links

    def adopt(self, connection: Connection) -> None:
        self._connections.append(connection)

    def has(self, connection: Connection) -> bool:
        return connection in self._connections

    def turn_ended(self) -> None:
        """What has ended lets go of its link."""
        for connection in list(self._connections):
            if connection.session.closed:
                connection.turn()

    # What connections tell their bus

    def on_established(self, connection: Connection) -> None:
        if self.node.evicted is not None:
            self.turn(self.node.evicted)  # it gave its place to this one
            self.node.evicted = None
        if not connection.session.initiator and not self.serves:
            self._offer(connection)
        give_back(self.node)

    def _offer(self, connection: Connection) -> None:
        try:
            self._incoming.append(connection)
        except MemoryError:
            connection.session.refuse(END_NO_MEMORY)
        self._arrived.set()

    def on_released(self, connection: Connection) -> None:
        """Once or more often."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        if connection in self._incoming:
            self._incoming.remove(connection)
        try:
            self.node.forget(connection.session)
        except Exception as error:  # noqa: BLE001 - most likely a lack of memory
            self.tell(error)  # what was told of its end, the program does not hear
        give_back(self.node)

    def alive(self, late_ms: int) -> bool:
        """Whether no timer is later than `late_ms`, and no task of a link has ended."""
        if self.closed:
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

    @property
    def offered(self) -> list:
        """The names that its handlers serve, each a name or a prefix and `*`."""
        return list(self._handlers)

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
        self.track(self.spawn(self._serve(handler, connection, stream)))
        connection.serving += 1

    async def _serve(self, handler, connection: Connection, stream) -> None:
        """A handler's fault ends its stream, and nothing else."""
        try:
            if stream.accept():
                async with stream:
                    await handler(connection, stream)
        except MemoryError:
            stream.reset()  # it may not even have been entered
            raise
        except asyncio.CancelledError:
            if self.closed:
                raise
            self.tell(LocalError(STREAM_CANCELLED, stream.name))
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
            self.tell(error)
            if connection is not None:
                connection.abort(END_INTERNAL)

    def drive(self, step, connection=None):
        """A task that awaits `step()` again and again, until that gives True. A fault costs a
        pause; other than a lack of memory it ends `connection`, if there is one."""
        return self.spawn(self._drive(step, connection), connection)

    async def _drive(self, step, connection) -> None:
        over = False
        while not over:
            try:
                over = await step()
            except Exception as error:
                if connection is not None and not isinstance(error, MemoryError):
                    raise
                self.tell(error)
                await asyncio.sleep_ms(_PAUSE_MS)

    def track(self, task) -> None:
        """`close()` is to end `task`."""
        try:
            self._tasks.append(task)
        except MemoryError:
            task.cancel()
            raise

    def tell(self, error) -> None:
        """The program hears of `error`, where there is memory to tell of it."""
        try:
            self.on_error(error)
        except MemoryError:
            pass  # of that it hears another time
        except Exception as fault:  # noqa: BLE001 - the program's own, and its last word
            from dsoftbus_mpy.display import print_error

            print_error(fault)

    def _start(self) -> None:
        if self.closed:
            raise LocalError(BAD_STATE, "the bus is closed")
        if self._timers is None:
            timers = self.drive(self._run_timers)
            self.track(timers)
            self._timers = timers

    def wake_by(self, deadline) -> None:
        """The timers are to look at `deadline` at the latest."""
        if deadline is not None and (self._due is None or deadline < self._due):
            self._due = deadline
            if self._sleeper is not None:
                hasten(self._sleeper)
                self._sleeper = None

    def _time(self, part, now: int) -> None:
        """What is due in a connection or a port; a fault there delays no other."""
        try:
            due = part.handle_timer(now)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours
            part.contain(error)
            due = now + _PAUSE_MS
        self._due = earliest(self._due, due)

    def _time_node(self, now: int) -> None:
        """What is due apart from sessions, for a node that has no discovery to look at it."""
        try:
            self.node.handle_timer(now)
            self._due = earliest(self._due, self.node.poll_timer())
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours
            self.tell(error)

    async def _run_timers(self) -> None:
        now = self._looked = self.now()
        self._due = None
        for connection in list(self._connections):
            self._time(connection, now)
        for port in self._ports:
            self._time(port, now)
        self._time_node(now)
        self._sleeper = asyncio.current_task()
        try:
            # At once for what is always due, too: it must not keep others from theirs.
            await asyncio.sleep_ms(_LONG_MS if self._due is None else self._due - self.now())
        finally:
            self._sleeper = None


def _check_link(link: str) -> None:
    if link not in ("tcp", "udp", "auto"):
        raise LocalError(BAD_ARGUMENT, "link " + link)


def _print_error(error) -> None:
    """What peers do wrong is theirs and expected; anything else is worth a look."""
    if not isinstance(error, PeerError):
        from dsoftbus_mpy.display import print_error

        print_error(error)
