"""Commands on the trust store: peers, unpair, allow, deny, trust export, trust import; and rotate.

They change a file. A node of this user that runs notices within two seconds, and ends sessions
and streams that are not allowed any more.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

import click
from rich.table import Table

from dsoftbus.const import ANYONE, HOST
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.identity import device_id, looks_like_id
from dsoftbus.trust.acl import PAIRED, rule
from dsoftbus.trust.store import TrustStore
from dsoftbus.trust.store_text import decode
from dsoftbus_host import crypto, keys, next_key
from dsoftbus_host.screen import cell
from dsoftbus_host.terminal import (
    advise,
    command,
    console,
    key_option,
    open_store,
    short_id,
    trust_option,
)

_DAY_S = 86400


@click.command("peers")
@trust_option
@command
def peers(trust_path: Path) -> None:
    """Show whom this node trusts, and what they may do."""
    store = open_store(trust_path).store
    table = Table("name", "id", "paired", "may", box=None)
    for entry in store:
        may = [str(grant) for grant in entry.grants] or "nothing"
        table.add_row(cell(entry.name or "-"), cell(entry.id), _day(entry.paired_at), cell(may))
    console.print(table if len(store) else "nobody is trusted; `dsoftbus pair` begins it")
    for own in store.rules:
        console.print(str(own))


def _day(paired_at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(paired_at)) if paired_at else "-"


@click.command("unpair")
@click.argument("peer")
@trust_option
@command
def unpair(peer: str, trust_path: Path) -> None:
    """Trust PEER (an id, its beginning, or a name) no more."""
    with open_store(trust_path).change() as store:
        entry = store.find(peer)
        device = entry.id if entry is not None else peer
        before = len(store.rules)
        store.remove(device)
        if entry is None and len(store.rules) == before:
            raise LocalError(BAD_ARGUMENT, f"{peer}: nobody of that name or id is trusted")
    name = entry.name if entry is not None else ""
    console.print(f"{name or short_id(device)} is trusted no more")
    for own in store.rules:
        if own.who == device:
            console.print(f"this stays: {own}")


@click.command("rotate")
@click.option(
    "--days",
    type=click.FloatRange(1 / _DAY_S, 3650),
    default=7,
    show_default=True,
    help="How long this node has to run first, so that its peers hear of it.",
)
@click.option("--cancel", is_flag=True, help="Keep the key; take back what was planned.")
@click.option("--now", is_flag=True, help="At once, or what was planned: nobody is told first.")
@key_option
@command
def rotate(days: float, cancel: bool, now: bool, key_path: Path) -> None:
    """Give this node a new key: its peers are told first, and then follow by themselves."""
    if cancel:
        next_key.cancel(key_path)
        console.print("this node keeps its key")
        return
    next_key.load(key_path)  # there has to be one to change
    if now:
        if next_key.planned(key_path) is None:
            next_key.plan(key_path, 1)
        next_key.switch(key_path)
        console.print(f"new id    {device_id(crypto.suite().keypair(keys.load(key_path)).public)}")
        console.print("nodes that run have to start anew; peers that were not told, to pair again")
        return
    grace_s = round(days * _DAY_S)
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
    """Whom a rule is for: a person may name a stranger by its whole id alone."""
    if who in (PAIRED, ANYONE):
        return who
    entry = store.find(who)
    if entry is None and not looks_like_id(who):
        raise LocalError(BAD_ARGUMENT, f"{who}: nobody of that name or id is trusted")
    return who if entry is None else str(entry.id)


def _rule_command(effect: str) -> click.Command:
    @click.command(
        effect, help=f"{effect.capitalize()} PEER the streams NAME (`*` last: a prefix)."
    )
    @click.argument("peer", metavar="PEER|paired|*")
    @click.argument("name")
    @click.option(
        "--direction",
        type=click.Choice(["in", "out", "both"]),
        default="in",
        show_default=True,
        help="in: the peer opens the stream here.",
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
@trust_option
@command
def import_(file: TextIO, trust_path: Path) -> None:
    """Add what FILE (of `trust export`) trusts; entries of the same id are replaced."""
    try:
        other = decode(file.read(), HOST)
    except UnicodeDecodeError:
        raise LocalError(BAD_ARGUMENT, "the file is no text") from None
    with open_store(trust_path).change() as store:
        _merge(store, other)
    console.print(f"{len(other)} entries and {len(other.rules)} rules imported")


def _merge(store: TrustStore, other: TrustStore) -> None:
    for entry in other:
        store.add(entry)
    for own in other.rules:
        store.add_rule(own)


COMMANDS = (peers, unpair, rotate, _rule_command("allow"), _rule_command("deny"), trust)
