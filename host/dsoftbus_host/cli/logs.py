"""The command that shows the log of a peer."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import click
from rich.text import Text

from dsoftbus.service.log_ring import LEVELS
from dsoftbus_host import event_loop
from dsoftbus_host.board.privileged import refused
from dsoftbus_host.cli.common import command, console, errors, peer_argument
from dsoftbus_host.cli.reach import Place, lasting, place_options

if TYPE_CHECKING:
    from dsoftbus_aio.services.log_watch import LogRecord, LogWatch

_SETTING = ': a board does with "logs": true in its config.json (`dsoftbus board config`)'
_STYLES = {"warning": "yellow", "error": "red"}


@click.command("logs")
@peer_argument
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=LEVELS[0],
    show_default=True,
    help="Show records of this level and above.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each record.")
@place_options
@command
def logs(peer: str, level: str, follow: bool, as_json: bool, place: Place) -> None:
    """Show what a peer's programs have printed lately, and its errors.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. Each line has the seconds since
    the peer's start, the level and the text. The peer has to grant `logs`; a board keeps a log
    where its config.json says "logs": true. `--follow` goes on when the peer has restarted.
    """
    event_loop.run(show(place, peer, level, follow, as_json))


async def show(place: Place, peer: str, level: str, follow: bool, as_json: bool = False) -> None:
    """Prints the records of a peer's log."""
    async with lasting(place, peer) as (_, there):
        await there.connected()
        watch = there.read_logs(level, follow)
        with contextlib.closing(watch), refused("logs", f"{peer} keeps no log{_SETTING}"):
            await _print(watch, as_json)


async def _print(watch: LogWatch, as_json: bool) -> None:
    start = 0
    async for record in watch:
        if as_json:
            console.print(Text(json.dumps(described(record))), soft_wrap=True)
            continue
        if start not in (0, record.start):
            errors.print("the peer has restarted")
        start = record.start
        if record.lost:
            errors.print(f"{record.lost} records were lost")
        say(record)


def described(record: LogRecord) -> dict[str, object]:
    """The value that docs/commands.md describes."""
    names = ("start", "sequence", "at_ms", "level", "text", "lost")
    return {name: getattr(record, name) for name in names}


def say(record: LogRecord) -> None:
    """Prints one record as a line, whose text is the peer's."""
    line = f"{record.at_ms / 1000:9.3f} {record.level:7} {record.text}"
    console.print(line, style=_STYLES.get(record.level), soft_wrap=True)
