"""How the commands reach the peer that a person names: by its address, its name or its id."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from dsoftbus.const import DISCOVERY_PORT, LINK_LINE
from dsoftbus.errors import BAD_ARGUMENT, STALE_PEER, LocalError
from dsoftbus.session.events import NodeEvent
from dsoftbus_host import address, interfaces, next_key, places, secret_files
from dsoftbus_host.bus import Bus
from dsoftbus_host.cable import BAUD
from dsoftbus_host.connection import Connection
from dsoftbus_host.nearby import Nearby
from dsoftbus_host.terminal import PORT, key_option, node_name, open_store, trust_option

_LISTEN_S = 3  # every node answers the first question: on one network that is milliseconds


class Place(NamedTuple):
    """The files of this node, and where it looks for others."""

    key_path: Path
    trust_path: Path
    interface: tuple[str, ...]
    discovery_port: int
    ask_hosts: tuple[str, ...]  # HOST[:PORT] to probe, too
    serial: tuple[str, ...]  # ports with a node, or a bridge, at the other end
    baud: int

    def nearby(self, on_event: Callable[[NodeEvent], None], name: str = "", **more: Any) -> Nearby:
        return Nearby(
            next_key.load(self.key_path),
            node_name(name or socket.gethostname()),
            open_store(self.trust_path),
            on_event,
            interfaces=[interfaces.of(text) for text in self.interface] or None,
            discovery_port=self.discovery_port,
            key_path=self.key_path,
            serial=self.serial,
            baud=self.baud,
            **more,
        )

    def ask(self, nearby: Nearby) -> None:
        """Probes the addresses that were given."""
        for text in self.ask_hosts:
            host, colon, port = text.rpartition(":")
            if not colon:
                nearby.discovery.probe(text)
            elif number := address.port_of(port):
                nearby.discovery.probe(host, number)
            else:
                raise LocalError(BAD_ARGUMENT, f"{text}: no port")


def place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a Place, which the command gets as `place`."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        fields = {name: kwargs.pop(name) for name in Place._fields}
        for path in (fields["key_path"], fields["trust_path"]):
            secret_files.note(path)  # also where the command does not read it
        return function(*args, place=Place(**fields), **kwargs)

    for option in (
        click.option("--interface", "interface", multiple=True, metavar="ADDRESS/PREFIX"),
        click.option("--discovery-port", type=PORT, default=DISCOVERY_PORT, show_default=True),
        click.option(
            "--peer",
            "--probe",
            "ask_hosts",
            multiple=True,
            metavar="HOST[:PORT]",
            help="Ask this address, too, where multicast is filtered; PORT is that of discovery.",
        ),
        click.option("--baud", default=BAUD, show_default=True, help="Of the serial ports."),
        click.option(
            "--serial", multiple=True, metavar="PORT", help="Look on this serial port, too."
        ),
        trust_option,
        key_option,
    ):
        run = option(run)
    return run


@contextlib.asynccontextmanager
async def reached(place: Place, peer: str) -> AsyncIterator[Connection]:
    """For one command a session with `peer`: KEY@HOST:PORT, or a paired one's name or id."""
    if "@" in peer or "://" in peer or not peer:
        there = address.parse(peer)
        async with (
            Bus(next_key.load(place.key_path), node_name(socket.gethostname())) as bus,
            await bus.connect(there.host, there.port, there.public, link=there.link) as session,
        ):
            yield session
        return
    nearby = place.nearby(_ignore, listen=None)
    device = _paired(nearby, peer)
    async with nearby, await _reach(place, nearby, device) as session:
        yield session


def _paired(nearby: Nearby, peer: str) -> str:
    entry = nearby.guard.store.find(peer)
    if entry is None:
        raise LocalError(
            BAD_ARGUMENT,
            f"{peer}: no such peer. `dsoftbus peers` lists those that are paired, "
            "`dsoftbus discover` those that are there; `dsoftbus pair` pairs. "
            "KEY@HOST:PORT needs no pairing here",
        )
    return str(entry.id)


async def _reach(place: Place, nearby: Nearby, device: str) -> Connection:
    """Where the peer is heard now, else where it was reached last."""
    place.ask(nearby)
    notes = places.beside(place.trust_path)
    try:
        await nearby.heard(device, _LISTEN_S)
    except LocalError as error:
        route = places.load(notes).get(device)
        if error.code != STALE_PEER or route is None:
            raise
        nearby.peers.know(nearby.guard.store.get(device).public).fixed = route
    session = await nearby.connect(device)
    route = session.session.route
    if route is not None and route[0] != LINK_LINE:  # a cable is opened when it is asked for
        trusted = [entry.id for entry in nearby.guard.store]
        with contextlib.suppress(OSError, LocalError):  # a hint, and no reason to fail
            places.remember(notes, session.peer_id, route, trusted)
    return session


def _ignore(event: NodeEvent) -> None:
    """What a command has to say, its end says."""
