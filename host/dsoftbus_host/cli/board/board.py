"""`dsoftbus board`: a node on a MicroPython board, over its cable."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from serial.tools import list_ports

from dsoftbus.broker import group_token
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.invitation import Invitation
from dsoftbus.trust.store import Entry
from dsoftbus_host import key_file
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import fit, logs, partition, provision, remote, settings
from dsoftbus_host.board import install as installing
from dsoftbus_host.board.make import boards
from dsoftbus_host.board.remote import Remote
from dsoftbus_host.cli.board.there import AtBoard, There, at_board
from dsoftbus_host.cli.common import (
    advise,
    ask_secret,
    command,
    console,
    errors,
    files_of,
    grant_option,
    json_option,
    key_option,
    node_name,
    open_store,
    say_json,
    short_id,
    trust_option,
    warn_of_argument,
)
from dsoftbus_host.cli.late_group import LateGroup, by_name
from dsoftbus_host.cli.pair import show_invitation
from dsoftbus_host.display import shown
from dsoftbus_host.storage import group_file

BOARD_PORT = 37021  # of config.json, where Wi-Fi is on and no other is given
port_argument = click.argument("port")
board_option = click.option(
    "--board",
    "name",
    required=True,
    type=click.Choice(list(boards.every())),
    metavar="BOARD",
    help="Its kind, as `dsoftbus board list` names it.",
)
without_option = click.option(
    "--without",
    multiple=True,
    metavar="SLICE",
    help="Leave out an optional part of the node; repeatable.",
)
force_option = click.option(
    "--force", is_flag=True, help="Go on even if the board's memory is too small for the node."
)


_MODULES = {  # of this folder, with the commands that each has
    "files": ("put", "get", "ls", "rm"),
    "prompt": ("console",),
    "rom": ("romfs", "image"),
}


@click.group(cls=LateGroup, later=by_name(__package__, _MODULES))
def board() -> None:
    """Put a node on a MicroPython board, set it up, and read its output."""


@board.command("list")
@json_option
@command
def list_boards(as_json: bool) -> None:
    """List the serial ports of this machine, and the boards that can be installed."""
    if as_json:
        say_json(_described())
        return
    table = Table("board", "what it is", "links", box=None)
    for name, known in boards.every().items():
        table.add_row(name, known.about, ", ".join(known.links))
    console.print(table)
    ports = list_ports.comports()
    for port in ports:
        console.print(f"{port.device}  {port.description}")
    if not ports:
        console.print("found no serial port; is the board plugged in?")


def _described() -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    known = [
        {"name": name, "about": one.about, "links": list(one.links)}
        for name, one in boards.every().items()
    ]
    ports = [
        {"port": port.device, "description": port.description} for port in list_ports.comports()
    ]
    return {"boards": known, "ports": ports}


@board.command()
@port_argument
@board_option
@click.option("--source", is_flag=True, help="Install .py files: for another mpy version.")
@without_option
@force_option
@command
def install(port: str, name: str, source: bool, without: tuple[str, ...], force: bool) -> None:
    """Put the node on the board at PORT: only what has changed, and verified.

    A node that could not run in the board's heap is refused before anything is written.
    """
    wanted = boards.find(name).without(without)
    fit.check_kind(wanted, force)
    with remote.connected(port) as there:
        wanted = wanted.for_settings(settings.read_or_begin(there))
        warn_of_another(there, wanted)
        rom = partition.find(there)
        if not (rom and rom.has_node):  # such a board is told what to do in any case
            tell_of_heap(there, fit.Plan(wanted, rom=False, has_rom=rom is not None), force)
        with progress() as show:
            done = installing.install(there, wanted, show, source)
        console.print(f"{files_of(done.written)} written, {done.removed} removed")
        start_installed(there, done)


def warn_of_another(there: Remote, wanted: boards.Board) -> None:
    """Says so where the board at the cable is not of the kind that it is to become."""
    platform, machine = there.machine
    if not wanted.is_like(platform, machine):
        errors.print(
            f"this board calls itself {shown(machine or platform)}: the pins, the limits and the"
            f" slices of {wanted.name} may not fit it; `dsoftbus board list` shows the others",
            soft_wrap=True,
        )


def tell_of_heap(there: Remote, plan: fit.Plan, force: bool) -> None:
    """Says what the board has, and what the node takes. Raises LocalError where that is more."""
    found = fit.check_heap(there, plan, force)
    console.print(found.said, soft_wrap=True)
    if found.warning:
        errors.print(found.warning, soft_wrap=True)


@contextlib.contextmanager
def progress() -> Iterator[installing.Progress]:
    """A bar that stands for an installation."""
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, path: str) -> None:
            bar.update(task, completed=done, total=total, description=shown(path))

        yield show
        show(1, 1, "")


def start_installed(there: Remote, done: installing.Done) -> None:
    """Says what became of another's main.py, and starts the node."""
    if done.aside:
        console.print(
            f"main.py was not ours, and is {done.aside} now; what it does can go on"
            " as `async def main(bus)` in app.py",
            soft_wrap=True,
        )
    start_node(there)


