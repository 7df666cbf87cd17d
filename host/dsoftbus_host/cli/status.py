"""The command that says how this node stands: its files, whom it trusts, and whether it serves."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import click

from dsoftbus.identity import device_id
from dsoftbus_aio.sleepers import spoken
from dsoftbus_host import crypto, key_file
from dsoftbus_host.cli.common import (
    command,
    console,
    json_option,
    key_option,
    open_store,
    say_json,
    short_id,
    trust_option,
)
from dsoftbus_host.files import default_folder
from dsoftbus_host.storage import serving_note
from dsoftbus_host.upkeep import next_key

_DAY_S = 86400


@click.command("status")
@key_option
@trust_option
@json_option
@command
def status(key_path: Path, trust_path: Path, as_json: bool) -> None:
    """Show this node, and whether it serves here.

    It changes nothing. Only a `dsoftbus serve` of this user with this key is known.
    """
    found = _found(key_path, trust_path)
    if as_json:
        say_json(found)
        return
    for name, value in _lines(found):
        console.print(f"{name:<9}{value}")


def _found(key_path: Path, trust_path: Path) -> dict[str, Any]:
    """The value that docs/commands.md describes."""
    public = _public(key_path)
    plan = next_key.planned(key_path) if public else None
    paired = [{"name": entry.name, "id": entry.id} for entry in open_store(trust_path).store]
    return {
        "id": device_id(public) if public else None,
        "key": public.hex() if public else None,
        "name": socket.gethostname(),
        "key_file": str(key_path),
        "trust_file": str(trust_path),
        "folder": str(default_folder()),
        "paired": paired,
        "new_key_in_days": round(plan[1] / _DAY_S, 3) if plan else None,
        "serving": serving_note.read(key_path),
    }


def _public(key_path: Path) -> bytes | None:
    try:
        secret = key_file.load(key_path)
    except FileNotFoundError:
        return None
    public: bytes = crypto.suite().keypair(secret).public
    return public


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, text) of each line."""
    device = found["id"]
    lines = [
        ("id", f"{device}   ({short_id(device)} for short)" if device else "none yet"),
        ("key", found["key_file"] + ("" if device else ": `dsoftbus id` makes it")),
        ("trust", found["trust_file"]),
    ]
    names = ", ".join(peer["name"] or short_id(peer["id"]) for peer in found["paired"])
    lines.append(("paired", names or "nobody; `dsoftbus pair` pairs"))
    if found["new_key_in_days"] is not None:
        lines.append(("new key", f"after {found['new_key_in_days']:.3g} more days of running"))
    serving = found["serving"]
    if serving is None:
        return [*lines, ("folder", found["folder"]), ("serving", "no; `dsoftbus serve` serves")]
    since = f"since {serving.get('since')}, as process {serving.get('pid')}"
    if topic := serving.get("publishes"):
        return [
            *lines,
            ("folder", found["folder"]),
            ("serving", f"no; it publishes {topic}, {since}"),
        ]
    lines += [("folder", str(serving.get("folder"))), ("serving", since)]
    lines += [("", f"at {there}") for there in serving.get("addresses") or ()]
    return [*lines, *(("asleep", _sleeper(peer)) for peer in serving.get("asleep") or ())]


def _sleeper(peer: dict[str, Any]) -> str:
    left = int(peer["back_at"] - time.time())
    back = f"back in about {spoken(left)}" if left > 0 else "back any moment"
    return f"{peer['name'] or '-'} ({short_id(peer['id'])}): {back}"
