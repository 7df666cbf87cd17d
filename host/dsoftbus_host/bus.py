"""The bus for programs on asyncio: listen, connect, and sessions with streams."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.const import (
    HOST,
    LINK_DATAGRAM,
    LINK_STREAM,
    SUITE_AESGCM_SHA256,
    SUITE_CHACHA_BLAKE2S,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    STREAM_CANCELLED,
    UNSUPPORTED_SUITE,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.node import Node
from dsoftbus_host import crypto, display
from dsoftbus_host.address import LINKS, PORT_MAX, SERIAL, check_host
from dsoftbus_host.cable import BAUD
from dsoftbus_host.clock import now_ms
from dsoftbus_host.connection import Connection, StreamConnection
from dsoftbus_host.contained import Contained
from dsoftbus_host.datagram_port import DatagramPort
from dsoftbus_host.serial_port import SerialPort
from dsoftbus_host.stream import BusStream
from dsoftbus_host.tcp import TcpLink
from dsoftbus_host.udp import UdpPort

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

if TYPE_CHECKING:
    from types import TracebackType

    from dsoftbus.session.session import Session
    from dsoftbus.trust.guard import Guard

Handler = Callable[[Connection, BusStream], Awaitable[None]]
SUITES = (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_AESGCM_SHA256)
TCP_SHARE = 2  # of the time that auto is given: the first half
BACKLOG = 128
PORT_TRIES = 16  # for any port, until one is free for every link
ACCEPT_PAUSE_S = 0.1  # after a failed accept: no descriptors or no memory left, for the moment
SUITES_REMEMBERED = 1024  # one peer more costs it a second attempt, and no memory here
log = display.log()


class Bus:
    """One node on this host.

    `key` is its 32-byte static secret (`keys.load` keeps one on disk). Nobody may begin a session
    with it but the peers that `allow` names: their public keys, or ANYONE for every peer that
    proves some key; a stream's handler decides what they may do. With a `guard` its trust store
    decides (`watch.Watch` keeps one); with both, both have to agree. `psk`: 32 bytes that every
    peer has to show; without `allow` and `guard` that is enough.
    `on_error(error)` may be replaced: it is told of what a handler raised; and `on_name(name)`, of
    the names of streams that are offered or asked for here.
    """

    def __init__(
        self,
        key: bytes,
        name: str = "",
        profile: type[HOST] = HOST,
        allow: Collection[bytes] | str | None = None,
        psk: bytes | None = None,
        guard: Guard | None = None,
    ) -> None:
        suites = {code: crypto.suite(code) for code in SUITES}
        static = suites[SUITE_CHACHA_SHA256].keypair(key)
        self.node = Node(suites, static, os.urandom, profile, name, psk, guard, allow)
        self.on_error: Callable[[Exception], None] = _log_error
        self.on_name: Callable[[str], object] = _nothing
        self._suite_of: dict[bytes, int] = {}  # peers that lack this host's fastest
        self._handlers: dict[str, Handler] = {}
        self._listeners: list[socket.socket] = []
        self._ports: list[DatagramPort] = []
        self._calling: dict[int, UdpPort] = {}  # by address family: for sessions from here
        self._connections: dict[Session, Connection] = {}
        self._incoming: list[Connection] = []  # no more than there are sessions
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def id(self) -> str:
        return str(self.node.id)

    @property
    def public(self) -> bytes:
        return bytes(self.node.public)

    # Sessions

    async def listen(self, host: str = "127.0.0.1", port: int = 0, link: str = "tcp") -> int:
        """Takes sessions on this address from now on, over the link `link` ("tcp", "udp", or
        "auto" for both); returns the port."""
        self._check_open()
        _check_place(link, host, port, 0)
        for sock in _listening(host, port, link):
            port = int(sock.getsockname()[1])
            if sock.type == socket.SOCK_STREAM:
                self._listeners.append(sock)
                self._watch(sock)
            else:
                self._open_port(sock)
        return port

    def _open_port(self, sock: socket.socket) -> UdpPort:
        try:
            port = UdpPort(self, sock)
        except BaseException:
            sock.close()
            raise
        self._ports.append(port)
        return port

    def open_serial(self, path: str, baud: int = BAUD) -> SerialPort:
        """Takes sessions on a serial line from now on, and makes them: see `SerialPort.connect`.
        A line that is open already stays as it is.

        Raises OSError where there is no such port, or another program has it.
        """
        self._check_open()
        for port in self._ports:
            if isinstance(port, SerialPort) and port.path == path:
                return port
        opened = SerialPort(self, path, baud)
        self._ports.append(opened)
        return opened

    async def connect(
        self,
        host: str,
        port: int,
        peer_public: bytes,
        timeout_ms: int = 10000,
        suite: int | None = None,
        psk: bytes | None = None,
        link: str = "tcp",
    ) -> Connection:
        """A session with the node whose public key is `peer_public`, or BusError; OSError where
        the address does not resolve. `psk` is the token of an invitation.

        `link`: "tcp" or "udp" and nothing else, or "auto", which tries TCP first and UDP once;
        or "serial": then `host` is the path of the port, which is opened if it is not, and `port`
        a channel (0: the node at the other end).

        Without `suite` the faster one of this host is tried first, and once more with the suite
        that every node has, where the peer refuses it.
        """
        self._check_open()
        if link == SERIAL:
            return await self.open_serial(host).connect(peer_public, timeout_ms, psk, port)
        _check_place(link, host, port, 1)
        if link != "auto":
            return await self._connect_over(link, host, port, peer_public, timeout_ms, suite, psk)
        half_ms = timeout_ms // TCP_SHARE
        try:
            return await self._connect_over("tcp", host, port, peer_public, half_ms, suite, psk)
        except PeerError as error:
            if error.code not in (END_LINK_DOWN, END_HANDSHAKE_TIMEOUT):
                raise  # somebody is there, and says no
            log.info("%s:%d over tcp: %s; falling back to udp", host, port, error)
        return await self._connect_over("udp", host, port, peer_public, half_ms, suite, psk)

    async def _connect_over(
        self,
        link: str,
        host: str,
        port: int,
        public: bytes,
        timeout_ms: int,
        suite: int | None,
        psk: bytes | None,
    ) -> Connection:
        try:
            async with timeout(timeout_ms / 1000):
                if link == "udp":
                    code = suite or SUITE_CHACHA_SHA256  # the one that every node has
                    return await self._connect_udp(host, port, public, code, psk)
                if suite is not None:
                    return await self._connect(host, port, public, suite, psk)
                return await self._connect_any(host, port, public, psk)
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            raise PeerError(END_HANDSHAKE_TIMEOUT, f"{host}:{port}") from None

    async def _connect_udp(
        self, host: str, port: int, public: bytes, suite: int, psk: bytes | None
    ) -> Connection:
        family, address = (await _addresses(host, port))[0]
        if family == socket.AF_INET6:  # as recvfrom will call it
            address = (str(ipaddress.ip_address(address[0])), port, 0, 0)
        if family not in self._calling:
            self._calling[family] = self._open_port(_bound_datagram(family, ("", 0)))
        udp = self._calling[family]
        route = (LINK_DATAGRAM, host, port)
        session = udp.endpoint.connect(address, public, now_ms(), suite, psk, route)
        connection = udp.adopt(session)
        udp.turn()
        return await _until_ready(connection)

    async def _connect_any(
        self, host: str, port: int, public: bytes, psk: bytes | None
    ) -> Connection:
        suite = self._suite_of.get(public) or crypto.fastest()
        try:
            return await self._connect(host, port, public, suite, psk)
        except PeerError as error:
            if suite == SUITE_CHACHA_SHA256 or error.peer_code != UNSUPPORTED_SUITE:
                raise
        log.info("%s lacks suite %d: falling back to %d", host, suite, SUITE_CHACHA_SHA256)
        # Who forged that refusal gains nothing: either suite is as strong.
        connection = await self._connect(host, port, public, SUITE_CHACHA_SHA256, psk)
        if len(self._suite_of) < SUITES_REMEMBERED:
            self._suite_of[public] = SUITE_CHACHA_SHA256
        return connection

    async def _connect(
        self, host: str, port: int, public: bytes, suite: int, psk: bytes | None
    ) -> Connection:
        link = TcpLink(await _connect_socket(host, port))
        try:
            self._check_open()
            route = (LINK_STREAM, host, port)
            session = self.node.connect(public, now_ms(), suite, psk, route)
        except BaseException:
            link.close()
            raise
        return await _until_ready(self._drive(session, link))

    def turn(self, session: Session) -> None:
        """After a command to the core: what can move in `session`, moves."""
        if session in self._connections:
            self._connections[session].turn()

    def connections(self, peer_id: str) -> list[Connection]:
        """The live sessions with a peer."""
        live = [c for c in self._connections.values() if c.session.mux and not c.session.closed]
        return [connection for connection in live if connection.peer_id == peer_id]

    async def accept(self) -> Connection:
        """The next session that a peer has established, and that lives."""
        while True:
            while self._incoming:
                connection = self._incoming.pop(0)
                if not connection.session.closed:
                    return connection
            self._check_open()
            self._arrived.clear()
            await self._arrived.wait()

    def __aiter__(self) -> Bus:
        return self

    async def __anext__(self) -> Connection:
        try:
            return await self.accept()
        except LocalError:
            raise StopAsyncIteration from None

    def on_stream(self, name: str, handler: Handler) -> None:
        """`handler(connection, stream)` runs as a task for every stream that a peer opens with
        this name, or, when it ends with "*", with this beginning.

        A bus with handlers answers its streams itself: names without a handler are refused.
        """
        self._handlers[name] = handler
        self.on_name(name)

    async def close(self) -> None:
        """Ends every session in order and stops listening."""
        self._closed = True
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()
        ends = [connection.close() for connection in list(self._connections.values())]
        await asyncio.gather(*ends, return_exceptions=True)
        for port in self._ports:
            with Contained("the end of a link"):
                port.close()
        self._arrived.set()
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check_open(self) -> None:
        if self._closed:
            raise LocalError(BAD_STATE, "the bus is closed")

    async def __aenter__(self) -> Bus:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # Links

    def _watch(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            loop = asyncio.get_running_loop()
            loop.add_reader(listener.fileno(), self._on_incoming, listener)

    def _on_incoming(self, listener: socket.socket) -> None:
        try:
            for _ in range(BACKLOG):
                self._take(*listener.accept())
        except (BlockingIOError, ConnectionAbortedError):
            return  # nobody waits any more, or this one is gone already
        except (OSError, MemoryError) as error:
            log.warning("cannot accept: %s", error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener.fileno())
            loop.call_later(ACCEPT_PAUSE_S, self._watch, listener)

    def _take(self, sock: socket.socket, address: Any) -> None:
        try:
            self._drive(self.node.accept(now_ms(), address), TcpLink(sock))
        except Exception as error:
            # All places are taken: that is a peer's error, and expected.
            expected = isinstance(error, PeerError)
            log.warning("connection refused: %s", error, exc_info=None if expected else error)
            sock.close()
        self._turn_evicted()

    def _drive(self, session: Session, link: TcpLink) -> Connection:
        try:
            connection = StreamConnection(self, session, link)
        except BaseException:
            link.close()
            self.node.forget(session)
            raise
        return self.adopt(connection)

    # What connections and ports tell their bus

    def adopt(self, connection: Connection) -> Connection:
        self._connections[connection.session] = connection
        connection.start()
        return connection

    def on_established(self, connection: Connection) -> None:
        self._turn_evicted()
        if not connection.session.initiator and not self.serves:
            self._incoming.append(connection)
            self._arrived.set()

    def _turn_evicted(self) -> None:
        """A session that gave its place to another tells its peer so."""
        evicted: Any = self.node.evicted
        if evicted is not None:
            self.node.evicted = None
            if evicted in self._connections:
                self._connections[evicted].drive()  # now: it is to be gone when the next one comes

    def on_released(self, connection: Connection) -> None:
        """Once or more often."""
        if self._connections.pop(connection.session, None) is None:
            return
        if connection in self._incoming:
            self._incoming.remove(connection)
        with Contained("the end of a session"):
            self.node.forget(connection.session)

    def tell(self, error: Exception) -> None:
        """The program hears of `error`, which is its own; should it raise, the log has that."""
        with Contained("the bus's on_error"):
            self.on_error(error)

    # Services

    @property
    def serves(self) -> bool:
        """Whether this bus answers the streams of its peers by itself."""
        return bool(self._handlers)

    def handler(self, name: str) -> Handler | None:
        """What serves streams of this name, or None."""
        if name in self._handlers:
            return self._handlers[name]
        for pattern, handler in self._handlers.items():
            if pattern.endswith("*") and name.startswith(pattern[:-1]):
                return handler
        return None

    def serve(self, handler: Handler, connection: Connection, stream: BusStream) -> None:
        """Runs `handler` on `stream`, as a task."""
        connection.serving += 1
        task = asyncio.ensure_future(self._serve(handler, connection, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, handler: Handler, connection: Connection, stream: BusStream) -> None:
        """A handler's fault ends its stream, and nothing else."""
        try:
            if stream.accept():
                async with stream:
                    await handler(connection, stream)
        except asyncio.CancelledError:
            if self._closed:
                raise
            self.tell(LocalError(STREAM_CANCELLED, f"the handler of {stream.name}"))
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            self.tell(error)
        finally:
            connection.serving -= 1


