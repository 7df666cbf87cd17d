"""`dsoftbus board romfs` and `image`: a node that runs from a board's ROM partition."""

from __future__ import annotations

from pathlib import Path

import click

from dsoftbus_host.board import fit, remote, romfs, settings
from dsoftbus_host.board.make import boards
from dsoftbus_host.cli.board.board import (
    board_option,
    force_option,
    port_argument,
    progress,
    start_installed,
    tell_of_heap,
    warn_of_another,
    without_option,
)
from dsoftbus_host.cli.common import command, console, files_of

bytecode_option = click.option(
    "--bytecode", is_flag=True, help="No machine code, which lies in RAM: more heap, slow crypto."
)


@click.command("romfs")
@port_argument
@board_option
@bytecode_option
@click.option("--replace", is_flag=True, help="Overwrite what others have in the ROM partition.")
@without_option
@force_option
@command
def deploy(
    port: str, name: str, bytecode: bool, replace: bool, without: tuple[str, ...], force: bool
) -> None:
    """Put the node into the ROM partition of the board at PORT: its code takes no heap there.

    The board's firmware must have such a partition. main.py and config.json are as `install`
    leaves them; the code that it has put into the file system goes.
    """
    wanted = boards.find(name).without(without)
    with remote.connected(port) as there:
        wanted = wanted.for_settings(settings.read_or_begin(there))
        warn_of_another(there, wanted)
        plan = fit.Plan(wanted, rom=True, has_rom=True, bytecode=bytecode)
        tell_of_heap(there, plan, force)
        with progress() as show:
            done = romfs.deploy(there, wanted, show, bytecode, replace)
        console.print(f"{files_of(done.written)} written, {done.removed} removed")
        start_installed(there, done)


@click.command("image")
@click.argument("name", type=click.Choice(list(boards.every())))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@bytecode_option
@without_option
@command
def write_image(name: str, file: Path, bytecode: bool, without: tuple[str, ...]) -> None:
    """Write what `romfs` puts on the board NAME to FILE, for `mpremote romfs deploy`."""
    known = boards.find(name).without(without)
    made = romfs.image(known, "" if bytecode else known.architecture)
    file.write_bytes(made)
    console.print(f"{len(made)} bytes")
