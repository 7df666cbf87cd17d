"""The command `dsoftbus`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import click
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dsoftbus.const import EV_DENIED, EV_KEY_DUE
from dsoftbus.errors import label
from dsoftbus.session.events import NodeEvent
from dsoftbus_host import (
    address,
    cli_board,
    cli_board_rom,
    cli_bridge,
    cli_pair,
    cli_sim,
    cli_trust,
    files,
    next_key,
    secret_files,
)
from dsoftbus_host.bus import ANYONE, Bus
from dsoftbus_host.cli_reach import Place, place_options, reached
from dsoftbus_host.demo import run_demo
from dsoftbus_host.display import shown
from dsoftbus_host.terminal import (
    PORT,
    Commands,
    command,
    console,
    errors,
    key_option,
    node_name,
    short_id,
)

_TITLE_MAX = 40  # characters of a bar


@click.group(cls=Commands)
@click.version_option(package_name="dsoftbus")
@click.option("-v", "--verbose", is_flag=True, help="Say more of what goes on.")
def main(verbose: bool) -> None:
    """A secure bus between hosts and MicroPython boards, without a broker."""
    level = logging.DEBUG if verbose else logging.WARNING
    handler = RichHandler(console=errors, show_path=False, show_time=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


@main.command("id")
@key_option
@command
def show_id(key_path: Path) -> None:
    """Show this node's device id and public key."""
    bus = Bus(next_key.load(key_path))
    console.print(f"id   {bus.id}   ({short_id(bus.id)} for short)")
    console.print(f"key  {bus.public.hex()}")


@main.command()
@place_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=PORT, default=37020, show_default=True, help="Port to listen on; 0 for any."
)
@click.option("--name", default=socket.gethostname, show_default="the host's name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="this user's folder for it",
    help="Where peers store and fetch files: a folder for that and nothing else.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="KEY",
    help="Let this peer connect, and not those that are paired; repeatable.",
)
@click.option("--anyone", is_flag=True, help="Let every peer connect that proves some key.")
@command
def serve(
    place: Place,
    host: str,
    port: int,
    name: str,
    folder: Path | None,
    allow: tuple[str, ...],
    anyone: bool,
) -> None:
    """Store and serve files for the peers that this node has paired with."""
    folder = folder or files.made_folder()
    secret_files.keep_apart(folder)
    allowed = [address.public_key(text) for text in allow]
    if not allowed and not anyone:
        asyncio.run(_serve_paired(place, name, host, port, folder))
        return
    key = next_key.load(place.key_path)
    bus = Bus(key, node_name(name), allow=ANYONE if anyone else allowed)
    asyncio.run(_serve(bus, host, port, folder))


async def _serve(bus: Bus, host: str, port: int, folder: Path) -> None:
    async with bus:
        port = await bus.listen(host, port, "auto")
        _show_serving(bus, host, port, folder)
        await asyncio.Event().wait()


async def _serve_paired(place: Place, name: str, host: str, port: int, folder: Path) -> None:
    """By the trust store, and found by discovery; anew whenever the node has a new key."""
    while True:
        rotated = asyncio.Event()

        def on_event(event: NodeEvent, rotated: asyncio.Event = rotated) -> None:
            if event.kind == EV_KEY_DUE:
                rotated.set()
            elif event.kind == EV_DENIED:
                text = f"denied {short_id(event.peer)} {event.name or '-'}: {label(event.code)}"
                console.print(text)

        services = ("file", "fetch", "echo")
        async with place.nearby(on_event, name, listen=(host, port), services=services) as nearby:
            place.ask(nearby)
            _show_serving(nearby.bus, host, nearby.port, folder)
            if not len(nearby.guard.store):
                console.print("nobody is paired, so nobody may connect; `dsoftbus pair` pairs")
            await rotated.wait()
        console.print("this node has a new key")


def _show_serving(bus: Bus, host: str, port: int, folder: Path) -> None:
    files.FileService(bus, folder, _report_stored)
    files.serve_echo(bus)
    console.print(f"{bus.id} serves {folder.resolve()}")
    peer = address.Address(bus.public, host, port)
    console.print(f"peers reach it as  {peer}")


def _report_stored(peer_id: str, path: Path) -> None:
    size = path.stat().st_size
    text = f"stored {path.name} ({size} bytes) from {short_id(peer_id)}"
    console.print(text)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("peer")
@place_options
@command
def send(file: Path, peer: str, place: Place) -> None:
    """Store FILE with PEER: the name or id of a paired one, or KEY@HOST:PORT."""
    digest = asyncio.run(_send(file, peer, place))
    text = f"stored {file.name}, SHA-256 {digest.hex()}"
    console.print(text)


async def _send(file: Path, peer: str, place: Place) -> bytes:
    async with reached(place, peer) as connection:
        with progress_bar(file.name) as progress:
            return await files.send(connection, file, progress)


@main.command()
@click.argument("name")
@click.argument("peer")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Where to put it.",
)
@place_options
@command
def fetch(name: str, peer: str, folder: Path, place: Place) -> None:
    """Fetch the file NAME from PEER: the name or id of a paired one, or KEY@HOST:PORT."""
    digest = asyncio.run(_fetch(name, peer, folder, place))
    text = f"fetched {name}, SHA-256 {digest.hex()}"
    console.print(text)


async def _fetch(name: str, peer: str, folder: Path, place: Place) -> bytes:
    async with reached(place, peer) as connection:
        with progress_bar(name) as progress:
            return await files.fetch(connection, name, folder, progress)


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[files.Progress]:
    """A bar on the terminal; what it yields is told (bytes done, bytes in all)."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task(shown(title, _TITLE_MAX), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@main.command()
@command
def demo() -> None:
    """Start a MicroPython node and show a session with it, and three refusals."""
    asyncio.run(run_demo(console))


for added in cli_board_rom.COMMANDS:
    cli_board.board.add_command(added)
_OTHERS = (cli_sim.sim, cli_board.board, cli_bridge.bridge)
for group in (cli_pair.COMMANDS, cli_trust.COMMANDS, _OTHERS):
    for added in group:
        main.add_command(added)

if __name__ == "__main__":
    main()
