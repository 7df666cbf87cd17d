"""`dsoftbus board put`, `get`, `ls` and `rm`: a user's own files on a board, beside its node."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from dsoftbus.errors import BusError
from dsoftbus_host.board import files, paths, watch
from dsoftbus_host.board import install as installing
from dsoftbus_host.board.fit import KIB
from dsoftbus_host.board.remote import Remote
from dsoftbus_host.cli.board.board import progress, start_node, warn_of_another
from dsoftbus_host.cli.board.there import AtBoard, There, at_board
from dsoftbus_host.cli.common import command, console, errors, files_of
from dsoftbus_host.cli.terminal.screen import cell

force_option = click.option(
    "--force", is_flag=True, help="Also the node's own files, and those that are here already."
)


@click.command("put", cls=AtBoard)
@at_board
@click.argument("words", nargs=-1, required=True, metavar="FILE... [:DEST]")
@click.option("--watch", "watching", is_flag=True, help="Do it again whenever a FILE changes.")
@force_option
@command
def put(at: There, words: tuple[str, ...], watching: bool, force: bool) -> None:
    """Copy files and folders to the board at PORT, and restart its node.

    They go where main.py is, or to :DEST there: a folder, or for one FILE a name. Only what has
    changed is written, and each file in one step. app.py is the program that the node runs. The
    node's own files are refused.

    `--watch` shows what the board prints until a FILE changes, and then begins again; Ctrl-C
    ends it, and the node runs on.
    """
    if watching and at.peer:
        raise click.UsageError("--watch is for a board at its cable, whose output it shows")
    given, dest = _places(words)
    seen = watch.stamps(given)
    _put(at, given, dest, force)
    while watching:
        console.print(f"watching {', '.join(map(str, given))}; Ctrl-C ends it")
        for line in watch.until_change(at.port, given, seen):
            console.print(line)
        seen = watch.stamps(given)
        try:
            _put(at, given, dest, force)
        except (BusError, OSError) as error:  # the next change may be the remedy
            errors.print_lines(error, style="red")


def _places(words: tuple[str, ...]) -> tuple[list[Path], str]:
    """(files here, the place on the board)"""
    *before, last = words
    given, dest = (before, last) if last.startswith(":") else (list(words), ":")
    if not given or any(word.startswith(":") for word in given):
        raise click.UsageError("files of this machine come first, then maybe one :DEST")
    return [Path(word) for word in given], dest


def _put(at: There, given: list[Path], dest: str, force: bool) -> None:
    with at.connected() as there:
        node = installing.installed(there)
        if node is not None:
            warn_of_another(there, node)
        into, name = files.target(there, given, dest)
        wanted = files.sources(given, into, name)
        with progress() as show:
            done = files.put(there, wanted, show, force)
        console.print(f"{files_of(done.written)} written, {done.same} already there")
        _run_again(there)


def _run_again(there: Remote) -> None:
    """Starts what the board has: the node, of which something is said, or a program."""
    if installing.has_node(there):
        start_node(there)
    else:
        there.reset()
        console.print("no node is on this board: `dsoftbus board install` puts one there")


@click.command("get", cls=AtBoard)
@at_board
@click.argument("words", nargs=-1, required=True, metavar="NAME... [FOLDER]")
@force_option
@command
def get(at: There, words: tuple[str, ...], force: bool) -> None:
    """Copy files and folders from the board at PORT into this folder, or into FOLDER.

    A last word that is a folder here is FOLDER; `:NAME` is on the board in any case. Nothing here
    is overwritten, and the node's key, trust and passwords stay on the board.
    """
    *names, last = words
    here = bool(names) and not last.startswith(":") and Path(last).is_dir()
    into = Path(last) if here else Path()
    with at.connected() as there:
        folder = there.folder
        wanted = [paths.parse(name, folder) for name in (names if here else words)]
        with progress() as show:
            done = files.get(there, wanted, into, show, force)
        there.reset()
    for path in done:
        console.print(str(path))


@click.command("ls", cls=AtBoard)
@at_board
@click.argument("path", default=":")
@command
def list_files(at: There, path: str) -> None:
    """List the files on the board at PORT: where main.py is, or in the folder PATH there."""
    with at.connected() as there:
        wanted = paths.parse(path, there.folder)
        found = files.listed(there, wanted)
        room = there.room
        there.reset()
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    for where, each in found.items():
        mark = "the node's" if paths.is_nodes(where) else ""
        size = "" if each.is_folder else str(each.size)
        table.add_row(size, cell(each.name + "/" * each.is_folder), mark)
    console.print(table)
    if room is not None:
        console.print(f"{room[1] // KIB} KiB are free")


@click.command("rm", cls=AtBoard)
@at_board
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-r", "folders", is_flag=True, help="Folders, too, with all that is in them.")
@force_option
@command
def remove_files(at: There, names: tuple[str, ...], folders: bool, force: bool) -> None:
    """Remove files from the board at PORT, and restart its node.

    The node's own files are refused; `dsoftbus board remove` takes the node off.
    """
    with at.connected() as there:
        folder = there.folder
        wanted = [paths.parse(name, folder) for name in names]
        count = files.remove(there, wanted, folders, force)
        console.print(f"{count} files removed")
        _run_again(there)
