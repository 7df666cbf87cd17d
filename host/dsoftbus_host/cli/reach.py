"""The commands reach the peer that a person names: by its address, its name or its id."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from dsoftbus.const import DISCOVERY_PORT, LINK_STREAM
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.mux.events import NodeEvent
from dsoftbus_aio.bus import BaseBus
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.peer import Peer
from dsoftbus_host import address
from dsoftbus_host.address import BROKER, SERIAL, Address
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bus import LINK_NAMES, Bus
from dsoftbus_host.cli.common import PORT, key_option, node_name, open_store, trust_option
from dsoftbus_host.discovery import interfaces
from dsoftbus_host.links.reopening_port import BAUD
from dsoftbus_host.storage import group_file, secret_files
from dsoftbus_host.update import fleet
from dsoftbus_host.upkeep import next_key

_KINDS = {name: kind for kind, name in LINK_NAMES.items()}


class Place(NamedTuple):
    """The files of this node, and where it looks for others."""

    key_path: Path
    trust_path: Path
    interface: tuple[str, ...]
    discovery_port: int | None
    ask_hosts: tuple[str, ...]  # HOST[:PORT] to probe, too
    serial: tuple[str, ...]  # ports with a node, or a bridge, at the other end
    baud: int | None
    ca: Path | None = None  # the authorities of servers of wss:// and mqtts://

    def bus(self, on_event: Callable[[NodeEvent], None], name: str = "", **more: Any) -> Bus:
        bus = Bus(
            node_name(name),
            key=self.key_path,
            trust=open_store(self.trust_path),
            on_event=on_event,
            interfaces=[interfaces.of(text) for text in self.interface] or None,
            discovery_port=self.discovery_port,
            serial=self.serial or None,
            baud=self.baud,
            **more,
        )
        bus.ca = self.ca
        return bus

    def bare_bus(self) -> BareBus:
        """A bus for peers that are given by their addresses."""
        bus = BareBus(next_key.load(self.key_path), node_name(socket.gethostname()))
        bus.ca = self.ca
        return bus

    def ask(self, bus: Bus) -> None:
        """Probes the addresses that were given."""
        for text in self.ask_hosts:
            bus.ask(text)


def options_of_place(*probe: str) -> Callable[..., Any]:
    """The options of a Place, which the command gets as `place`; `probe`: what the option is
    called that asks an address."""
    options = (
        click.option("--interface", "interface", multiple=True, metavar="ADDRESS/PREFIX"),
        click.option("--discovery-port", type=PORT, show_default=str(DISCOVERY_PORT)),
        click.option(
            *probe,
            "ask_hosts",
            multiple=True,
            metavar="HOST[:PORT]",
            help="Ask this address, too, where multicast is filtered; PORT is that of discovery.",
        ),
        click.option(
            "--baud", type=int, show_default=str(BAUD), help="Speed of the serial ports."
        ),
        click.option(
            "--serial", multiple=True, metavar="PORT", help="Look on this serial port, too."
        ),
        click.option(
            "--ca",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            show_default="the system's",
            help="The certificates that those of servers of wss:// and mqtts:// go by.",
        ),
        trust_option,
        key_option,
    )

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            fields = {name: kwargs.pop(name) for name in Place._fields}
            for path in (fields["key_path"], fields["trust_path"]):
                secret_files.note(path)  # also where the command does not read it
            return function(*args, place=Place(**fields), **kwargs)

        for option in options:
            run = option(run)
        return run

    return decorated


place_options = options_of_place("--peer", "--probe")


@contextlib.asynccontextmanager
async def reached(place: Place, peer: str) -> AsyncIterator[Connection]:
    """Gives one command a session with `peer`: KEY@HOST:PORT, or a paired one's name or id."""
    if _is_address(peer):
        there = address.parse(peer)
        async with place.bare_bus() as bare:
            _open_group(bare, place, there)
            async with await bare.connect(
                there.host, there.port, there.public, link=there.link
            ) as session:
                yield session
        return
    bus = place.bus(ignore, listen=False)
    device = _paired(bus, peer)
    async with bus:
        place.ask(bus)
        async with await bus.reach(device) as session:
            yield session


@contextlib.asynccontextmanager
async def lasting(place: Place, peer: str) -> AsyncIterator[tuple[BaseBus, Peer]]:
    """Gives a command that goes on a bus, and `peer` as it comes and goes; see `reached`."""
    async with Reach(place) as reach:
        yield await reach.peer(peer)


class Reach:
    """The peers of a command that goes on, as they come and go: within its block it has a bus for
    those that are paired, and one for those that are given by their addresses."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._open = contextlib.AsyncExitStack()
        self._bus: Bus | None = None
        self._bare: BareBus | None = None

    async def __aenter__(self) -> Reach:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def peer(self, word: str) -> tuple[BaseBus, Peer]:
        """The peer that a word means, and its bus. Raises LocalError where it means nobody."""
        if _is_address(word):
            return await self._at(address.parse(word))
        bus = self._bus or self._place.bus(ignore, listen=False)
        _paired(bus, word)
        return await self._begun(bus), bus.peer(word)

    async def names(self, words: tuple[str, ...]) -> list[str]:
        """The peers that these words mean, patterns of names among them; all that are paired where
        there are no words. Raises LocalError where one means nobody."""
        if words and not fleet.has_pattern(words):
            return fleet.chosen(words, ())
        bus = await self._begun(self._bus or self._place.bus(ignore, listen=False))
        entries = list(bus.guard.store)
        return fleet.chosen(words, entries) if words else fleet.every(entries)

    async def _begun(self, bus: Bus) -> Bus:
        if self._bus is None:
            self._bus = bus
            await self._open.enter_async_context(bus)
            self._place.ask(bus)
        return bus

    async def _at(self, there: Address) -> tuple[BaseBus, Peer]:
        if self._bare is None:
            self._bare = self._place.bare_bus()
            await self._open.enter_async_context(self._bare)
        bus = self._bare
        known = bus.node.discover().know(there.public)
        known.fixed = (_KINDS.get(there.link, LINK_STREAM), there.host, there.port)
        if there.link == SERIAL:
            bus.open_serial(there.host)
        _open_group(bus, self._place, there)
        return bus, bus.peer(known.id)


def _open_group(bus: BareBus, place: Place, there: Address) -> None:
    """Opens the group through which `there` is reached, if it is one."""
    if there.link == BROKER:
        known = group_file.named(group_file.beside(place.trust_path), there.host)
        bus.open_group(known.group, known.ca)


def _is_address(peer: str) -> bool:
    return "@" in peer or "://" in peer or not peer


def _paired(bus: Bus, peer: str) -> str:
    entry = bus.guard.store.find(peer)
    if entry is None:
        raise LocalError(
            BAD_ARGUMENT,
            f"{peer}: no such peer. `dsoftbus peers` lists those that are paired, "
            "`dsoftbus discover` those that are there; `dsoftbus pair` pairs. "
            "KEY@HOST:PORT needs no pairing here",
        )
    return entry.id


def ignore(event: NodeEvent) -> None:
    """Ignores the event: a command reports its result at its end."""
