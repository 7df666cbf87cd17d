"""Completion: what a shell offers for a word that is begun. It reads, and changes nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from dsoftbus.const import ANYONE, HOST
from dsoftbus.errors import BusError, LocalError
from dsoftbus.service.call_messages import PREFIX
from dsoftbus.trust.acl import PAIRED
from dsoftbus.trust.hints import BUILT_IN, OWN
from dsoftbus.trust.store import Entry
from dsoftbus.trust.store_text import decode
from dsoftbus_host.storage import trust_file
from dsoftbus_host.storage.names_used import NamesUsed


def peers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of those that are paired; their ids, once one is begun."""
    entries = _paired(ctx.params.get("trust_path"))
    named = [CompletionItem(entry.name, help=entry.id) for entry in entries if entry.name]
    ids = [CompletionItem(entry.id, help=entry.name) for entry in entries if incomplete]
    return [item for item in (*named, *ids) if item.value.startswith(incomplete)]


def subjects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Peers, and the others that a rule may be for."""
    others = [CompletionItem(who) for who in (PAIRED, ANYONE) if who.startswith(incomplete)]
    return [*peers(ctx, param, incomplete), *others]


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names that a rule may speak of: of what comes with this program, and of streams, calls
    and topics that this node has offered or asked for."""
    own = [CompletionItem(name) for name in (*BUILT_IN, *OWN) if name.startswith(incomplete)]
    return [*own, *_used(ctx, "", incomplete)]


def calls(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of calls that this node has made or answered."""
    return _used(ctx, PREFIX, incomplete)


def _used(ctx: click.Context, prefix: str, incomplete: str) -> list[CompletionItem]:
    """The names with this prefix, which is left out."""
    with contextlib.suppress(LocalError):
        path = ctx.params.get("trust_path") or trust_file.default_path()
        names = [name[len(prefix) :] for name in NamesUsed(path).names if name.startswith(prefix)]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []


def peers_and_all(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Peers, and the word for all of them."""
    every = [CompletionItem(who) for who in ("all",) if who.startswith(incomplete)]
    return [*peers(ctx, param, incomplete), *every]


def peer_at_last(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The peer that follows words of which there is one at least; until there are two, click takes
    that one for the peer."""
    return peers(ctx, param, incomplete) if ctx.params.get("peer") else []


def files_and_peer(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Files; and after the first also the peer that they go to."""
    return [*peer_at_last(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


def peers_and_folder(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Peers, and the folder that goes to them."""
    return [*peers(ctx, param, incomplete), CompletionItem(incomplete, type="dir")]


def _paired(trust_path: Path | None) -> list[Entry]:
    with contextlib.suppress(BusError, OSError, UnicodeDecodeError):
        path = trust_path or trust_file.default_path()
        return list(decode(path.read_text(encoding="utf-8"), HOST))
    return []
