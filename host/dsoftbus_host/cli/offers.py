"""The command that shows what a peer offers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dsoftbus.service import status
from dsoftbus.service.directory import Offer
from dsoftbus.service.status import CallError
from dsoftbus_host import event_loop
from dsoftbus_host.cli.common import (
    called,
    command,
    console,
    json_option,
    peer_argument,
    say_json,
)
from dsoftbus_host.cli.reach import Place, lasting, place_options, reached
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.display import shown

_FIELDS = ("kind", "name", "about", "unit", "shape")


@click.command("offers")
@peer_argument
@click.option("--watch", is_flag=True, help="Go on, and show it again whenever it changes.")
@json_option
@place_options
@command
def offers(peer: str, watch: bool, as_json: bool, place: Place) -> None:
    """Show what a peer offers this node: its calls and topics.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. It leaves out all that the peer
    does not allow this node, or that is not ready. With --watch it waits for a peer that is
    absent, and shows a table on a terminal, elsewhere a line for each offer that comes or goes,
    and with --json a line with the whole list.
    """
    if watch:
        event_loop.run(_watch(peer, as_json, place))
        return
    found = event_loop.run(_offers(peer, place))
    if as_json:
        say_json(list(map(described, found)))
    elif found:
        console.print(table(found))
    else:
        console.print(_nothing(called(peer)))


async def _offers(peer: str, place: Place) -> list[Offer]:
    async with reached(place, peer) as connection:
        with _without_directory():
            return by_name(await connection.offers())


async def _watch(peer: str, as_json: bool, place: Place) -> None:
    async with lasting(place, peer) as (_, there):
        with _shown(called(peer), as_json) as show, _without_directory():
            async for found in there.watch_offers():
                show(by_name(found))


@contextlib.contextmanager
def _without_directory() -> Iterator[None]:
    try:
        yield
    except CallError as error:
        if error.code != status.NO_METHOD:
            raise
        raise CallError(0, "it has no directory", error.code) from None


@contextlib.contextmanager
def _shown(peer: str, as_json: bool) -> Iterator[Callable[[list[Offer]], None]]:
    """Gives the function that shows a list."""
    if as_json:
        yield _say_line
    elif console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda found: live.update(
                table(found) if found else _nothing(peer), refresh=True
            )
    else:
        yield Changes().say


def _say_line(found: list[Offer]) -> None:
    console.print(Text(json.dumps(list(map(described, found)))), soft_wrap=True)


class Changes:
    """The form for a pipe or a log: a line for each offer that comes or goes."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def say(self, found: list[Offer]) -> None:
        """Says how this list differs from the last."""
        lines = [_line(offer) for offer in found]
        for line in self._said:
            if line not in lines:
                console.print(f"gone  {line}")
        for line in lines:
            if line not in self._said:
                console.print(f"here  {line}")
        self._said = lines


def _line(offer: Offer) -> str:
    return "  ".join(filter(None, (getattr(offer, field) for field in _FIELDS)))


def _nothing(peer: str) -> Text:
    return Text(shown(f"{peer} offers nothing that this node may use"))


def by_name(found: list[Offer]) -> list[Offer]:
    return sorted(found, key=lambda offer: (offer.name, offer.kind))


def described(offer: Offer) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    return {field: getattr(offer, field) for field in _FIELDS}


def table(found: list[Offer]) -> Table:
    """A row for each; a column that would be empty is left out."""
    fields = [field for field in _FIELDS if any(getattr(offer, field) for offer in found)]
    made = table_of(*fields)
    for offer in found:
        made.add_row(*(cell(getattr(offer, field)) for field in fields))
    return made
