"""The bus for programs on this host: with the user's key and trust store, and discovery."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from dsoftbus.broker import group_token
from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.const import (
    EV_DENIED,
    EV_KEY_DUE,
    EV_KEY_MOVED,
    EV_MOVED,
    HOST,
    LINK_BROKER,
    LINK_DATAGRAM,
    LINK_LINE,
    LINK_STREAM,
    NODE_NAME_MAX,
)
from dsoftbus.discovery.peers import Peer
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    OTHER_KEY,
    STALE_PEER,
    BusError,
    LocalError,
    label,
)
from dsoftbus.mux.events import NodeEvent
from dsoftbus.trust import invitation, naming
from dsoftbus.trust.acl import Rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import TrustStore
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.peer import reach
from dsoftbus_host import display, key_file, other_key
from dsoftbus_host.address import BROKER, LINK_QUIC, LINK_WS, LINK_WSS, SERIAL, host_port, port_of
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.clock import now_ms
from dsoftbus_host.discovery import lookalikes
from dsoftbus_host.discovery.discovery import Discovery
from dsoftbus_host.discovery.interfaces import Interface, all_interfaces, listened, of, sources
from dsoftbus_host.links.certificate import Certificate
from dsoftbus_host.links.reopening_port import BAUD
from dsoftbus_host.storage import group_file, last_routes, settings, trust_file
from dsoftbus_host.storage.boot_counter import count_start
from dsoftbus_host.storage.group_file import KnownGroup
from dsoftbus_host.storage.last_routes import Route
from dsoftbus_host.storage.names_used import NamesUsed
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep import next_key
from dsoftbus_host.upkeep.file_watch import FileWatch

_LOOK_S = 0.05
_LISTEN_S = 3  # every node answers the first question: on one network that is milliseconds
LINK_NAMES = {
    LINK_STREAM: "tcp",
    LINK_DATAGRAM: "udp",
    LINK_LINE: SERIAL,
    LINK_BROKER: BROKER,
    LINK_QUIC: "quic",
    LINK_WS: "ws",
    LINK_WSS: "wss",
}
_ANNOUNCED = {"quic": LINK_QUIC, "ws": LINK_WS}  # a certificate of "wss" is for a name
log = display.log()


class Bus(BareBus):
    """One node of this user, with all that belongs to it: `async with Bus("attic") as bus`.

    Within the block it takes sessions, announces itself and finds others; at its end it says
    goodbye. **By default it is the node that the commands speak of:** its key, its trust store and
    its settings (`config.json`) are the user's (`dsoftbus id`, `dsoftbus peers`), so whom
    `dsoftbus pair` has paired may begin sessions with it, as far as `dsoftbus allow` grants it,
    and nobody else may; the streams that this program opens go by the same rules. All that
    `BareBus` has is here, too: `peer`, `on_stream`, `connect`.

    - `name`: what people call it; without one that of the settings, or the host's.
    - `key`: its secret of 32 bytes, or the file that has it and is made if it does not exist.
    - `trust`: the file with those whom it trusts. With `allow` (public keys, or ANYONE for every
      peer that proves some key) or `psk` (32 bytes that every peer has to show) and without
      `trust` there is no trust store, and these decide; with both, both have to agree.
    - `grants`: what peers get when they are paired while it runs.
    - `listen`: whether it takes sessions: by default it does, since a peer that was told of it
      may only reach it so, and nobody who is not trusted gets in. It does at every address of this
      host, on any free port, over TCP and UDP, unless `host` and `port` say otherwise; and over
      QUIC and WebSockets at the ports `quic` and `ws`, where they are given (0: one that is
      free). `certificate`, the paths of one and of its key, makes the latter `wss`. With False
      it opens no port, offers nobody a link, and only dials: for short programs, and beside
      another program of this user that listens.
    - `services`: names that its announcements have; `interfaces`: None for all; it announces
      itself on those of them that it listens on.
    - `serial`: paths of ports with a node at the other end, or a bridge, at `baud`.
    - `groups`: tokens of groups, whose nodes it reaches and is reached by through their brokers
      (docs/broker.md); without them those of this user (`dsoftbus group`).
    - `on_event`: gets every NodeEvent; without it, the log has refusals and a change of the key.
    - `resume`: whether sessions leave tickets, as in `BareBus`.
    - `keepalive_ms`: how long a session may be silent before it is asked for a sign of life (it
      ends after nine times that); without it what the `profile` has.

    Arguments go before settings. Raises LocalError (a damaged key or store,
    wrong settings, a user without a home) and OSError.
    """

    def __init__(
        self,
        name: str = "",
        *,
        key: bytes | Path | None = None,
        trust: StoreFile | Path | None = None,
        allow: Collection[bytes] | str | None = None,
        psk: bytes | None = None,
        grants: Iterable[Rule] = (),
        listen: bool = True,
        host: str | None = None,
        port: int | None = None,
        quic: int | None = None,
        ws: int | None = None,
        certificate: Certificate | None = None,
        services: Iterable[str] = (),
        interfaces: list[Interface] | None = None,
        discovery_port: int | None = None,
        serial: Iterable[str] | None = None,
        baud: int | None = None,
        groups: Iterable[str] | None = None,
        on_event: Callable[[NodeEvent], object] | None = None,
        profile: type[HOST] = HOST,
        keepalive_ms: int | None = None,
        resume: bool = True,
    ) -> None:
        if not isinstance(name, str):
            raise LocalError(BAD_ARGUMENT, "the name is a text; a key is given as key=")
        place: dict[str, Any] = {"host": host, "port": port, "discovery": discovery_port}
        place |= {"name": name or None, "serial": serial, "baud": baud}
        self._settings = said = settings.load().but(**place, keepalive_ms=keepalive_ms)
        self._key_path = None if isinstance(key, bytes) else key or key_file.default_path()
        file = _store(trust, profile) if trust or (allow is None and psk is None) else None
        super().__init__(
            key if isinstance(key, bytes) else next_key.load(self._key_path or Path()),
            said.name or _host_name(),
            _with_keepalive(profile, said.keepalive_ms) if said.keepalive_ms else profile,
            allow,
            psk,
            None if file is None else Guard(file.store, os.urandom, _today, grants),
            resume,
        )
        self._listens = listen
        self._more = _wrapped(quic, ws, certificate)
        self._certificate = certificate
        self._services = services
        self._spoken = interfaces or [of(text) for text in said.interfaces or ()]
        self._on_event = on_event or _log_event
        self._moved: dict[str, str] = {}  # old ids of peers that changed their key since
        self._discovery: Discovery | None = None  # within the block
        self.port = 0  # where it listens, within the block
        self.ports: dict[str, int] = {}  # the same for QUIC and WebSockets
        self.peers = self.node.discover()
        self.watch = FileWatch(self, self._tell, file, self._key_path)
        self._routes = file and last_routes.beside(file.path)
        self._groups = group_file.beside(file.path) if file and groups is None else groups
        if file is not None:
            self.guard.alike = lookalikes.alike
            self._names = NamesUsed(file.path)
            self.on_name = self._note_name

    async def __aenter__(self) -> Bus:
        try:
            if self._listens:  # only such a node is read
                self.logs()
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Says goodbye, ends every session in order and stops listening."""
        discovery, self._discovery = self._discovery, None
        if discovery is not None:
            discovery.stop()
        try:
            await super().close()
        finally:
            if discovery is not None:
                self.watch.stop()

    # Trust

    @property
    def guard(self) -> Guard:
        """Its trust. Raises LocalError(BAD_STATE) where `allow` or `psk` alone decide."""
        guard: Guard | None = self.node.guard
        if guard is None:
            raise LocalError(BAD_STATE, "this bus has no trust store")
        return guard

    def take_pairings(self) -> None:
        """Takes pairings by digits, from now on for five minutes, and everyone may know."""
        self.guard.desk.open(now_ms())
        self.discovery.announce_soon()

    def take_token(self, token: bytes) -> None:
        """Pairs with a peer that shows this token of 16 bytes, and with nobody by digits."""
        self.guard.desk.close()
        self.node.local.invite_psk = invitation.psk(token)
        self.discovery.announce_soon()

    # Discovery

    @property
    def discovery(self) -> Discovery:
        """Its announcements. Raises LocalError(BAD_STATE) outside of the block."""
        if self._discovery is None:
            raise LocalError(BAD_STATE, "the bus has not begun, or is closed")
        return self._discovery

    def ask(self, text: str) -> None:
        """Asks who is at `HOST` or `HOST:PORT` (by default the port of its own announcements),
        where multicast is filtered. Raises LocalError(BAD_ARGUMENT) for what is no address."""
        host, colon, port = text.rpartition(":")
        if not colon:
            self.discovery.probe(text)
        elif number := port_of(port):
            self.discovery.probe(host, number)
        else:
            raise LocalError(BAD_ARGUMENT, f"{text}: no port")

    def find(self, text: str) -> str | None:
        """The id that a person means by an id, a name, or the beginning of an id, of those who
        are trusted or were heard of; None when it is nobody's.

        Raises LocalError(AMBIGUOUS_NAME), which names those that it could be.
        """
        return naming.find(text, self._trusted(), self.peers) or None

    async def heard(self, text: str, timeout_s: float = 10) -> str:
        """Waits until the peer that a person means has been heard of; returns its id.

        Raises LocalError: STALE_PEER, AMBIGUOUS_NAME; OTHER_KEY where a stranger has the name of a
        trusted peer that is not heard.
        """
        give_up = now_ms() + timeout_s * 1000
        while now_ms() < give_up:
            device = self.find(text)
            peer = self.peers.get(device) if device else None
            if device is not None and peer is not None and peer.routes():
                return device
            await asyncio.sleep(_LOOK_S)
        device = self.find(text)
        other = device and other_key.named(self.peers, self._trusted(), device, now_ms())
        if other:
            raise other_key.unheard(text, other)
        raise LocalError(STALE_PEER, f"{text}: nobody by that name or id was heard of")

    async def reach(self, device: str) -> Connection:
        """A session with the peer of this id, wherever it was heard of; an old one if it lives.

        A peer that announced its next key is sought by that, too, and one that has changed its
        key by what it changed it to.
        """
        device = self._moved.get(device, device)
        heir = self._heir(device)
        if heir is None:
            return await self._reach(device)
        # Once the next key is announced it is in use; a forged announcement costs an attempt.
        first, second = (heir.id, device) if heir.online else (device, heir.id)
        try:
            return await self._reach(first)
        except (BusError, OSError):
            return await self._reach(second)

    # Ours

    async def _start(self) -> None:
        said = self._settings
        self.on_moved = self.on_moved or self._note_move
        baud = said.baud or BAUD
        lines = [self.open_serial(path, baud) for path in said.serial]
        kinds: tuple[int, ...] = (LINK_STREAM, LINK_DATAGRAM)
        if self._listens:
            if said.port == said.discovery:
                kinds = (LINK_STREAM,)  # announcements have that port of UDP
            link = "auto" if LINK_DATAGRAM in kinds else "tcp"
            self.port = await self.listen(said.host, said.port, link=link)
            for other, port in self._more.items():
                self.ports[other] = await self.listen(said.host, port, other, self._certificate)
        discovery = self._announcing(kinds)
        discovery.start()
        self.watch.start()
        self._discovery = discovery
        for line in lines:
            discovery.add_line(line)
        for text in said.ask:
            self.ask(text)
        self._meet(discovery)

    def _meet(self, discovery: Discovery) -> None:
        """Takes part in its groups."""
        for group, ca in self._known_groups():
            from dsoftbus_host.broker.meeting import Meeting  # only who has a group pays for it

            port = self.open_group(group, ca, self._listens)
            discovery.add(Meeting(self, port, self.watch, discovery.said, self._listens))

    def _known_groups(self) -> Iterable[KnownGroup]:
        groups = self._groups or ()
        if not isinstance(groups, Path):
            return [KnownGroup(group_token.decode(text)) for text in groups]
        try:
            return group_file.load(groups).values()
        except (LocalError, OSError) as error:  # other links go on
            log.error("no groups: %s", error)
        return ()

    def _announcing(self, kinds: tuple[int, ...]) -> Discovery:
        def around() -> list[Interface]:
            spoken = self._spoken or all_interfaces()
            return listened(spoken, self.places) or spoken

        reached = listened(around(), self.places)
        starts = self._key_path and self._key_path.with_name(self._key_path.name + ".starts")
        discovery = Discovery(
            self,
            self.watch,
            self.port if reached else 0,
            self._services,
            around,
            self._settings.discovery,
            kinds,
            None if starts is None else count_start(starts),
            sources(self.places) if reached else None,
        )
        if reached:
            ports = self.ports.items()
            discovery.also([(_ANNOUNCED[link], n) for link, n in ports if link in _ANNOUNCED])
        return discovery

    def _note_move(self, connection: Connection) -> None:
        event = NodeEvent(EV_MOVED, connection.peer_id, connection.path)
        self.peers.warnings.append(event)
        self.watch.wake()

    def _note_name(self, name: str) -> None:
        if self._names.note(name):
            self._names.save()

    def _trusted(self) -> TrustStore:
        guard = self.node.guard
        return TrustStore(self.node.profile) if guard is None else guard.store

    async def _reach(self, device: str) -> Connection:
        """It is sought where it is heard now, else where it was reached last."""
        if not self._has_route(device):
            await self._wait_for_route(device)
        connection: Connection = await reach(self, device, self._explained)
        self._remember(connection)
        return connection

    def _has_route(self, device: str) -> bool:
        peer = self.peers.get(device)
        return peer is not None and bool(peer.routes())

    async def _wait_for_route(self, device: str) -> None:
        try:
            await self.heard(device, _LISTEN_S)
        except LocalError as error:
            route = last_routes.load(self._routes).get(device) if self._routes else None
            entry = self._trusted().get(device)
            if error.code not in (STALE_PEER, OTHER_KEY) or route is None or entry is None:
                raise
            self.peers.know(entry.public).fixed = route

    def _remember(self, connection: Connection) -> None:
        route = connection.session.route
        if self._routes and route is not None and route[0] != LINK_LINE:  # a cable is asked for
            trusted = [entry.id for entry in self._trusted()]
            with contextlib.suppress(OSError, LocalError):  # a hint, and no reason to fail
                last_routes.remember(self._routes, connection.peer_id, route, trusted)

    def _explained(
        self, error: BusError | OSError, device: str, route: Route
    ) -> BusError | OSError:
        other = other_key.at(self.peers, device, route, now_ms())
        other = other or other_key.named(self.peers, self._trusted(), device, now_ms())
        _, host, port = route
        where = host_port(host, port) if port else host
        return other_key.explained(error, where, other)

    def _heir(self, device: str) -> Peer | None:
        """Returns the peer with the next key that a trusted peer has announced; if only its old
        address is known, it is sought there."""
        entry = self._trusted().get(device)
        if entry is None or not entry.next_public:
            return None
        old = self.peers.get(device)
        heir: Peer = self.peers.know(entry.next_public)
        if not heir.routes() and old is not None and old.routes():
            heir.fixed = old.routes()[0]
        return heir

    def _tell(self, event: NodeEvent) -> None:
        if event.kind == EV_KEY_MOVED:
            before, now = event.name, event.peer
            moved = {old: now if new == before else new for old, new in self._moved.items()}
            moved[before] = now
            known = self.guard.store.get
            self._moved = {old: new for old, new in moved.items() if known(new) is not None}
        self._on_event(event)


