"""The command that calls a service of a peer."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.text import Text

from dsoftbus.const import HOST, U30_MAX
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host import event_loop
from dsoftbus_host import json_values as values
from dsoftbus_host.cli.common import command, console, peer_argument
from dsoftbus_host.cli.reach import Place, place_options, reached
from dsoftbus_host.cli.terminal import complete

_INPUT = "-"
_INPUT_MAX = 8 * HOST.value_bytes  # JSON has at most six letters for one of a text
VALUES = {"ignore_unknown_options": True}  # so that a number may begin with a minus


@click.command("call", context_settings=VALUES)
@peer_argument
@click.argument("name", shell_complete=complete.calls)
@click.argument("value", default="null")
@click.option(
    "--timeout",
    type=click.FloatRange(0, U30_MAX // 1000),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="What is not answered by then is given up; 0 waits for ever.",
)
@place_options
@command
def call(peer: str, name: str, value: str, timeout: float, place: Place) -> None:
    """Call a peer, and print its answer.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. VALUE is JSON, `-` for the
    standard input; without it, it is null. The answer is a line of JSON, and one in parts a line
    for each. Exit status 3: the peer answers with an error, or not in time.
    """
    asked = values.parsed(typed_input() if value == _INPUT else value)
    event_loop.run(_call(peer, name, asked, timeout, place))


async def _call(peer: str, name: str, value: Any, timeout: float, place: Place) -> None:
    async with reached(place, peer) as connection:
        parts = connection.parts(name, value, round(timeout * 1000))
        came = False
        try:
            async for part in parts:
                say_value(part)
                came = True
        finally:
            parts.close()
        if parts.value is not None or not came:
            say_value(parts.value)


def say_value(value: Any) -> None:
    """Prints one value as a line of JSON."""
    console.print(Text(values.said(value)), soft_wrap=True)


def typed_input() -> str:
    """The standard input. Raises LocalError where it is no text, or too long for a value."""
    raw = sys.stdin.buffer.read(_INPUT_MAX + 1)
    if len(raw) > _INPUT_MAX:
        raise LocalError(BAD_ARGUMENT, "the standard input is too long for a value")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise LocalError(BAD_ARGUMENT, "the standard input is no text") from None