def _nothing(name: str) -> None:
    """Nobody keeps the names."""


def _check_place(link: str, host: str, port: int, least: int) -> None:
    if link not in LINKS:
        raise LocalError(BAD_ARGUMENT, f"a link is one of {', '.join(LINKS)}")
    if not least <= port <= PORT_MAX:
        raise LocalError(BAD_ARGUMENT, f"{port}: no port")
    check_host(host)


async def _until_ready(connection: Connection) -> Connection:
    """The connection once it is established; raises the cause when it never will be."""
    try:
        await connection.ready.wait()
    except asyncio.CancelledError:
        await connection.close()
        raise
    if connection.cause:
        raise connection.cause
    return connection


def _log_error(error: Exception) -> None:
    """What peers and disks do wrong is expected; of anything else the log has the whole story."""
    expected = isinstance(error, (BusError, OSError))
    log.warning("a stream's handler: %s", error, exc_info=None if expected else error)


def _listening(host: str, port: int, link: str) -> list[socket.socket]:
    """A socket for each link, on one port: all of them or none."""
    tries = 1 if port else PORT_TRIES
    while True:
        try:
            return _bound(host, port, link)
        except OSError as error:
            tries -= 1
            if error.errno != errno.EADDRINUSE or not tries:
                raise


def _bound(host: str, port: int, link: str) -> list[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets = []
    with contextlib.ExitStack() as unless_all:
        if link != "udp":
            sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
            sockets.append(unless_all.enter_context(sock))
            port = sock.getsockname()[1]
        if link != "tcp":
            sockets.append(unless_all.enter_context(_bound_datagram(family, (host, port))))
        unless_all.pop_all()
    for sock in sockets:
        sock.setblocking(False)
    return sockets


def _bound_datagram(family: int, address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_socket(host: str, port: int) -> socket.socket:
    """Tries each address that the name has; PeerError(END_LINK_DOWN) says what the last met."""
    failure = OSError("no address")
    for family, address in await _addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise PeerError(END_LINK_DOWN, f"{host}:{port}: {failure}") from failure


async def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """(family, address) of `host`; a literal address needs no resolver, and no thread."""
    with contextlib.suppress(ValueError):
        version = ipaddress.ip_address(host).version
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(entry[0], entry[4]) for entry in found]
