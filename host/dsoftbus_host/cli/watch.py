"""The command that shows what peers publish, as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dsoftbus.errors import BusError
from dsoftbus.service.subscriber import Update
from dsoftbus_aio.bus import BaseBus
from dsoftbus_aio.peer import Peer
from dsoftbus_aio.services.subscriptions import Updates
from dsoftbus_host import event_loop
from dsoftbus_host import json_values as values
from dsoftbus_host.cli.common import called, command, console, errors
from dsoftbus_host.cli.reach import Place, ignore, lasting, place_options
from dsoftbus_host.cli.terminal import complete, words
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.display import shown

_ALL = "all"
_REFRESH_S = 0.1
_PATIENCE_MS = 3000  # before it says whom it waits for
_VALUE_MAX = 200  # characters of a value in a table
Show = Callable[[Update], None]
Note = Callable[[str], None]


@click.command("watch")
@click.argument("peer", metavar="PEER|all", shell_complete=complete.peers_and_all)
@click.argument("topics", metavar="FILTER", default="#")
@click.option("-c", "--count", type=click.IntRange(1), help="End after so many updates.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each update.")
@place_options
@command
def watch(peer: str, topics: str, count: int | None, as_json: bool, place: Place) -> None:
    """Show what a peer publishes, as it changes.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT; `all` stands for all that are
    paired. FILTER is the name of a topic, in which `+` stands for any one level and `#`, at the
    end, for any number of them; without it, it is `#`. On a terminal that is a table with the last
    value of each topic; elsewhere, and with --json, a line for each update. It waits for peers
    that are absent, and goes on when they come back.
    """
    event_loop.run(_watch(peer, topics, count, as_json, place))


async def _watch(peer: str, topics: str, count: int | None, as_json: bool, place: Place) -> None:
    several = peer == _ALL
    updates_of = _of_all(topics, place) if several else _of_one(peer, topics, place)
    async with updates_of as (updates, saying), _screen(several, as_json) as (show, note):
        task = asyncio.ensure_future(saying(note))
        try:
            await _follow(updates, show, count)
        finally:
            task.cancel()


async def _follow(updates: Updates, show: Show, count: int | None) -> None:
    number = 0
    async for update in updates:
        show(update)
        number += 1
        if number == count:
            return


# Whose updates these are, and what there is to say of their peers


@contextlib.asynccontextmanager
async def _of_all(topics: str, place: Place) -> AsyncIterator[Any]:
    bus = place.bus(ignore, listen=False)
    heard: asyncio.Queue[Exception] = asyncio.Queue(100)

    def on_error(error: Exception) -> None:
        if not heard.full():
            heard.put_nowait(error)

    async def say(note: Note) -> None:
        if not len(bus.guard.store):
            note("nobody is paired; `dsoftbus pair` pairs")
        while True:
            error = await heard.get()
            said = isinstance(error, (BusError, OSError))
            note(words.said(error) if said else repr(error))  # type: ignore[arg-type]

    bus.on_error = on_error
    async with bus:
        place.ask(bus)
        async with bus.subscribe(topics) as updates:
            yield updates, say


@contextlib.asynccontextmanager
async def _of_one(peer: str, topics: str, place: Place) -> AsyncIterator[Any]:
    async with lasting(place, peer) as (bus, reached):

        async def say(note: Note) -> None:
            await _say_whether_there(bus, reached, called(peer), note)

        async with reached.subscribe(topics) as updates:
            yield updates, say


async def _say_whether_there(bus: BaseBus, peer: Peer, name: str, note: Note) -> None:
    told = False
    try:
        await peer.connected(_PATIENCE_MS)
        note("")
    except BusError as error:
        note(f"waiting for {name}: {words.said(error, name)}")
        told = True
    async for seen in bus.presence():
        if not seen.online:
            why = "" if seen.why is None else f": {words.said(seen.why, name)}"
            note(f"{name} is gone{why}; waiting for it")
        elif told:
            note(f"{name} is here")
        told = True


# How they are shown


@contextlib.asynccontextmanager
async def _screen(several: bool, as_json: bool) -> AsyncIterator[tuple[Show, Note]]:
    """Gives a function that shows an update, and one that shows a note."""
    if as_json or not console.is_terminal or console.is_dumb_terminal:
        yield (_say_json if as_json else lambda update: _say_line(update, several)), _say_note
        return
    board = Board(several)
    with Live(console=console, auto_refresh=False) as live:
        drawing = asyncio.ensure_future(_draw(live, board))
        try:
            yield board.put, board.note
        finally:
            drawing.cancel()
            live.update(board.table(), refresh=True)


async def _draw(live: Live, board: Board) -> None:
    while True:
        if board.changed:
            live.update(board.table(), refresh=True)
        await asyncio.sleep(_REFRESH_S)


def _say_note(text: str) -> None:
    if text:
        errors.print(text)


def _say_line(update: Update, several: bool) -> None:
    console.print(line(update, several))


def line(update: Update, several: bool) -> str:
    """One update, in a pipe or a log."""
    parts = [update.topic, values.said(update.value)]
    if several:
        parts.insert(0, _name(update))
    if update.lost != 0:
        parts.append(f"(lost before: {_lost(update)})")
    return "  ".join(parts)


def _say_json(update: Update) -> None:
    console.print(Text(json.dumps(described(update))), soft_wrap=True)


def described(update: Update) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    return {
        "peer": update.peer.name,
        "id": update.peer.id,
        "topic": update.topic,
        "value": values.plain(update.value),
        "lost": update.lost,
        "event": update.event,
    }


def _name(update: Update) -> str:
    return update.peer.name or update.peer.id or "-"


def _lost(update: Update) -> str:
    return "?" if update.lost is None else str(update.lost)


class Board:
    """The table: a row for each topic, with its last value."""

    def __init__(self, several: bool) -> None:
        self.changed = True
        self._several = several
        self._note = "waiting for the first update"
        self._rows: dict[tuple[str, str], _Row] = {}

    def put(self, update: Update) -> None:
        """Shows an update."""
        row = self._rows.setdefault((_name(update), update.topic), _Row())
        row.put(update)
        self.changed = True

    def note(self, text: str) -> None:
        """Shows a note below the table, in place of the one before."""
        self._note = text
        self.changed = True

    def table(self) -> Table:
        """The table as it is now."""
        self.changed = False
        names = ("peer", "topic", "value", "updates", "lost")
        made = table_of(*(names if self._several else names[1:]))
        for (peer, topic), row in sorted(self._rows.items()):
            whose = (cell(peer),) if self._several else ()
            made.add_row(*whose, cell(topic), cell(row.value), str(row.updates), row.lost)
        made.caption = Text(shown(self._note)) if self._note else None
        made.caption_justify = "left"
        return made


class _Row:
    """A topic, as far as it was seen."""

    def __init__(self) -> None:
        self.value = ""
        self.updates = 0
        self._lost = 0
        self._more = False  # at some time it was not known how many

    @property
    def lost(self) -> str:
        return f"{self._lost}{'+' if self._more else ''}"

    def put(self, update: Update) -> None:
        self.value = shown(values.said(update.value), _VALUE_MAX)
        self.updates += 1
        self._lost += update.lost or 0
        self._more = self._more or update.lost is None
