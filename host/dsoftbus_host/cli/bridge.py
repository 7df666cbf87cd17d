"""The command that leads from the network to boards that have only a cable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import click
from rich.live import Live
from rich.table import Table

from dsoftbus.const import DISCOVERY_PORT
from dsoftbus_host import event_loop
from dsoftbus_host.bridge.bridge import Bridge, Status
from dsoftbus_host.cli.common import PORT, command, console, short_id
from dsoftbus_host.cli.terminal.screen import cell
from dsoftbus_host.discovery import interfaces
from dsoftbus_host.links.reopening_port import BAUD

_REFRESH_S = 0.5


@click.command("bridge")
@click.argument("ports", nargs=-1, required=True, metavar="PORT...")
@click.option("--baud", default=BAUD, show_default=True, help="Speed of the serial ports.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to be reached at.")
@click.option(
    "--port",
    type=PORT,
    default=0,
    show_default="any",
    help="UDP port to be reached at; a second board has the next one.",
)
@click.option("--interface", "names", multiple=True, metavar="ADDRESS/PREFIX")
@click.option("--discovery-port", type=PORT, default=DISCOVERY_PORT, show_default=True)
@click.option("--seconds", type=float, help="End after this time; else at Ctrl-C.")
@command
def bridge(
    ports: tuple[str, ...],
    baud: int,
    host: str,
    port: int,
    names: tuple[str, ...],
    discovery_port: int,
    seconds: float | None,
) -> None:
    """Let the boards at the serial PORTs be found and reached by others on the network.

    Sessions stay encrypted between the board and its peer: a bridge has no keys. The ports are the
    bridge's as long as it runs.
    """
    spoken = [interfaces.of(name) for name in names] or None
    event_loop.run(_bridge(ports, baud, host, port, spoken, discovery_port, seconds))


async def _bridge(
    paths: Iterable[str],
    baud: int,
    host: str,
    port: int,
    spoken: list[interfaces.Interface] | None,
    discovery_port: int,
    seconds: float | None,
) -> None:
    bridges: list[Bridge] = []
    with contextlib.ExitStack() as opened:
        for i, path in enumerate(paths):
            own_port = port + i if port else 0
            one = Bridge(path, baud, host, own_port, spoken, discovery_port)
            opened.callback(one.close)
            bridges.append(one)
        show = _show_live if console.is_terminal else _print_changes
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(show(bridges), seconds)
        finally:
            for one in bridges:
                _print(_summary(one.status))


async def _show_live(bridges: list[Bridge]) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(table(bridge.status for bridge in bridges), refresh=True)
            await asyncio.sleep(_REFRESH_S)


async def _print_changes(bridges: list[Bridge]) -> None:
    """The form for a log: a line whenever a board comes or goes."""
    last = [""] * len(bridges)
    while True:
        for i, one in enumerate(bridges):
            said = _where(one.status)
            if said != last[i]:
                last[i] = said
                _print(said)
        await asyncio.sleep(_REFRESH_S)


def _where(status: Status) -> str:
    if not status.plugged:
        return f"{status.path} is unplugged"
    if not status.id:
        return f"{status.path}: waiting for a board, which others will reach at UDP {status.port}"
    name = f"{status.name or '-'} ({status.id})"
    return f"{status.path}: {name} is reached at UDP {status.port}"


def table(statuses: Iterable[Status]) -> Table:
    """A line for each bridge."""
    lines = Table("port", "board", "at UDP", "peers", "to it", "from it", "dropped", box=None)
    for status in statuses:
        board = "unplugged" if not status.plugged else "none seen yet"
        lines.add_row(
            cell(status.path),
            cell(f"{status.name or '-'} {short_id(status.id)}" if status.id else board),
            str(status.port),
            f"{status.live} of {status.known}",
            str(status.to_board),
            str(status.from_board),
            _drops(status),
        )
    return lines


def _summary(status: Status) -> str:
    return (
        f"{status.path}: {status.to_board} datagrams to the board, {status.from_board} from it, "
        f"dropped: {_drops(status)}"
    )


def _drops(status: Status) -> str:
    return ", ".join(f"{n} {why}" for why, n in status.drops.most_common()) or "none"


def _print(text: str) -> None:
    console.print(text)
