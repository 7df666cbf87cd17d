"""The command that shows which version each peer runs."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NamedTuple

import click
from rich.table import Table

from dsoftbus.errors import BusError
from dsoftbus.update.tracks import APP, SYSTEM
from dsoftbus_aio.peer import Peer
from dsoftbus_host import event_loop
from dsoftbus_host.cli.common import called, command, console, errors, json_option, say_json
from dsoftbus_host.cli.reach import Place, Reach, place_options
from dsoftbus_host.cli.terminal import complete, words
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.update.calls import CALL_MS, STATE, call
from dsoftbus_host.update.one_update import REACH_MS
from dsoftbus_host.update.peer_state import ROOT, PeerState, parsed

_AT_ONCE = 16


class Found(NamedTuple):
    """The answer of one peer: how its program and dsoftbus stand there, or why it gave none."""

    peer: str
    app: PeerState | None = None
    system: PeerState | None = None
    error: BusError | None = None


@click.command("versions")
@click.argument("peers", nargs=-1, metavar="[PEER]...", shell_complete=complete.peers)
@json_option
@place_options
@command
def versions(peers: tuple[str, ...], as_json: bool, place: Place) -> None:
    """Show which version of its program each peer runs.

    PEER is the name or the id of a paired one, a pattern of names as 'hall*', or KEY@HOST:PORT;
    without any, it is all that are paired. `root` is what came over the cable. Exit status 1: a
    peer that was named did not say.
    """
    found = event_loop.run(_versions(peers, place))
    if as_json:
        say_json([described(one) for one in found])
    else:
        console.print(table(found))
    failures = [one.error for one in found if one.error]
    if peers and failures:
        for text in filter(None, dict.fromkeys(map(words.advice, failures))):
            errors.print(text)
        sys.exit(1)


async def _versions(peers: tuple[str, ...], place: Place) -> list[Found]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str, peer: Peer) -> Found:
        async with places:
            return await _asked(name, peer)

    async with Reach(place) as reach:
        names = await reach.names(peers)
        there = [(await reach.peer(name))[1] for name in names]
        return list(await asyncio.gather(*map(one, names, there)))


async def _asked(name: str, peer: Peer) -> Found:
    try:
        value = await call(await peer.connected(REACH_MS), STATE, None, CALL_MS)
        return Found(name, parsed(value, APP), parsed(value, SYSTEM))
    except BusError as error:
        return Found(name, error=error)
    finally:
        await peer.close()


def described(found: Found) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    app, error = found.app, found.error
    return {
        "peer": called(found.peer),
        "version": app and (app.version or ROOT),
        "other": app and app.other,
        "system": found.system and (found.system.version or ROOT),
        "machine": app and (app.machine or app.platform),
        "trial": app and app.trial,
        "failed": app and app.failed,
        "label": error and error.label,
        "why": app.why if app else error and words.said(error, called(found.peer)),
    }


def table(found: list[Found]) -> Table:
    """A row for each peer."""
    made = table_of("peer", "version", "dsoftbus", "")
    for one in found:
        dim = "dim" if one.error else None
        made.add_row(*map(cell, (called(one.peer), *_row(one))), style=dim)
    return made


def _row(one: Found) -> tuple[str, str, str]:
    if one.app is None or one.system is None:
        return "-", "-", words.said(one.error, called(one.peer)) if one.error else ""
    return one.app.version or ROOT, one.system.version or ROOT, _note(one.app) or _note(one.system)


def _note(state: PeerState) -> str:
    """The words on a version that is not simply there."""
    if state.pending:
        return f"restarts with {state.pending}"
    if state.trial:
        return f"on trial, {state.other or ROOT} before"
    return f"{state.failed} went back: {state.why}" if state.failed else ""
