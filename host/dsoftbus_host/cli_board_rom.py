"""`dsoftbus board romfs` and `image`: a node that runs from a board's ROM partition."""

from __future__ import annotations

from pathlib import Path

import click

from dsoftbus_host.board import boards, remote, romfs
from dsoftbus_host.cli_board import (
    board_option,
    port_argument,
    progress,
    start_installed,
    warn_of_another,
)
from dsoftbus_host.terminal import command, console

bytecode_option = click.option(
    "--bytecode", is_flag=True, help="No machine code, which lies in RAM: more heap, slow crypto."
)


@click.command("romfs")
@port_argument
@board_option
@bytecode_option
@click.option("--replace", is_flag=True, help="Lose what others have in the ROM partition.")
@command
def deploy(port: str, name: str, bytecode: bool, replace: bool) -> None:
    """Put the node into the ROM partition of the board at PORT: its code takes no heap there.

    The board's firmware must have such a partition. main.py and config.json are as `install`
    leaves them; the code that it has put into the file system goes.
    """
    with remote.connected(port) as there:
        warn_of_another(there, boards.find(name))
        with progress() as show:
            done = romfs.deploy(there, boards.find(name), show, bytecode, replace)
        console.print(f"{done.written} files written, {done.removed} removed")
        start_installed(there, done)


@click.command("image")
@click.argument("name", type=click.Choice(list(boards.every())))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@bytecode_option
@command
def write_image(name: str, file: Path, bytecode: bool) -> None:
    """Write what `romfs` puts on the board NAME to FILE, for `mpremote romfs deploy`."""
    known = boards.find(name)
    made = romfs.image(known, "" if bytecode else known.architecture)
    file.write_bytes(made)
    console.print(f"{len(made)} bytes")


COMMANDS = (deploy, write_image)
