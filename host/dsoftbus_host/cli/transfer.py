"""Commands that move files: send, and fetch. Nothing is replaced unless somebody asks for it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dsoftbus.errors import BAD_ARGUMENT, BusError, LocalError
from dsoftbus_aio.connection import Connection
from dsoftbus_host import event_loop, files
from dsoftbus_host.cli.common import Failures, called, command, console, errors
from dsoftbus_host.cli.reach import Place, place_options, reached
from dsoftbus_host.cli.terminal import complete
from dsoftbus_host.display import shown

_TITLE_MAX = 40  # characters of a bar
_CHUNK = 1 << 20
_NAMED_MAX = 5  # of what is left out
_INPUT = "-"
replace_option = click.option(
    "--replace", is_flag=True, help="Put a file in the place of one that has its name."
)


class Item(NamedTuple):
    """A file to send, and its name with the peer. `path` is None for the standard input."""

    name: str
    path: Path | None


@click.command("send")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, allow_dash=True),
    shell_complete=complete.files_and_peer,
)
@click.argument("peer")
@replace_option
@click.option("--name", help="The name that a single file gets, or the standard input.")
@place_options
@command
def send(paths: tuple[str, ...], peer: str, replace: bool, name: str | None, place: Place) -> None:
    """Store files and folders with a peer.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. A FILE may be a folder, with all
    that is in it, or `-`: the standard input, under the --name that is given. A file that the
    peer has already stays as it is there, and is said.
    """
    items = _items(paths, name)
    failures = Failures(called(peer))
    ready = [item for item in items if _is_ready(item, failures)]
    with _typed_input(items) as typed:

        async def one(connection: Connection, item: Item, progress: files.Progress) -> bytes:
            with typed or files.opened(item.path or Path()) as file:
                return await files.send_open(connection, file, item.name, progress, replace)

        going = _Going("stored", one, failures)
        done = event_loop.run(_each(ready, peer, place, going)) if ready else 0
    _end(done, len(items), failures)


@click.command("fetch")
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.peer_at_last
)
@click.argument("peer")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Where to put it.",
)
@replace_option
@place_options
@command
def fetch(names: tuple[str, ...], peer: str, folder: Path, replace: bool, place: Place) -> None:
    """Fetch files from a peer.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. A file that is here already
    stays as it is, and is said.
    """

    async def one(connection: Connection, item: Item, progress: files.Progress) -> bytes:
        return await files.fetch(connection, item.name, folder, progress, replace)

    items = [Item(name, None) for name in names]
    failures = Failures(called(peer))
    going = _Going("fetched", one, failures)
    _end(event_loop.run(_each(items, peer, place, going)), len(items), failures)


class _Going(NamedTuple):
    """A way for files: `one` moves one and returns its SHA-256; the `verb` says so."""

    verb: str
    one: Callable[[Connection, Item, files.Progress], Awaitable[bytes]]
    failures: Failures


async def _each(items: list[Item], peer: str, place: Place, going: _Going) -> int:
    """Moves each, whatever becomes of the others, while the session lives; returns how many it
    did."""
    done = 0
    async with reached(place, peer) as connection:
        for number, item in enumerate(items, 1):
            count = f"{number}/{len(items)} " if len(items) > 1 else ""
            try:
                with progress_bar(count, item.name) as progress:
                    digest = await going.one(connection, item, progress)
            except (BusError, OSError) as error:
                going.failures.report(item.name, error)
                if connection.session.closed:
                    break
            else:
                done += 1
                console.print(f"{going.verb} {item.name}, SHA-256 {digest.hex()}")
    return done


def _end(done: int, of: int, failures: Failures) -> None:
    failures.advise()
    if of > 1:
        errors.print(f"{done} of {of} files")
    if done < of:
        sys.exit(1)


# What there is to send


def _items(paths: tuple[str, ...], name: str | None) -> list[Item]:
    """Raises UsageError for names that do not fit, LocalError for a name that two would have."""
    items: list[Item] = []
    for text in paths:
        path = Path(text)
        if text == _INPUT:
            if not name:
                raise click.UsageError("`-`, the standard input, needs its --name")
            items.append(Item(name, None))
        elif path.is_dir():
            items += _in_folder(path)
        else:
            items.append(Item(name or path.name, path))
    if name and len(items) != 1:
        raise click.UsageError("--name is for one file")
    names = [item.name for item in items]
    for one in names:
        if names.count(one) > 1:
            raise LocalError(BAD_ARGUMENT, f"two of these files would be called {one}")
    return items


def _in_folder(folder: Path) -> list[Item]:
    """All files in it, at any depth. Hidden ones stay, and so does what a link leads to."""
    items = []
    left: list[str] = []
    top = folder.resolve().name
    for above, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = Path(above, name)
            below = path.relative_to(folder).as_posix()
            if name.startswith(".") or path.is_symlink():
                left.append(below)
            elif path.is_file():
                items.append(Item(f"{top}/{below}", path))
            elif not path.is_dir():
                left.append(below)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    if left:
        more = f", and {len(left) - _NAMED_MAX} more" if len(left) > _NAMED_MAX else ""
        named = ", ".join(left[:_NAMED_MAX])
        errors.print(f"left out of {top}: {named}{more} (hidden, a link, or no file)")
    return items


def _is_ready(item: Item, failures: Failures) -> bool:
    """Returns whether a peer takes it, before anybody is asked."""
    try:
        files.check_name(item.name)
        if item.path is not None:
            files.check_size(item.path, item.path.stat().st_size)
    except (BusError, OSError) as error:
        failures.report(item.name, error)
        return False
    return True


@contextlib.contextmanager
def _typed_input(items: list[Item]) -> Iterator[BinaryIO | None]:
    """The standard input in a file, whose size is known; None where it is not asked for."""
    if all(item.path is not None for item in items):
        yield None
        return
    with tempfile.TemporaryFile() as file:
        source = sys.stdin.buffer
        while data := source.read(_CHUNK):
            file.write(data)
            files.check_size("the standard input", file.tell())
        yield file


@contextlib.contextmanager
def progress_bar(count: str, title: str) -> Iterator[files.Progress]:
    """A bar on a terminal that can move; what it yields is told (bytes done, bytes in all). One of
    several (`count`) does not stay, nor one that was not filled."""
    if not errors.is_interactive:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=bool(count)) as bar:
        task = bar.add_task(count + shown(title, _TITLE_MAX), total=None)
        try:
            yield lambda done, total: bar.update(task, completed=done, total=total)
        except BaseException:
            bar.live.transient = True
            raise
