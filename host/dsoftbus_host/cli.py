"""The command `dsoftbus`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
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

from dsoftbus.identity import short_id
from dsoftbus_host import address, cli_pair, cli_sim, cli_trust, files, keys
from dsoftbus_host.bus import Bus
from dsoftbus_host.connection import Connection
from dsoftbus_host.demo import run_demo
from dsoftbus_host.terminal import command, console, errors, key_option, node_name


@click.group()
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
    bus = Bus(keys.load_or_make(key_path))
    console.print(f"id   {bus.id}   ({short_id(bus.id)} for short)", soft_wrap=True)
    console.print(f"key  {bus.public.hex()}", soft_wrap=True)


@main.command()
@key_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=37020, show_default=True, help="Port to listen on; 0 for any.")
@click.option("--name", default=socket.gethostname, show_default="the host's name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Where peers store and fetch files.",
)
@click.option("--allow", multiple=True, metavar="KEY", help="A peer that may connect; repeatable.")
@click.option("--anyone", is_flag=True, help="Let every peer connect that proves some key.")
@command
def serve(
    key_path: Path,
    host: str,
    port: int,
    name: str,
    folder: Path,
    allow: tuple[str, ...],
    anyone: bool,
) -> None:
    """Store and serve files for the peers that are allowed."""
    allowed = [address.public_key(text) for text in allow]
    if not allowed and not anyone:
        raise click.UsageError("Nobody may connect: give --allow KEY, or --anyone.")
    bus = Bus(keys.load_or_make(key_path), node_name(name), allow=None if anyone else allowed)
    asyncio.run(_serve(bus, host, port, folder))


async def _serve(bus: Bus, host: str, port: int, folder: Path) -> None:
    async with bus:
        files.FileService(bus, folder, _report_stored)
        files.serve_echo(bus)
        port = await bus.listen(host, port, "auto")
        console.print(f"{bus.id} serves {folder.resolve()}", markup=False, soft_wrap=True)
        peer = address.Address(bus.public, host, port)
        console.print(f"peers reach it as  {peer}", markup=False, soft_wrap=True)
        await asyncio.Event().wait()


def _report_stored(peer_id: str, path: Path) -> None:
    size = path.stat().st_size
    text = f"stored {path.name} ({size} bytes) from {short_id(peer_id)}"
    console.print(text, markup=False, soft_wrap=True)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("peer")
@key_option
@command
def send(file: Path, peer: str, key_path: Path) -> None:
    """Store FILE with PEER, which is KEY@HOST:PORT."""
    digest = asyncio.run(_send(file, address.parse(peer), keys.load_or_make(key_path)))
    text = f"stored {file.name}, SHA-256 {digest.hex()}"
    console.print(text, markup=False, soft_wrap=True)


async def _send(file: Path, peer: address.Address, key: bytes) -> bytes:
    async with _connected(key, peer) as connection:
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
@key_option
@command
def fetch(name: str, peer: str, folder: Path, key_path: Path) -> None:
    """Fetch the file NAME from PEER, which is KEY@HOST:PORT."""
    digest = asyncio.run(_fetch(name, address.parse(peer), folder, keys.load_or_make(key_path)))
    text = f"fetched {name}, SHA-256 {digest.hex()}"
    console.print(text, markup=False, soft_wrap=True)


async def _fetch(name: str, peer: address.Address, folder: Path, key: bytes) -> bytes:
    async with _connected(key, peer) as connection:
        with progress_bar(name) as progress:
            return await files.fetch(connection, name, folder, progress)


@contextlib.asynccontextmanager
async def _connected(key: bytes, peer: address.Address) -> AsyncIterator[Connection]:
    """A session with `peer`, for the length of one command."""
    async with (
        Bus(key, node_name(socket.gethostname())) as bus,
        await bus.connect(peer.host, peer.port, peer.public, link=peer.link) as connection,
    ):
        yield connection


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
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@main.command()
@command
def demo() -> None:
    """Start a MicroPython node and show a session with it, and three refusals."""
    asyncio.run(run_demo(console))


for group in (cli_pair.COMMANDS, cli_trust.COMMANDS, [cli_sim.sim]):
    for added in group:
        main.add_command(added)

if __name__ == "__main__":
    main()
