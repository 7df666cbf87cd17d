"""Commands that move files, and list them: send, fetch, ls. Nothing is replaced unless somebody
asks for it, and what was cut goes on where it stopped."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_REFUSED,
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    PEER_NOT_ALLOWED,
    TOKEN_REQUIRED,
    TRUST_REVOKED,
    BusError,
    LocalError,
)
from dsoftbus.share.names import is_wide
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.services.share_asking import Errand, Fetching, Sending
from dsoftbus_aio.services.share_listing import Shared
from dsoftbus_host import event_loop, files
from dsoftbus_host.cli.common import (
    Failures,
    called,
    command,
    console,
    errors,
    files_of,
    json_option,
    say_json,
)
from dsoftbus_host.cli.reach import Place, place_options, reached
from dsoftbus_host.cli.terminal import complete, words
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.display import shown
from dsoftbus_host.storage.shared_folder import LocalFiles, files_in

_TITLE_MAX = 40  # characters of a bar
_CHUNK = 1 << 20
_NAMED_MAX = 5  # of what is left out
_INPUT = "-"
_WAIT_S = 60  # for a peer whose session has ended
# No peer that says so is there, or takes this node, a second later.
_FINAL = (END_REFUSED, NOT_PAIRED, OUTSIDE_ACL, PEER_NOT_ALLOWED, TOKEN_REQUIRED, TRUST_REVOKED)
_AGAIN_S = 1.0
replace_option = click.option(
    "--replace", is_flag=True, help="Put a file in the place of one that has its name."
)
wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a peer whose session has ended, to go on.",
)


class Item(NamedTuple):
    """A file to send, and its name with the peer. `path` is None for the standard input."""

    name: str
    path: Path | None


@click.command("send")
@click.argument(
    "paths",
    nargs=-1,
    metavar="FILE...",
    type=click.Path(exists=True, allow_dash=True),
    shell_complete=complete.files_and_peer,
)
@click.argument("peer")
@replace_option
@click.option("--name", help="The name that a single file gets, or the standard input.")
@wait_option
@place_options
@command
def send(
    paths: tuple[str, ...],
    peer: str,
    replace: bool,
    name: str | None,
    wait_s: float,
    place: Place,
) -> None:
    """Store files and folders with a peer.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. A FILE may be a folder, with all
    that is in it, or `-`: the standard input, under the --name that is given. A file that the
    peer has already stays as it is there, and is said. When the session ends, the command waits
    for the peer for a minute and goes on where it stopped; so does the same command, given again.
    """
    _check_given(paths, f"send {peer} to which PEER? It is the last word: FILE... PEER")
    items = _items(paths, name)
    failures = Failures(called(peer))
    ready = [item for item in items if _is_ready(item, failures)]
    with _typed_input(items) as typed:

        def errand(item: Item, progress: Callable[[int, int], None]) -> Errand:
            path = item.path or typed
            return Sending(LocalFiles(), path, item.name, replace, progress)

        course = _Course(place, peer, wait_s)
        going = _Going("stored", errand, failures)
        done = event_loop.run(_each(ready, course, going)) if ready else 0
    _end(done, len(items), failures)


@click.command("fetch")
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=complete.peer_at_last)
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
@wait_option
@place_options
@command
def fetch(
    names: tuple[str, ...], peer: str, folder: Path, replace: bool, wait_s: float, place: Place
) -> None:
    """Fetch files from a peer.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. A NAME may be that of a folder,
    with all that is in it, or a pattern in quotes: `*` and `?` stand for characters of a name,
    `**` for any folders. A file that is here already stays as it is, and is said. When the session
    ends, the command waits for the peer for a minute and goes on where it stopped; so does the
    same command, given again.
    """

    def errand(item: Item, progress: Callable[[int, int], None]) -> Errand:
        return Fetching(LocalFiles(), item.name, folder, replace, progress)

    _check_given(names, f"fetch {peer} from which PEER? It is the last word: NAME... PEER")
    items = [Item(name, None) for name in names]
    failures = Failures(called(peer))
    going = _Going("fetched", errand, failures)
    course = _Course(place, peer, wait_s)
    _end(event_loop.run(_each(items, course, going)), len(items), failures)


@click.command("ls")
@click.argument("peer", shell_complete=complete.peers)
@click.argument("pattern", default="")
@json_option
@place_options
@command
def ls(peer: str, pattern: str, as_json: bool, place: Place) -> None:
    """List the files that a peer shares.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. The list has what the peer allows
    this node to fetch. A PATTERN narrows it: the name of a file or a folder, with `*` and `?` for
    characters of a name and `**` for any folders.
    """
    found = event_loop.run(_listed(peer, pattern, place))
    if as_json:
        say_json([{"name": shared.name, "size": shared.size} for shared in found])
    elif found:
        console.print(_table(found))
        errors.print(f"{files_of(len(found))}, {sum(shared.size for shared in found)} bytes")
    else:
        what = f"no file that `{pattern}` matches" if pattern else "no file"
        console.print(f"{called(peer) or 'the peer'} shares {what} with this node")


def _check_given(words: tuple[str, ...], question: str) -> None:
    """Raises UsageError where one word was given for the files and the peer."""
    if not words:
        raise click.UsageError(question)


async def _listed(peer: str, pattern: str, place: Place) -> list[Shared]:
    async with reached(place, peer) as connection:
        return await connection.files(pattern)


def _table(found: list[Shared]) -> Any:
    made = table_of("size", "name")
    made.columns[0].justify = "right"
    for shared in found:
        made.add_row(cell(str(shared.size)), cell(shared.name))
    return made


# Moving


class _Going(NamedTuple):
    """A way for files: `errand` begins one of them; the `verb` says what was done."""

    verb: str
    errand: Callable[[Item, Callable[[int, int], None]], Errand]
    failures: Failures


async def _each(items: list[Item], course: _Course, going: _Going) -> int:
    """Moves each, whatever becomes of the others, while the peer is there or comes back; returns
    how many it did."""
    done = 0
    async with course:
        for number, item in enumerate(items, 1):
            count = f"{number}/{len(items)} " if len(items) > 1 else ""
            try:
                with progress_bar(count, item.name) as progress:
                    moved = await course.run(going.errand(item, progress))
                    if not moved and is_wide(item.name):
                        raise LocalError(NO_SUCH_SERVICE, "no file matches")
            except (BusError, OSError) as error:
                going.failures.report(item.name, error)
                if course.lost:
                    break
            else:
                done += 1
                for shared in moved:
                    console.print(_said(going.verb, shared))
    return done


def _said(verb: str, shared: Shared) -> str:
    there = " (it was there already)" if shared.size and not shared.sent else ""
    return f"{verb} {shared.name}, SHA-256 {shared.digest.hex()}{there}"


class _Course(contextlib.AbstractAsyncContextManager["_Course"]):
    """The session with a peer, made again when it has ended: for `wait_s`, then it is `lost`.

    The first one is no matter of patience: what is wrong with it is raised.
    """

    def __init__(self, place: Place, peer: str, wait_s: float) -> None:
        self.lost = False
        self._wait_s = wait_s
        self._place = place
        self._peer = peer
        self._connection: Connection | None = None
        self._session = contextlib.AsyncExitStack()

    async def __aenter__(self) -> _Course:
        await self._connect()
        return self

    async def _connect(self) -> Connection:
        there = reached(self._place, self._peer)
        self._connection = await self._session.enter_async_context(there)
        return self._connection

    async def __aexit__(self, *reasons: object) -> None:
        await self._session.aclose()

    async def run(self, errand: Errand) -> list[Shared]:
        """Runs it to its end, over as many sessions as it takes."""
        while True:
            connection = await self._connected()
            try:
                return await errand.run(connection)
            except BusError as error:
                if connection.cause is None:
                    raise
                self.lost = not (self._wait_s and errand.goes_on()) or error.code in _FINAL
                if self.lost:
                    raise
                self._say(error)

    def _say(self, error: BusError) -> None:
        peer = called(self._peer)
        why = words.reason(error.code, peer or "the peer")
        errors.print(f"{why}; waits up to {self._wait_s:g} s for it, to go on")

    async def _connected(self) -> Connection:
        connection = self._connection
        if connection is not None and connection.cause is None:
            return connection
        give_up = time.monotonic() + self._wait_s
        while True:
            await self._session.aclose()
            try:
                return await self._connect()
            except (BusError, OSError) as error:
                final = isinstance(error, BusError) and error.code in _FINAL
                if final or time.monotonic() >= give_up:
                    self.lost = True
                    raise
            await asyncio.sleep(_AGAIN_S)


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
    found, left = files_in(folder)
    top = folder.resolve().name
    if left:
        more = f", and {len(left) - _NAMED_MAX} more" if len(left) > _NAMED_MAX else ""
        named = ", ".join(left[:_NAMED_MAX])
        errors.print(f"left out of {top}: {named}{more} (hidden, a link, or no file)")
    return [Item(f"{top}/{below}", path) for below, path in found]


def _is_ready(item: Item, failures: Failures) -> bool:
    """Returns whether a peer takes it, before anybody is asked."""
    try:
        files.check_name(item.name)
    except (BusError, OSError) as error:
        failures.report(item.name, error)
        return False
    return True


@contextlib.contextmanager
def _typed_input(items: list[Item]) -> Iterator[Path | None]:
    """The standard input in a file, whose size is known; None where it is not asked for."""
    if all(item.path is not None for item in items):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        with path.open("wb") as file:
            while data := sys.stdin.buffer.read(_CHUNK):
                file.write(data)
        yield path


@contextlib.contextmanager
def progress_bar(count: str, title: str) -> Iterator[Callable[[int, int], None]]:
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
        try:
            yield _Told(bar, bar.add_task(count + shown(title, _TITLE_MAX), total=None)).tell
        except BaseException:
            bar.live.transient = True
            raise


class _Told:
    """Moves a bar. The speed is reckoned from where a transfer begins, or goes on after a cut: the
    bytes before that were not sent now."""

    def __init__(self, bar: Progress, task: Any) -> None:
        self._bar = bar
        self._task = task
        self._last = -1

    def tell(self, done: int, total: int) -> None:
        """`done` of `total` bytes are there."""
        if self._last < 0 or done < self._last:
            self._bar.reset(self._task, completed=done, total=total)
        else:
            self._bar.update(self._task, completed=done, total=total)
        self._last = done
