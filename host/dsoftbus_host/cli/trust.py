"""Commands on the trust store: peers, unpair, allow, deny, trust export, trust import; and rotate.

They change a file. A node of this user that runs notices within two seconds, and ends sessions
and streams that are not allowed any more.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, TextIO

import click

from dsoftbus.const import ANYONE, HOST
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.identity import device_id, looks_like_id
from dsoftbus.trust.acl import PAIRED, rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus.trust.store_text import decode
from dsoftbus_host import crypto, key_file
from dsoftbus_host.cli.common import (
    advise,
    command,
    console,
    json_option,
    key_option,
    open_store,
    peer_argument,
    say_json,
    short_id,
    trust_option,
)
from dsoftbus_host.cli.terminal import complete
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.upkeep import next_key

_DAY_S = 86400
_RULE_HELP = """{} PEER the streams, calls and topics NAME.

A stream is named as `file/photo.jpg`, a call as `call/led/set`, a topic as `topic/heat`. A `*` at
the end stands for any rest: `call/*` is every call.
"""


@click.command("peers")
@trust_option
@json_option
@command
def peers(trust_path: Path, as_json: bool) -> None:
    """Show the peers that this node trusts, and what they may do."""
    store = open_store(trust_path).store
    if as_json:
        say_json({"peers": list(map(_described, store)), "rules": list(map(str, store.rules))})
        return
    table = table_of("name", "id", "paired", "may")
    for entry in store:
        may = [str(grant) for grant in entry.grants] or "nothing"
        table.add_row(cell(entry.name or "-"), cell(entry.id), _day(entry.paired_at), cell(may))
    console.print(table if len(store) else "nobody is trusted; `dsoftbus pair` pairs")
    for own in store.rules:
        console.print(str(own))


def _described(entry: Entry) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    return {
        "name": entry.name,
        "id": entry.id,
        "key": entry.public.hex(),
        "next_key": entry.next_public.hex() or None,
        "paired_at": entry.paired_at or None,
        "grants": list(map(str, entry.grants)),
    }


def _day(paired_at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(paired_at)) if paired_at else "-"


@click.command("unpair")
@peer_argument
@trust_option
@command
def unpair(peer: str, trust_path: Path) -> None:
    """Stop trusting PEER (an id, its beginning, or a name)."""
    with open_store(trust_path).change() as store:
        entry = store.find(peer)
        device = entry.id if entry is not None else peer
        before = len(store.rules)
        store.remove(device)
        if entry is None and len(store.rules) == before:
            raise LocalError(BAD_ARGUMENT, f"{peer}: no trusted peer has that name or id")
    name = entry.name if entry is not None else ""
    console.print(f"{name or short_id(device)} is no longer trusted")
    for own in store.rules:
        if own.who == device:
            console.print(f"this stays: {own}")


@click.command("rotate")
@click.option(
    "--days",
    type=click.FloatRange(0, 3650, min_open=True),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="How long this node runs first, so that its peers hear of it.",
)
@click.option("--cancel", is_flag=True, help="Keep the key: cancel the planned change.")
@click.option(
    "--now", is_flag=True, help="Change the key now, planned or not: nobody is told first."
)
@key_option
@command
def rotate(days: float, cancel: bool, now: bool, key_path: Path) -> None:
    """Give this node a new key.

    Its peers are told first, and then follow by themselves.
    """
    if cancel:
        next_key.cancel(key_path)
        console.print("this node keeps its key")
        return
    next_key.load(key_path)  # there has to be one to change
    if now:
        if next_key.planned(key_path) is None:
            next_key.plan(key_path, 1)
        next_key.switch(key_path)
        console.print(
            f"new id    {device_id(crypto.suite().keypair(key_file.load(key_path)).public)}"
        )
        console.print("running nodes have to restart; peers that were not told have to pair again")
        return
    grace_s = max(round(days * _DAY_S), 1)
    public = crypto.suite().keypair(next_key.plan(key_path, grace_s)).public
    console.print(f"next id   {device_id(public)}")
    console.print(f"next key  {public.hex()}")
    console.print(f"after     {days:.5g} days that this node has run (`dsoftbus serve`)")
    console.print("peers that it does not meet before then have to pair again")
    console.print("`dsoftbus rotate --cancel` takes it back until then")


def _change_rule(
    effect: str, who: str, name: str, direction: str, remove: bool, path: Path
) -> None:
    with open_store(path).change() as store:
        changed = rule(f"{effect} {direction} {_who(store, who)} {name}")
        if not remove:
            store.add_rule(changed)
        elif not store.remove_rule(changed):
            raise LocalError(BAD_ARGUMENT, f"there is no rule `{changed}`")
    console.print(f"{'removed' if remove else 'from now on'}: {changed}")
    if not remove:
        advise([changed], path)


def _who(store: TrustStore, who: str) -> str:
    """Returns the subject of a rule: a person may name a stranger by its whole id alone."""
    if who in (PAIRED, ANYONE):
        return who
    entry = store.find(who)
    if entry is None and not looks_like_id(who):
        raise LocalError(BAD_ARGUMENT, f"{who}: no trusted peer has that name or id")
    return who if entry is None else entry.id


def _rule_command(effect: str) -> click.Command:
    @click.command(effect, help=_RULE_HELP.format(effect.capitalize()))
    @click.argument("peer", metavar="PEER|paired|*", shell_complete=complete.subjects)
    @click.argument("name", shell_complete=complete.names)
    @click.option(
        "--direction",
        type=click.Choice(["in", "out", "both"]),
        default="in",
        show_default=True,
        help="in: the peer opens, calls or subscribes here.",
    )
    @click.option("--remove", is_flag=True, help="Take the rule away again.")
    @trust_option
    @command
    def change(peer: str, name: str, direction: str, remove: bool, trust_path: Path) -> None:
        _change_rule(effect, peer, name, direction, remove, trust_path)

    return change


@click.group("trust")
def trust() -> None:
    """Move the trust store between machines."""


@trust.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@trust_option
@command
def export(file: TextIO, trust_path: Path) -> None:
    """Write the trust store to FILE, or to the standard output."""
    text = open_store(trust_path).store.encode()
    if file.isatty():  # there people read it; only as it is can it be imported
        console.print_lines(text)
    else:
        file.write(text)


@trust.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--yes", is_flag=True, help="Do it without a question.")
@trust_option
@command
def import_(file: TextIO, yes: bool, trust_path: Path) -> None:
    """Add what FILE (of `trust export`) trusts; entries of the same id are replaced.

    It shows first what would be trusted, and asks.
    """
    try:
        other = decode(file.read(), HOST)
    except UnicodeDecodeError:
        raise LocalError(BAD_ARGUMENT, "the file is no text") from None
    changes = _changes(open_store(trust_path).store, other)
    for line in changes or ["nothing there is new"]:
        console.print(line)
    if not changes:
        return
    if not yes:
        if file is sys.stdin:
            raise click.UsageError("the standard input is the FILE: give --yes")
        click.confirm("Trust these?", abort=True, err=True)
    with open_store(trust_path).change() as store:
        _merge(store, other)
    console.print(f"{len(other)} entries and {len(other.rules)} rules imported")


def _changes(store: TrustStore, other: TrustStore) -> list[str]:
    """Returns the changes of an import, a line for each entry and rule."""
    lines = []
    for entry in other:
        old = store.get(entry.id)
        may = _may(entry)
        if old is None:
            lines.append(f"trust    {entry.name or '-'} ({entry.id}), which may: {may}")
        elif old.encode() != entry.encode():
            was = "" if _may(old) == may else f" (now: {_may(old)})"
            lines.append(f"replace  {entry.name or '-'} ({entry.id}), which may: {may}{was}")
    lines += [f"rule     {own}" for own in other.rules if own not in store.rules]
    return lines


def _may(entry: Entry) -> str:
    return ", ".join(map(str, entry.grants)) or "nothing"


def _merge(store: TrustStore, other: TrustStore) -> None:
    for entry in other:
        store.add(entry)
    for own in other.rules:
        store.add_rule(own)


allow, deny = map(_rule_command, ("allow", "deny"))
