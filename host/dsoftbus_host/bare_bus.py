"""The bus on this host: `dsoftbus_aio.bus` over TCP, UDP, QUIC, WebSockets and serial lines."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.const import (
    HOST,
    LINK_BROKER,
    LINK_DATAGRAM,
    LINK_LINE,
    LINK_STREAM,
    SUITE_AESGCM_SHA256,
    SUITE_CHACHA_BLAKE2S,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    STREAM_CANCELLED,
    UNSUPPORTED_SUITE,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.hub import Hub
from dsoftbus.resume.tickets import Tickets
from dsoftbus_aio.bus import BaseBus
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.moving import Moving
from dsoftbus_aio.sleepers import Sleepers
from dsoftbus_aio.stream import BusStream
from dsoftbus_host import crypto, display
from dsoftbus_host.address import BROKER, LINK_QUIC, LINK_WS, LINK_WSS, SERIAL, check_host
from dsoftbus_host.clock import now_ms
from dsoftbus_host.event_loop import running_loop
from dsoftbus_host.links.certificate import Certificate
from dsoftbus_host.links.library_link import Links
from dsoftbus_host.links.listening import bound_datagram, listening
from dsoftbus_host.links.race import Race
from dsoftbus_host.links.reopening_port import BAUD
from dsoftbus_host.links.resolver import is_literal, own_addresses
from dsoftbus_host.links.serial_port import SerialPort
from dsoftbus_host.links.tcp import Listener, connected
from dsoftbus_host.links.udp import CallingPort, UdpPort
from dsoftbus_host.links.wrapped import WRAPPED, Dial, listeners
from dsoftbus_host.logging_source import LoggingSource
from dsoftbus_host.runtime import Runtime
from dsoftbus_host.storage.shared_folder import LocalFiles

if TYPE_CHECKING:
    from dsoftbus.broker.group import Group
    from dsoftbus.contracts import Route
    from dsoftbus.session.session import Session
    from dsoftbus.trust.guard import Guard
    from dsoftbus_aio.services.records import Records
    from dsoftbus_host.broker.port import BrokerPort

Handler = Callable[[Connection, BusStream], Awaitable[None]]
AnyUdpPort = TypeVar("AnyUdpPort", bound=UdpPort)
SUITES = (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_AESGCM_SHA256)
# glibc gives free memory back to the system, and has to fetch it again page by page, beyond twice
# the largest block that a program has freed (mallopt(3), M_TRIM_THRESHOLD): so much of what a few
# busy streams hold comes and goes many times a second.
_LARGEST_BYTES = 1 << 20
SUITES_REMEMBERED = 1024  # one peer more costs it a second attempt, and no memory here
_ORDINARY = (END_PEER, END_LOCAL, STREAM_CANCELLED)  # ends that a peer or this side has wanted
_STREAMS = {"tcp": LINK_STREAM, "quic": LINK_QUIC, "ws": LINK_WS, "wss": LINK_WSS}
log = display.log()


class _Stream(NamedTuple):
    """A session over a stream link that is to begin here, by `deadline` in ms."""

    link: str
    host: str
    port: int
    public: bytes
    psk: bytes | None
    deadline: int


class BareBus(BaseBus):
    """One node on this host.

    `key` is its 32-byte static secret (`keys.load` keeps one on disk). Nobody may begin a session
    with it but the peers that `allow` names: their public keys, or ANYONE for every peer that
    proves some key; a stream's handler decides what they may do. With a `guard` its trust store
    decides (`storage.file_watch` keeps it); with both, both have to agree. `psk`: 32 bytes that
    every peer has to show; without `allow` and `guard` that is enough. With `resume` sessions
    leave tickets, in memory alone, so that the next ones cost less (docs/resumption.md), and peers
    that sleep may come back in sleeper mode; without it each begins with a full handshake.
    `on_error(error)` may be replaced: it is told of what a handler raised; and `on_name(name)`, of
    the names of streams that are offered or asked for here.
    """

    LINKS = BaseBus.LINKS | {LINK_QUIC: "quic", LINK_WS: "ws", LINK_WSS: "wss"}
    answers = True
    ca: Path | None = None  # the file with the authorities of servers of wss; None: the system's

    def __init__(
        self,
        key: bytes,
        name: str = "",
        profile: type[HOST] = HOST,
        allow: Collection[bytes] | str | None = None,
        psk: bytes | None = None,
        guard: Guard | None = None,
        resume: bool = True,
    ) -> None:
        suites = {code: crypto.suite(code) for code in SUITES}
        static = suites[SUITE_CHACHA_SHA256].keypair(key)
        node = Hub(suites, static, os.urandom, profile, name, psk, guard, allow)
        if resume:
            node.tickets = Tickets(node, now_ms, agrees=True)
        super().__init__(node, Runtime(self._report_task))
        bytearray(_LARGEST_BYTES)  # freed at once
        self.sleepers = Sleepers(self)
        self.moving = Moving(self, self._way)
        self.on_moved = None
        self._suite_of: dict[bytes, int] = {}  # peers that lack this host's fastest
        self._calling: dict[int, CallingPort] = {}  # by address family: for sessions from here
        self._links = Links()  # those over libraries
        self.places: list[Any] = []  # where it listens: addresses of sockets

    # Sessions

    def connections(self, peer_id: str = "") -> list[Connection]:
        """The live sessions with a peer, or with all."""
        if not peer_id:
            return super().connections()
        sessions = self.node.sessions_with(peer_id)
        return [self._connections[s] for s in sessions if s in self._connections and not s.closed]

    # Links

    def open_serial(self, path: str, baud: int = BAUD) -> SerialPort:
        """Takes sessions on a serial line from now on, and makes them: see `SerialPort.connect`.
        A line that is open already stays as it is.

        Raises OSError where there is no such port, or another program has it.
        """
        self.check_open()
        port: SerialPort | None = self.line(path)
        if port is None:
            port = SerialPort(self, path, baud)
            self.open_port(port)
        return port

    def open_group(self, group: Group, ca: str = "", answers: bool = False) -> BrokerPort:
        """Takes part in a group from now on: its nodes are reached through its broker. With
        `answers` they may begin sessions with this one. `ca` is the file with the certificate of
        the broker's authority, "" for those of the system. One that is open stays as it is.

        Raises LocalError(BAD_ARGUMENT) where the URL of its broker is none, or it has no name.
        """
        from dsoftbus_host.broker.port import BrokerPort  # only who has a group pays for it

        self.check_open()
        if not group.name:
            raise LocalError(BAD_ARGUMENT, "a group has a name")
        port: BrokerPort | None = self.line(group.name)
        if port is None:
            port = BrokerPort(self, group, ca or None, answers)
            self.open_port(port)
        return port

    async def listen(
        self,
        host: str = "",
        port: int = 0,
        link: str = "tcp",
        certificate: Certificate | None = None,
    ) -> int:
        """Listens as on every platform; and over "quic", "ws" and "wss", each on a port of its
        own. `certificate`, the paths of a certificate and of its key, is for the TLS of "wss",
        and of "quic", which makes one of its own without it.

        Raises OSError, LocalError(BAD_ARGUMENT), Unsupported where the library of a link is not
        installed.
        """
        if link not in WRAPPED:
            return await super().listen(host, port, link)
        self._check(link, port, 0)
        return self._listen_wrapped(host, port, link, certificate)

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
        """Connects as on every platform; and over "serial": then `host` is the path of the port,
        which is opened if it is not, and `port` a channel (0: the node at the other end); and
        through "mqtt": then `host` is the name of a group that this bus takes part in, `port` 0.
        Over "quic", "ws" and "wss", too: a WebSocket's path follows `host`, where it is not
        "/dsoftbus".

        Without `suite` the faster one of this host is tried first, and once more with the suite
        that every node has, where the peer refuses it.
        """
        if link == SERIAL:
            return await self.open_serial(host).connect(peer_public, timeout_ms, psk, port)
        if link == BROKER:
            self.check_open()
            group: BrokerPort | None = self.line(host)
            if group is None:
                raise LocalError(BAD_ARGUMENT, f"{host}: this bus takes part in no such group")
            return await group.connect(peer_public, timeout_ms, psk)
        if link not in WRAPPED:  # whose own hosts are checked
            check_host(host)
        return await super().connect(host, port, peer_public, timeout_ms, psk, link, suite)

    async def close(self) -> None:
        """Ends every session in order and stops listening."""
        await super().close()
        await self._links.gone()

    # Ours

    def check_open(self) -> None:
        """Raises LocalError(BAD_STATE) once the bus is closed, and Unsupported on an event loop
        that cannot watch links."""
        super().check_open()
        running_loop()

    def _listen(self, host: str, port: int, link: str) -> int:
        """ "0.0.0.0" is every IPv4 address of this host, "::" every IPv6 one, "" all of both."""
        check_host(host)
        for sock in listening(host, port, link):
            port = self._note_place(sock)
            if sock.type == socket.SOCK_STREAM:
                self.streams.listen(Listener(sock))
            else:
                self._open_udp(UdpPort, sock)
        return port

    def _listen_wrapped(
        self, host: str, port: int, link: str, certificate: Certificate | None
    ) -> int:
        check_host(host)
        listener = listeners(link, certificate, self._links)
        for sock in listening(host, port, link):
            port = self._note_place(sock)
            self.streams.listen(listener(sock))
        return port

    def _note_place(self, sock: socket.socket) -> int:
        self.places.append(sock.getsockname())
        return int(sock.getsockname()[1])

    def _open_udp(self, kind: type[AnyUdpPort], sock: socket.socket) -> AnyUdpPort:
        try:
            port = kind(self, sock)
        except BaseException:
            sock.close()
            raise
        self.open_port(port)
        return port

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
        deadline = now_ms() + timeout_ms
        if link == "udp":
            code = suite or SUITE_CHACHA_SHA256  # the one that every node has
            return await self._over_udp(host, port, public, code, psk, deadline)
        stream = _Stream(link, host, port, public, psk, deadline)
        if suite:
            return await self._over_stream(stream, suite)
        suite = self._suite_of.get(public) or crypto.fastest()
        try:
            return await self._over_stream(stream, suite)
        except PeerError as error:
            if suite == SUITE_CHACHA_SHA256 or error.peer_code != UNSUPPORTED_SUITE:
                raise
        log.info("%s lacks suite %d: falling back to %d", host, suite, SUITE_CHACHA_SHA256)
        # Who forged that refusal gains nothing: either suite is as strong.
        connection = await self._over_stream(stream, SUITE_CHACHA_SHA256)
        if len(self._suite_of) < SUITES_REMEMBERED:
            self._suite_of[public] = SUITE_CHACHA_SHA256
        return connection

    async def _over_stream(self, stream: _Stream, suite: int) -> Connection:
        link_name, host, port, public, psk, deadline = stream
        dial: Any = connected
        name = host
        if link_name in WRAPPED:
            dial = Dial(link_name, host, port, self.ca, self._links)
            name = dial.host
        race = Race(name, port, deadline)

        async def attempt(family: int, address: Any) -> Connection:
            link = await race.by_deadline(dial(family, address))
            try:
                await race.hold()
                self.check_open()
            except BaseException:
                link.close()
                raise
            route = (_STREAMS[link_name], host, port)
            connection: Connection = self.streams.begin(link, public, suite, psk, route, deadline)
            return await connection.established()

        return await race.run(attempt)

    async def _over_udp(
        self, host: str, port: int, public: bytes, suite: int, psk: bytes | None, deadline: int
    ) -> Connection:
        async def attempt(family: int, address: Any) -> Connection:
            self.check_open()
            route = (LINK_DATAGRAM, host, port)
            udp = self._calling_port(family)
            connection: Connection = udp.begin(address, public, suite, psk, route, deadline)
            try:
                return await connection.established()
            except PeerError as error:
                if connection not in udp.refused:
                    raise
                raise PeerError(END_LINK_DOWN, udp.refused[connection]) from error
            finally:
                udp.refused.pop(connection, None)

        return await Race(host, port, deadline).run(attempt)

    def _calling_port(self, family: int) -> CallingPort:
        if family not in self._calling:
            sock = bound_datagram(family, ("", 0))
            self._calling[family] = self._open_udp(CallingPort, sock)
        return self._calling[family]

    def _way(self, route: Route, device: str) -> tuple[Any, Any] | None:
        """The port and the address to which a route to the peer `device` leads, for sessions that
        move. One that needs a resolver is none: who asks is in the midst of a turn."""
        kind, host, port = route
        if kind == LINK_BROKER:
            group: BrokerPort | None = self.line(host)
            return None if group is None else (group, group.address_of(device))
        if kind == LINK_LINE:
            line = self.line(host)
            return None if line is None else (line, port)
        if kind != LINK_DATAGRAM or not is_literal(host) or self.closed:
            return None
        try:
            family, address = own_addresses(host, port)[0]
            return self._calling_port(family), address
        except (OSError, LocalError):
            return None

    # Peers that sleep

    def on_established(self, connection: Connection) -> None:
        tickets = self.node.tickets
        sleeps = tickets is not None and tickets.sleeps(connection.peer_public)
        self.sleepers.came(connection, sleeps)
        self.moving.came(connection)
        super().on_established(connection)

    def on_released(self, connection: Connection) -> None:
        self.sleepers.left(connection)
        self.moving.left(connection)
        super().on_released(connection)

    def local_files(self) -> LocalFiles:
        """The files of this host, for shares."""
        return LocalFiles()

    # What goes wrong

    def report(self, error: Exception, session: Session | None) -> None:
        """The log has what peers and this program do wrong; of faults the whole story."""
        expected = error if not isinstance(error, (BusError, OSError)) else None
        if session is not None:
            log.error("session with %s: %s", session.peer_id, error, exc_info=expected)
        else:
            log.warning("%s", error, exc_info=expected)

    def _report_task(self, error: Exception) -> None:
        self.tell(error)

    def traceback(self, error: BaseException) -> str:
        return "".join(format_exception(error))

    def log_source(self, records: Records) -> LoggingSource:
        return LoggingSource(records)

    def _log_error(self, error: Exception) -> None:
        """An end that somebody has asked for is no trouble. Logs an error: faults of peers and
        disks are expected; others are logged with their traceback."""
        ended = self.closed and isinstance(error, BusError)
        if ended or getattr(error, "code", 0) in _ORDINARY:
            log.info("a stream's handler: %s", error)
            return
        expected = isinstance(error, (BusError, OSError))
        log.warning("a stream's handler: %s", error, exc_info=None if expected else error)