def _store(trust: StoreFile | Path | None, profile: type[HOST]) -> StoreFile:
    """The trust store; a damaged one is kept aside, and said."""
    if isinstance(trust, StoreFile):
        return trust
    file = StoreFile(trust or trust_file.default_path(), profile)
    if file.damaged is not None:
        log.error("%s is damaged and was put aside: nobody is trusted now", file.path)
    return file


def _wrapped(quic: int | None, ws: int | None, certificate: Certificate | None) -> dict[str, int]:
    """Maps the links beside TCP and UDP to their ports."""
    ports = (("quic", quic), ("wss" if certificate else "ws", ws))
    return {link: port for link, port in ports if port is not None}


def _host_name() -> str:
    """Returns as much of this host's name as a node's holds."""
    text = socket.gethostname().encode(errors="ignore")[:NODE_NAME_MAX]
    return text.decode(errors="ignore").strip()


def _with_keepalive(profile: type[HOST], keepalive_ms: int) -> type[HOST]:
    class Kept(profile):  # type: ignore[misc, valid-type] # whichever it is
        pass

    Kept.keepalive_ms = keepalive_ms
    return Kept


def _log_event(event: NodeEvent) -> None:
    if event.kind == EV_DENIED:
        log.info("denied %s %s: %s", event.peer, event.name or "-", label(event.code))
    elif event.kind == EV_MOVED:
        log.info("the session with %s goes on over %s", event.peer, event.name)
    elif event.kind == EV_KEY_DUE:
        log.warning("this node has a new key, which holds once the program is started again")


def _today() -> int:
    return max(int(time.time()), 0)