@board.command()
@port_argument
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--wifi", "network", metavar="NETWORK", help="Ask for its password here.")
@click.option("--group", metavar="GROUP", help="Hand over the token of this group of this node.")
@trust_option
@command
def config(
    port: str, words: tuple[str, ...], network: str | None, group: str | None, trust_path: Path
) -> None:
    """Show or change config.json on the board at PORT.

    A VALUE is JSON, or else a text; `null` takes the setting out. The board checks it first.
    `--wifi` asks for the password without an echo, or takes a line of the standard input. After
    `--group`, `dsoftbus board install` brings the code for it.
    """
    secrets: settings.Values = {}
    if group is not None:
        known = group_file.named(group_file.beside(trust_path), group)
        secrets["group"] = group_token.encode(known.group)
    if network is not None:
        secrets["wifi"] = [network, ask_secret("password", "")]
    if settings.has_password(settings.change({}, words)):
        warn_of_argument("this password", "`--wifi NETWORK` asks for it")
    with remote.connected(port) as there:
        changes = bool(words or secrets)
        values = settings.read_or_begin(there) if changes else settings.read(there)
        if changes:
            values = settings.change(values, words) | secrets
            settings.write(there, values)
        console.print_json(data=settings.shown(values))
        start_node(there)


@board.command()
@port_argument
@key_option
@trust_option
@grant_option(help="Grant this to this node there, and to the board here; repeatable.")
@click.option("--address", help="HOST[:PORT] of the board, for networks that filter discovery.")
@click.option("--new", is_flag=True, help="Make a new token, which voids earlier invitations.")
@click.option("--withdraw", is_flag=True, help="Remove the token: nobody can pair by it any more.")
@command
def token(
    port: str,
    key_path: Path,
    trust_path: Path,
    grants: tuple[str, ...],
    address: str | None,
    new: bool,
    withdraw: bool,
) -> None:
    """Let the board at PORT and this node trust each other, and show its invitation for others.

    The board makes its own key, which stays there. The first contact over Wi-Fi is trusted then.
    This node may also read the board's logs; to update the board or to have its console it needs
    the grants "allow in update" and "allow in console".
    """
    rules = [grant(text) for text in grants]
    advise(rules, trust_path)
    own = BareBus(key_file.load_or_make(key_path))
    with remote.connected(port) as there:
        values = settings.read(there)
        name = node_name(str(values.get("name", "board")))
        host = node_name(socket.gethostname())
        with provision.transaction(there):
            public, pairs = provision.provision(there, own.public, host, grants)
            invited = None
            if withdraw:
                provision.withdraw(there)
            elif pairs:
                invited = provision.token(there, new)
            with open_store(trust_path).change() as store:
                store.add(Entry(public, name, rules, int(time.time())))
        start_node(there)
    console.print(f"{device_id(public)}  {public.hex()}")
    console.print(f"{name} ({short_id(device_id(public))}) and this node trust each other now")
    if invited is None:
        console.print("it takes no invitations")
        return
    places = _places(address, values)
    console.print("others pair with it by `dsoftbus pair -` and this text, or by this code:")
    show_invitation(Invitation(public, invited, name, places).encode())


def _places(address: str | None, values: settings.Values) -> list[str]:
    """The addresses of an invitation, none where discovery is to find the board."""
    if address is None:
        return []
    port = values.get("port", BOARD_PORT)
    place = address if ":" in address else f"{address}:{port}"
    link = values.get("link", "tcp")
    return [f"{scheme}://{place}" for scheme in ("tcp", "udp") if link in (scheme, "auto")]


@board.command(cls=AtBoard)
@at_board
@command
def run(at: There) -> None:
    """Restart the node on the board at PORT, and show its start.

    With `--peer` that is what its log says of it ("logs": true in its config.json).
    """
    with at.connected() as there:
        start_node(there)


@board.command()
@port_argument
@command
def stop(port: str) -> None:
    """End the node on the board at PORT, so that other tools and terminals have its prompt.

    It starts again by `run`, by Ctrl-D at the prompt, and whenever the board has power anew.
    """
    with remote.connected(port) as there:
        there.leave()
    console.print(f"the node has ended; `dsoftbus board run {port}` starts it again")


@board.command("logs")
@port_argument
@click.option("--seconds", type=float, default=None, help="End after this time; else at Ctrl-C.")
@click.option("--restart", is_flag=True, help="Restart the node, to see its start.")
@command
def show_logs(port: str, seconds: float | None, restart: bool) -> None:
    """Show what the board at PORT prints, while its node goes on."""
    if restart:
        with remote.connected(port) as there:
            start_node(there)
    end = None if seconds is None else time.monotonic() + seconds
    for line in logs.listen(port):
        if line:
            console.print(line)
        if end is not None and time.monotonic() > end:
            return


@board.command()
@port_argument
@click.option("--all", "everything", is_flag=True, help="Its key, trust and config.json, too.")
@command
def remove(port: str, everything: bool) -> None:
    """Take the node off the board at PORT."""
    with remote.connected(port) as there:
        count = installing.remove(there, everything)
        console.print(f"{count} files removed")
        left = installing.kept(there)
        there.reset()
    if left:
        console.print(f"these stay, until `--all`: {', '.join(left)}")
    elif everything:
        console.print(
            "its identity is gone: `dsoftbus unpair` takes it from your trust store, too"
        )


def start_node(there: Remote) -> None:
    """Starts the board's programs, and shows what they say.

    Raises LocalError(BAD_STATE) where no node is among them.
    """
    said = there.start()
    for line in said.splitlines():
        console.print(line)
    lines = said.splitlines()
    named = any(line.startswith("dsoftbus ") for line in lines)
    if not named or any(line.startswith("no node:") for line in lines):
        raise LocalError(BAD_STATE, "the node has not started")
