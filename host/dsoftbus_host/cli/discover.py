"""The command that shows who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click
from rich.live import Live
from rich.table import Table

from dsoftbus.const import LINK_LINE
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_TOKEN
from dsoftbus.discovery.peers import Peer
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host import address, event_loop
from dsoftbus_host.bus import LINK_NAMES, Bus
from dsoftbus_host.cli.common import command, console, json_option, say_json
from dsoftbus_host.cli.reach import Place, place_options
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.clock import now_ms

_REFRESH_S = 0.25
_ASK_MS = 10000  # between probes: three fit in a lifetime, and they may be lost
_JSON_S = 3  # every node answers the first question: on one network that is milliseconds
_NARROW = 100  # columns, below which addresses and services stand below the id
_PAIRS = {"digits": "takes pairings", "token": "takes its token", None: ""}


@click.command("discover")
@place_options
@click.option(
    "--seconds",
    type=float,
    help=f"End after this time; else at Ctrl-C, with --json after {_JSON_S}.",
)
@json_option
@command
def discover(place: Place, seconds: float | None, as_json: bool) -> None:
    """Show the nodes around, as they come and go.

    On a terminal that is a table of those that are there. Elsewhere it is a line for each that
    comes or leaves, and with --json, at the end of the time, a list of those that are there.
    """
    if as_json:
        seconds = _JSON_S if seconds is None else seconds
    event_loop.run(_discover(place, seconds, as_json))


async def _discover(place: Place, seconds: float | None, as_json: bool) -> None:
    end = None if seconds is None else now_ms() + seconds * 1000
    async with place.bus(_ignore, listen=False) as bus:
        if as_json:
            await _look(place, bus, end, _nothing)
            say_json([_described(peer, bus) for peer in _there(bus)])
        elif console.is_terminal and not console.is_dumb_terminal:
            with Live(console=console, auto_refresh=False) as live:
                await _look(place, bus, end, lambda: live.update(_peer_table(bus), refresh=True))
        else:
            await _look(place, bus, end, _Changes(bus).say)


async def _look(place: Place, bus: Bus, end: float | None, show: Callable[[], object]) -> None:
    asked = -_ASK_MS
    while True:
        if now_ms() - asked >= _ASK_MS:
            asked = now_ms()
            place.ask(bus)
        show()
        if end is not None and now_ms() >= end:
            return
        await asyncio.sleep(_REFRESH_S)


class _Changes:
    """The form for a pipe or a log: a line whenever somebody comes, leaves, or says something
    else."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._said: dict[str, str] = {}

    def say(self) -> None:
        there = {peer.id: _line(_described(peer, self._bus)) for peer in _there(self._bus)}
        for device, line in self._said.items():
            if device not in there:
                console.print(f"left  {line}")
        for device, line in there.items():
            if line != self._said.get(device):
                console.print(f"here  {line}")
        self._said = there


def _line(found: dict[str, Any]) -> str:
    words = (found["name"] or "-", found["id"], _state(found), *found["addresses"])
    return "  ".join(filter(None, (*words, " ".join(found["services"]))))


def _there(bus: Bus) -> list[Peer]:
    """Those that are there now, by name."""
    return sorted(
        (peer for peer in bus.peers if peer.online), key=lambda peer: (peer.name, peer.id)
    )


def _described(peer: Peer, bus: Bus) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    pairs = "digits" if peer.flags & FLAG_PAIRING else "token" if peer.flags & FLAG_TOKEN else None
    return {
        "name": peer.name,
        "id": peer.id,
        "key": peer.public.hex(),
        "trusted": bus.guard.store.get(peer.id) is not None,
        "pairs_by": pairs,
        "addresses": [_where(*route) for route in peer.routes()],
        "services": list(peer.services),
    }


def _peer_table(bus: Bus) -> Table:
    """Those that are there; and those that are trusted and have left."""
    left = [peer for peer in bus.peers if not peer.online and bus.guard.store.get(peer.id)]
    rows = [*_there(bus), *left]
    wide = console.width >= _NARROW
    table = table_of("name", "id", "", *(("where", "services") if wide else ()))
    for peer in rows:
        found = _described(peer, bus)
        where = found["addresses"]
        services = " ".join(found["services"])
        state = _state(found) if peer.online else "trusted, has left"
        if wide:
            row: tuple[Any, ...] = (peer.id, state, where, services)
        else:
            row = ([peer.id, *where, *filter(None, [services])], state)
        style = None if peer.online else "dim"
        table.add_row(cell(peer.name or "-"), *map(cell, row), style=style)
    return table


def _state(found: dict[str, Any]) -> str:
    """Returns whether it is trusted, or the way in which a stranger pairs."""
    return "trusted" if found["trusted"] else _PAIRS[found["pairs_by"]]


def _where(kind: int, host: str, port: int) -> str:
    if kind == LINK_LINE:
        return f"serial {host}" + (f" channel {port}" if port else "")
    return f"{LINK_NAMES.get(kind, kind)}://{address.host_port(host, port) if port else host}"


def _ignore(event: NodeEvent) -> None:
    """The table shows what there is."""


def _nothing() -> None:
    """The end of the time shows what there is."""
