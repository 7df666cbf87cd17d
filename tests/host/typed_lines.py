"""Runs the lines of its standard arguments as a person would type them to a shell, one after the
other in this process: `typed_lines.py LINE...`.

Options that say where the files and the network of the test are go along, and are not shown.
"""

import contextlib
import os
import shlex
import sys

import click
from serial.tools import list_ports

from dsoftbus_host.cli.command import main

HIDDEN = {
    "key_path": ("--key", "own.key"),
    "trust_path": ("--trust", "own.json"),
    "interface": ("--interface", "127.0.0.1/8"),
    "discovery_port": ("--discovery-port", os.environ["DISCOVERY_PORT"]),
}


def hidden(words: list) -> list:
    """The words with the options that its command has."""
    command: click.Command = main
    at = 0
    while isinstance(command, click.Group) and at < len(words):
        below = command.get_command(click.Context(command), words[at])
        if below is None:
            break
        command = below
        at += 1
    options = [HIDDEN[param.name] for param in command.params if param.name in HIDDEN]
    return [*words[:at], *(word for option in options for word in option), *words[at:]]


def run(line: str) -> None:
    print(f"$ dsoftbus {line}", flush=True)
    try:
        main(hidden(shlex.split(line)), prog_name="dsoftbus")
    except SystemExit as ended:
        if ended.code:
            print(f"[status {ended.code}]", flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    list_ports.comports = list
    with contextlib.suppress(KeyboardInterrupt):
        for typed in sys.argv[1:]:
            run(typed)
