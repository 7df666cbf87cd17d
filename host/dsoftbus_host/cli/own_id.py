"""`dsoftbus id`: who this node is."""

from __future__ import annotations

from pathlib import Path

import click

from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli.common import (
    command,
    console,
    json_option,
    key_option,
    say_json,
    short_id,
)
from dsoftbus_host.upkeep import next_key


@click.command("id")
@key_option
@json_option
@command
def show_id(key_path: Path, as_json: bool) -> None:
    """Show this node's device id and public key."""
    bus = BareBus(next_key.load(key_path))
    if as_json:
        say_json({"id": bus.id, "short": short_id(bus.id), "key": bus.public.hex()})
        return
    console.print(f"id   {bus.id}   ({short_id(bus.id)} for short)")
    console.print(f"key  {bus.public.hex()}")
