"""The commands that update peers over the air, and that show which version each one runs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from dsoftbus.update.state import TRIAL_S, TRIAL_S_MAX, TRIAL_S_MIN
from dsoftbus.update.tracks import APP, SYSTEM
from dsoftbus_host import event_loop
from dsoftbus_host.cli.common import command, console, errors, files_of, json_option
from dsoftbus_host.cli.reach import Place, Reach, place_options
from dsoftbus_host.cli.terminal import complete
from dsoftbus_host.cli.update_view import Watched
from dsoftbus_host.update import fleet, payload
from dsoftbus_host.update.one_update import REACH_MS, STOPPED, Job, OneUpdate
from dsoftbus_host.update.payload import Folder, Payload
from dsoftbus_host.update.peer_state import PeerState
from dsoftbus_host.update.put import put

_NAMED_MAX = 5  # of what stays here
_STOPPED = (
    "Each keeps the version that it runs; one on trial goes back by itself, and so does one that"
    " restarts, unless the same command comes before. It goes on where this one was."
)


class Wish(NamedTuple):
    """The words of a command line."""

    words: tuple[str, ...]
    everyone: bool
    system: bool
    group: bool
    rollback: bool
    version: str
    force: bool
    at_a_time: int
    trial_s: int
    wait_s: float
    as_json: bool
    dry_run: bool

    @property
    def has_folder(self) -> bool:
        """Returns whether the last word is a folder."""
        return not (self.system or self.rollback)

    @property
    def folder(self) -> Path:
        """The folder whose files go."""
        return Path(self.words[-1])

    @property
    def peers(self) -> tuple[str, ...]:
        """The words that are peers."""
        return self.words[:-1] if self.has_folder else self.words

    def check(self) -> None:
        """Raises UsageError for words that do not fit together."""
        if self.has_folder and not self.words:
            raise click.UsageError("which FOLDER? Its files are what the peers get")
        if self.everyone and self.peers:
            raise click.UsageError(f"--all means every peer, and {self.peers[0]} is one")
        if not self.everyone and not self.peers:
            raise click.UsageError("which PEER? `--all` is every one that takes updates")
        if self.rollback and (self.version or self.force):
            raise click.UsageError("--rollback takes the version that the peer has beside")
        if self.group and (self.has_folder or self.rollback):
            raise click.UsageError("--group goes with --system: a program has no slices")


@click.command("update")
@click.argument(
    "words", nargs=-1, metavar="[PEER]... [FOLDER]", shell_complete=complete.peers_and_folder
)
@click.option("--all", "everyone", is_flag=True, help="Every paired peer that takes updates.")
@click.option("--version", default="", help="Of the files: numbers with dots, as 1.4.2.")
@click.option("--force", is_flag=True, help="Also where the version is not higher.")
@click.option("--rollback", is_flag=True, help="Back to the version before; without FOLDER.")
@click.option("--system", is_flag=True, help="Update dsoftbus itself; without FOLDER.")
@click.option("--group", is_flag=True, help="With --system: to boards that are in a group.")
@click.option(
    "--at-a-time", type=click.IntRange(1), default=4, show_default=True, help="So many peers."
)
@click.option(
    "--trial",
    "trial_s",
    type=click.IntRange(TRIAL_S_MIN, TRIAL_S_MAX),
    default=TRIAL_S,
    show_default=True,
    metavar="SECONDS",
    help="So long a peer tries the version, and goes back if it is not reached.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=REACH_MS / 1000,
    show_default=True,
    metavar="SECONDS",
    help="For a peer that is away.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would go, and to whom.")
@json_option
@place_options
@command
def update(place: Place, **words: object) -> None:
    """Update the program of peers over the air.

    PEER is the name or the id of a paired one, a pattern of names as 'hall*', or KEY@HOST:PORT.
    The files of FOLDER, app.py among them, become its program, in place of the one before; only
    what differs travels. Their version is --version, or else what version.txt in FOLDER says, or
    the time now. Each peer tries the new version, and keeps it once this command has reached it
    again; otherwise it goes back by itself. Exit status 1: a peer does not run the version.
    """
    wish = Wish(**words)  # type: ignore[arg-type] # as the options have it
    wish.check()
    files = _folder(wish.folder) if wish.has_folder else None
    watched = Watched(wish.as_json)
    try:
        event_loop.run(_update(wish, files, place, watched))
    finally:
        good = watched.report()
        if any(one.step == STOPPED for one in watched.updates):
            errors.print(_STOPPED)
    if not good:
        sys.exit(1)


async def _update(wish: Wish, files: Folder | None, place: Place, watched: Watched) -> None:
    job = _job(wish, files)
    async with Reach(place) as reach:
        names = await reach.names(wish.peers)
        peers = [await reach.peer(name) for name in names]
        if wish.dry_run:
            _say_plan(names, job.payload_for, files)
            return
        for name, (bus, peer) in zip(names, peers, strict=True):
            dial = functools.partial(bus.peer, peer.name)
            watched.updates.append(OneUpdate(name, dial, bus.runtime, job, watched.on_change))
        async with watched.shown():
            await fleet.run(watched.updates, wish.at_a_time)


def _job(wish: Wish, files: Folder | None) -> Job:
    """Raises LocalError for a version that is none, and for too many files."""
    payload_for: Callable[[PeerState], Payload] | None = None
    if files is not None:
        payload_for = functools.partial(_same, payload.application(files, wish.version))
    elif wish.system and not wish.rollback:
        payload_for = _system_for(wish.version, wish.group)
    track = SYSTEM if wish.system else APP
    return Job(
        payload_for, put, track, wish.force, wish.everyone, wish.trial_s, round(wish.wait_s * 1000)
    )


def _same(made: Payload, state: PeerState) -> Payload:
    return made


def _system_for(version: str, group: bool) -> Callable[[PeerState], Payload]:
    """Makes the slices of each kind of board once, all under one version."""
    said = payload.checked_version(version) if version else payload.time_version()
    made = functools.cache(payload.system)

    def payload_for(state: PeerState) -> Payload:
        slices = made(state.platform, state.machine, state.mpy, said, group)
        return slices._replace(named=bool(version))

    return payload_for


def _folder(path: Path) -> Folder:
    """The files of a folder; says which stay here."""
    found = payload.of_folder(path)
    if found.left:
        more = len(found.left) - _NAMED_MAX
        named = ", ".join(found.left[:_NAMED_MAX]) + (f", and {more} more" if more > 0 else "")
        errors.print(f"left out of {path.resolve().name}: {named} (hidden, a link, or no file)")
    return found


def _say_plan(
    names: list[str], payload_for: Callable[[PeerState], Payload] | None, files: Folder | None
) -> None:
    """Says what would be done, without asking any peer."""
    if files is not None and payload_for is not None:
        made = payload_for(PeerState())
        for name, data in sorted(made.files.items()):
            console.print(f"{len(data):>9}  {name}")
        console.print(f"{made.size:>9}  bytes in {files_of(len(made.files))}, {made.version}")
    for name in names:
        console.print(f"to {name}")
