"""The view of updates under way: a table that moves on a terminal, lines elsewhere; a report."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from dsoftbus.errors import BusError
from dsoftbus_host.cli.common import called, console, errors, say_json
from dsoftbus_host.cli.terminal import words
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.display import shown
from dsoftbus_host.update import one_update as steps
from dsoftbus_host.update.one_update import OneUpdate

_REFRESH_S = 0.1
_AROUND = 4  # lines of a terminal for what is not a row
_NAME_MAX = 28  # characters of a peer
_STYLES = {
    steps.UPDATED: "green",
    steps.SAME: "green",
    steps.WENT_BACK: "red",
    steps.FAILED: "red",
    steps.STOPPED: "yellow",
    steps.WAITING: "dim",
    steps.SKIPPED: "dim",
}
_SAID = (steps.RESTARTING, *steps.ENDS)  # of all steps, in a log


class Watched:
    """All updates of a command, in their order, as a person sees them."""

    def __init__(self, as_json: bool) -> None:
        self.updates: list[OneUpdate] = []
        self._as_json = as_json
        self._moves = errors.is_terminal and not errors.is_dumb_terminal
        self._quiet = as_json or self._moves
        self._changed = True

    def on_change(self, update: OneUpdate) -> None:
        """Something is new of one of them."""
        self._changed = True
        if not self._quiet and update.step in _SAID:
            console.print(_line(update))

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Shows within the block how they go on."""
        if not self._moves:
            yield
            return
        with Live(console=errors, auto_refresh=False, transient=True) as live:
            drawing = asyncio.ensure_future(self._draw(live))
            try:
                yield
            finally:
                drawing.cancel()

    async def _draw(self, live: Live) -> None:
        while True:
            if self._changed:
                self._changed = False
                rows = max(errors.height - _AROUND, 1)
                live.update(_table(_foremost(self.updates, rows), self._summary()), refresh=True)
            await asyncio.sleep(_REFRESH_S)

    def report(self) -> bool:
        """Says what has become of all; returns whether that is good."""
        good = all(update.step in steps.GOOD for update in self.updates)
        if self._as_json:
            say_json([described(update) for update in self.updates])
        elif self._moves and self.updates:
            console.print(_table(self.updates))
        self._explain()
        if not self._as_json and len(self.updates) > 1:
            console.print(self._summary())
        return good

    def _explain(self) -> None:
        """Says why, for each that has no good end, and then what a person can do."""
        advice: dict[str, None] = {}
        for update in self.updates:
            if update.error is not None:
                errors.print_lines(_why(update), style="red")
                advice[words.advice(update.error)] = None
        for text in filter(None, advice):
            errors.print(text)

    def _summary(self) -> str:
        """ "50 peers: 47 updated, 2 went back, 1 sending" """
        counts = Counter(update.step for update in self.updates)
        order = (*steps.ENDS, *(step for step in counts if step not in steps.ENDS))
        said = ", ".join(f"{counts[step]} {step}" for step in order if counts[step])
        return f"{len(self.updates)} {'peer' if len(self.updates) == 1 else 'peers'}: {said}"


def described(update: OneUpdate) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    error = update.error
    return {
        "peer": called(update.name),
        "result": update.step,
        "before": update.before,
        "version": update.version,
        "label": error.label if isinstance(error, BusError) else None,
        "why": None if error is None else _why(update),
    }


def _why(update: OneUpdate) -> str:
    """The reason for a bad end, with the peer's name, whatever the error says of it."""
    name = called(update.name)
    return "" if update.error is None else words.said(update.error, name, name)


def _line(update: OneUpdate) -> str:
    """One step, in a pipe or a log."""
    said = f"{called(update.name)}  {update.step}"
    if update.version and update.step in (steps.UPDATED, steps.RESTARTING):
        said += f"  {update.before} -> {update.version}"
    elif update.version and update.step == steps.SAME:
        said += f"  {update.version}"
    elif update.before and update.step == steps.WENT_BACK:
        said += f"  {update.before}"
    return said


def _foremost(updates: Sequence[OneUpdate], most: int) -> list[OneUpdate]:
    """Returns those that fit, in their order: those under way, then failures, then others."""

    def rank(at: int) -> tuple[int, int]:
        step = updates[at].step
        under_way = step not in steps.ENDS and step != steps.WAITING
        bad = step in steps.ENDS and step not in steps.GOOD
        return 0 if under_way else 1 if bad else 2 if step == steps.WAITING else 3, at

    return [updates[at] for at in sorted(sorted(range(len(updates)), key=rank)[:most])]


def _table(updates: Sequence[OneUpdate], caption: str = "") -> Table:
    made = table_of("peer", "", "version", "sent")
    for update in updates:
        version = (
            update.version if update.step in steps.GOOD or not update.ended else update.before
        )
        made.add_row(
            cell(shown(called(update.name) or "-", _NAME_MAX)),
            Text(update.step, style=_STYLES.get(update.step, "")),
            cell(version or "-"),
            _sent(update),
        )
    made.caption = Text(caption) if caption else None
    made.caption_justify = "left"
    return made


def _sent(update: OneUpdate) -> str:
    if not update.done:
        return ""
    return f"{100 * update.done // max(update.size, 1)} %" if not update.ended else _size(update)


def _size(update: OneUpdate) -> str:
    return f"{update.done / 1000:.1f} kB"
