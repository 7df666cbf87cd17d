"""The log of `dsoftbus serve`: a line with its time for all that peers do, or try to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from dsoftbus.errors import NOT_PAIRED, OUTSIDE_ACL, label
from dsoftbus.mux.events import NodeEvent
from dsoftbus.trust.store import TrustStore
from dsoftbus_aio.services.share import Transfer
from dsoftbus_aio.sleepers import spoken
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli.common import console, short_id
from dsoftbus_host.cli.terminal import words
from dsoftbus_host.storage.serving_note import ServingNote

TIME = "%Y-%m-%d %H:%M:%S"
_DONE = {"put": "stored {} from {}", "replace": "replaced {} from {}", "get": "sent {} to {}"}
_TRIED = {"put": "store", "replace": "replace", "get": "fetch", "list": "list"}
# As seen from here; the peer reads `words`.
_DENIED = {NOT_PAIRED: "is not paired with this node", OUTSIDE_ACL: "no rule grants it that"}


def say(text: str) -> None:
    """A line of the log."""
    console.print(f"{time.strftime(TIME)}  {text}")


def say_transfer(folder: Path, transfer: Transfer) -> None:
    """Says how a transfer ended that a peer began. Its files lie in `folder`."""
    who = f"{transfer.peer_name or '-'} ({short_id(transfer.peer_id)})"
    verb = "replace" if transfer.replace else transfer.verb
    if transfer.code:
        why = words.reason(transfer.code, "this node")
        say(f"refused {who}, who wanted to {_TRIED[verb]} {transfer.name}: {why}")
    elif verb in _DONE:  # a list changes nothing
        size = (folder / transfer.name).stat().st_size
        say(_DONE[verb].format(f"{transfer.name} ({size} bytes)", who))


def say_denied(event: NodeEvent, store: TrustStore) -> None:
    """Somebody may not connect, or not open a stream."""
    entry = store.get(event.peer)
    who = f"{entry.name} ({short_id(event.peer)})" if entry is not None else short_id(event.peer)
    stream = f", stream {event.name}" if event.name else ""
    why = _DENIED.get(event.code) or words.WORDS[event.code].format(peer="it")
    say(f"denied {who}{stream}: {why} ({label(event.code)})")


async def watch_sleepers(bus: BareBus, note: ServingNote, said: dict[str, Any]) -> None:
    """Says who falls asleep, and who is overdue; `note`, which says `said`, has those that sleep:
    their names, ids, and when they mean to be back, in s since 1970."""
    asleep: dict[str, dict[str, Any]] = {}
    async for peer in bus.presence():
        who = f"{peer.name or '-'} ({short_id(peer.id)})"
        was = asleep.pop(peer.id, None)
        if peer.asleep_s is not None:
            back_at = int(time.time()) + peer.asleep_s
            asleep[peer.id] = {"name": peer.name, "id": peer.id, "back_at": back_at}
            say(f"{who} sleeps for about {spoken(peer.asleep_s)}")
        elif was is not None and not peer.online:
            say(f"{who} slept, and is overdue")
        if was is not None or peer.asleep_s is not None:
            note.write(**said, asleep=list(asleep.values()))
