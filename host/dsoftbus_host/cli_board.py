"""`dsoftbus board`: a node on a MicroPython board, over its cable."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from serial.tools import list_ports

from dsoftbus.identity import device_id, short_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import keys
from dsoftbus_host.board import boards, provision, remote
from dsoftbus_host.board import install as installing
from dsoftbus_host.bus import Bus
from dsoftbus_host.terminal import (
    command,
    console,
    errors,
    key_option,
    node_name,
    open_store,
    trust_option,
)

port_argument = click.argument("port")


@click.group()
def board() -> None:
    """Put a node on a MicroPython board, set it up, and see what it says."""


@board.command("list")
@command
def list_boards() -> None:
    """List the serial ports of this machine, and the boards that can be installed."""
    table = Table("board", "what it is", box=None)
    for name, known in boards.BOARDS.items():
        table.add_row(name, known.about)
    console.print(table)
    for port in list_ports.comports():
        console.print(f"{port.device}  {port.description}", markup=False)


@board.command()
@port_argument
@click.option("--board", "name", required=True, type=click.Choice(list(boards.BOARDS)))
@click.option("--source", is_flag=True, help="Install .py files: for another mpy version.")
@command
def install(port: str, name: str, source: bool) -> None:
    """Put the node on the board at PORT: only what has changed, and verified."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with remote.connected(port) as there, Progress(*columns, console=errors) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, path: str) -> None:
            bar.update(task, completed=done, total=total, description=path)

        written, removed = installing.install(there, boards.find(name), show, source)
        there.reset()
    console.print(f"{written} files written, {removed} removed")


@board.command()
@port_argument
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
@command
def config(port: str, settings: tuple[str, ...]) -> None:
    """Show or change config.json on the board at PORT; a VALUE is JSON, or else a text."""
    with remote.connected(port) as there:
        values = json.loads(there.run(f"print(open({installing.CONFIG!r}).read())"))
        for setting in settings:
            name, _, value = setting.partition("=")
            values[name] = _value(value)
        if settings:
            there.write(installing.CONFIG, (json.dumps(values) + "\n").encode())
        there.reset()
    console.print_json(data=values)


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


@board.command()
@port_argument
@key_option
@trust_option
@command
def token(port: str, key_path: Path, trust_path: Path) -> None:
    """Let the board at PORT and this node trust each other, as pairing would."""
    own = Bus(keys.load_or_make(key_path))
    with remote.connected(port) as there:
        public = provision.provision(there, own.public, node_name(socket.gethostname()))
        values = json.loads(there.run(f"print(open({installing.CONFIG!r}).read())"))
        there.reset()
    file = open_store(trust_path)
    name = node_name(str(values.get("name", "board")))
    file.store.add(Entry(public, name, [grant("allow both *")], int(time.time())))
    file.save()
    console.print(f"{device_id(public)}  {public.hex()}", soft_wrap=True)
    console.print(f"{name} ({short_id(device_id(public))}) and this node trust each other now")


@board.command()
@port_argument
@command
def run(port: str) -> None:
    """Start the node on the board at PORT anew."""
    with remote.connected(port) as there:
        there.reset()


@board.command()
@port_argument
@click.option("--seconds", type=float, default=None, help="For how long; until Ctrl-C without.")
@command
def logs(port: str, seconds: float | None) -> None:
    """Start the node anew and show what it prints, up to its first frame on the line."""
    with remote.connected(port) as there:
        there.reset()
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            console.out(there.read_text(), end="")


@board.command()
@port_argument
@command
def remove(port: str) -> None:
    """Take the node off the board at PORT; its key, trust and configuration stay."""
    with remote.connected(port) as there:
        console.print(f"{installing.remove(there)} files removed")
