"""A node with all that belongs to it: a bus that trusts by a store, and discovery around it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from dsoftbus.const import DISCOVERY_PORT, EV_KEY_MOVED, LINK_DATAGRAM, LINK_LINE, LINK_STREAM
from dsoftbus.discovery.peers import Peer
from dsoftbus.errors import STALE_PEER, BusError, LocalError
from dsoftbus.session.events import NodeEvent
from dsoftbus.trust import invitation, naming
from dsoftbus.trust.acl import Rule
from dsoftbus.trust.guard import Guard
from dsoftbus_host import lookalikes
from dsoftbus_host.address import SERIAL
from dsoftbus_host.bus import Bus
from dsoftbus_host.cable import BAUD
from dsoftbus_host.clock import now_ms
from dsoftbus_host.connection import Connection
from dsoftbus_host.discovery import Discovery
from dsoftbus_host.interfaces import Interface
from dsoftbus_host.keeper import Keeper
from dsoftbus_host.names_used import NamesUsed
from dsoftbus_host.starts import count_start
from dsoftbus_host.store_file import StoreFile
from dsoftbus_host.watch import Watch

_LOOK_S = 0.05
LINK_NAMES = {LINK_STREAM: "tcp", LINK_DATAGRAM: "udp", LINK_LINE: SERIAL}
EVERY_ADDRESS = "0.0.0.0"


class Nearby:
    """As a context manager it is there, and says goodbye at the end.

    `listen`: (host, port) to take sessions on, or None to only look; `grants` is what peers get
    when they are paired; `interfaces`: None for all; `on_event` gets every NodeEvent; `key_path`
    is the file that `key` came from (`next_key.load`), for a change of the key; `serial` are the
    paths of ports with a node at the other end, or a bridge, at `baud`.
    """

    def __init__(
        self,
        key: bytes,
        name: str,
        file: StoreFile,
        on_event: Callable[[NodeEvent], None],
        *,
        grants: Iterable[Rule] = (),
        listen: tuple[str, int] | None = (EVERY_ADDRESS, 0),
        services: Iterable[str] = (),
        interfaces: list[Interface] | None = None,
        discovery_port: int = DISCOVERY_PORT,
        key_path: Path | None = None,
        serial: Iterable[str] = (),
        baud: int = BAUD,
    ) -> None:
        self.guard = Guard(file.store, os.urandom, _today, grants)
        self.guard.alike = lookalikes.alike
        self.bus = Bus(key, name, guard=self.guard)
        self._names = NamesUsed(file.path)
        self.bus.on_name = self._note_name
        self.peers = self.bus.node.discover()
        self.watch = Watch(self.bus, self._tell, file, key_path)
        self._on_event = on_event
        self._moved: dict[str, str] = {}  # old ids of peers that changed their key since
        self.port = 0
        self._starts = key_path and key_path.with_name(key_path.name + ".starts")
        self._listen = listen
        self._services = services
        self._interfaces = interfaces
        self._discovery_port = discovery_port
        self._serial = serial
        self._baud = baud

    async def __aenter__(self) -> Nearby:
        lines = [self.bus.open_serial(path, self._baud) for path in self._serial]
        kinds: tuple[int, ...] = (LINK_STREAM, LINK_DATAGRAM)
        if self._listen is not None:
            if self._listen[1] == self._discovery_port:
                kinds = (LINK_STREAM,)  # announcements have that port of UDP
            link = "auto" if LINK_DATAGRAM in kinds else "tcp"
            self.port = await self.bus.listen(*self._listen, link=link)
        self.watch.start()
        self.discovery = Discovery(
            self.bus,
            self.watch,
            self.port,
            self._services,
            self._interfaces,
            self._discovery_port,
            kinds,
            None if self._starts is None else count_start(self._starts),
        )
        self.discovery.start()
        for line in lines:
            self.discovery.add_line(line)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discovery.stop()
        await self.bus.close()
        self.watch.stop()

    def _note_name(self, name: str) -> None:
        if self._names.note(name):
            self._names.save()

    def take_pairings(self) -> None:
        """By digits, from now on for five minutes, and everyone may know."""
        self.guard.desk.open(now_ms())
        self.discovery.announce_soon()

    def take_token(self, token: bytes) -> None:
        """Pairs with whoever shows this token of 16 bytes, and with nobody by digits."""
        self.guard.desk.close()
        self.bus.node.local.invite_psk = invitation.psk(token)
        self.discovery.announce_soon()

    def find(self, text: str) -> str | None:
        """The id that a person means by an id, a name, or the beginning of an id, of those who
        are trusted or were heard of; None when it is nobody's.

        Raises LocalError(AMBIGUOUS_NAME), which names those that it could be.
        """
        return naming.find(text, self.guard.store, self.peers) or None

    async def heard(self, text: str, timeout_s: float = 10) -> str:
        """Waits until the peer that a person means has been heard of; returns its id.

        Raises LocalError: STALE_PEER, AMBIGUOUS_NAME.
        """
        give_up = now_ms() + timeout_s * 1000
        while now_ms() < give_up:
            device = self.find(text)
            peer = self.peers.get(device) if device else None
            if device is not None and peer is not None and peer.routes():
                return device
            await asyncio.sleep(_LOOK_S)
        raise LocalError(STALE_PEER, f"{text}: nobody by that name or id was heard of")

    async def connect(self, device: str) -> Connection:
        """A session with a peer, wherever it was heard of; an old one if it lives.

        A peer that announced its next key is sought by that, too, and one that has changed its
        key by what it changed it to.
        """
        device = self._moved.get(device, device)
        heir = self._heir(device)
        if heir is None:
            return await self._connect(device)
        # Once the next key is announced it is in use; a forged announcement costs an attempt.
        first, second = (heir.id, device) if heir.online else (device, heir.id)
        try:
            return await self._connect(first)
        except (BusError, OSError):
            return await self._connect(second)

    async def _connect(self, device: str) -> Connection:
        live = self.bus.connections(device)
        if live:
            return live[0]
        peer = self.peers.attempt(device, now_ms())
        failure: BusError | OSError = LocalError(STALE_PEER, device)
        for kind, host, port in peer.routes():
            if kind in LINK_NAMES:
                link = LINK_NAMES[kind]
                try:
                    return await self.bus.connect(host, port, peer.public, link=link)
                except (BusError, OSError) as error:
                    failure = error
        self.peers.failed(device, now_ms())
        raise failure

    def _heir(self, device: str) -> Peer | None:
        """What is known of the next key that a trusted peer has announced; where its old address
        is all that is known, it is sought there."""
        entry = self.guard.store.get(device)
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

    def keep(
        self,
        device: str,
        on_up: Callable[[Connection], None] | None = None,
        on_down: Callable[[BusError], None] | None = None,
    ) -> Keeper:
        """A session with a peer that comes back by itself, wherever the peer is heard of."""

        def heard() -> int:
            peer = self.peers.get(device)
            return -1 if peer is None else int(peer.heard)

        return Keeper(self.bus, lambda: self.connect(device), on_up, on_down, heard)


def _today() -> int:
    return max(int(time.time()), 0)
