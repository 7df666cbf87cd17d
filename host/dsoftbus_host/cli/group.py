"""Commands on groups: the nodes that meet at a broker (docs/broker.md)."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dsoftbus.broker import group_token
from dsoftbus.broker.group import PREFIX, SECRET_BYTES, Group
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.broker import url
from dsoftbus_host.cli.common import (
    HELP,
    Commands,
    ask_secret,
    command,
    console,
    json_option,
    say_json,
    trust_option,
    warn_of_argument,
)
from dsoftbus_host.cli.pair import show_invitation
from dsoftbus_host.cli.terminal.screen import cell, table_of
from dsoftbus_host.storage import group_file
from dsoftbus_host.storage.group_file import KnownGroup

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ca_option = click.option(
    "--ca", type=_FILE, help="The certificate of the authority that the broker's is signed by."
)


@click.group("group", cls=Commands, context_settings=HELP)
def group() -> None:
    """Meet other nodes at an MQTT broker, where no network leads from one to the other.

    A group is a secret, and a broker. `new` makes one, `show` hands it over, `join` takes it. Its
    nodes can leave messages for each other and see who is there; trust begins with `dsoftbus
    pair`, as everywhere.
    """


@group.command("new")
@click.argument("name")
@click.argument("broker")
@click.option("--password", "asked", is_flag=True, help="Ask for the password, without an echo.")
@click.option("--password-file", type=_FILE, help="Take the password from a file's first line.")
@click.option("--prefix", default=PREFIX, show_default=True, help="First level of its topics.")
@_ca_option
@trust_option
@command
def new(
    name: str,
    broker: str,
    asked: bool,
    password_file: Path | None,
    prefix: str,
    ca: Path | None,
    trust_path: Path,
) -> None:
    """Make a group that meets at BROKER: mqtt://[USER@]HOST[:PORT], or mqtts:// for TLS.

    Its name is for people. The password of a user at the broker goes along in the group's token.
    """
    there = url.parse(broker)
    if there.password:
        warn_of_argument("this password", "`--password` asks for it")
    if asked or password_file is not None:
        if not there.user:
            raise LocalError(BAD_ARGUMENT, "a password goes with a user's name: mqtt://USER@HOST")
        there = there._replace(password=_password(password_file))
    made = Group(os.urandom(SECRET_BYTES), name, there.whole, prefix)
    group_token.encode(made)  # all of it fits
    _add(trust_path, KnownGroup(made, _absolute(ca)))
    console.print(f"made the group {name} at {there}", soft_wrap=True)
    console.print(f"`dsoftbus group show {name}` shows the token with which others join")


@group.command("join")
@click.argument("token", required=False)
@click.option("--name", default="", show_default="as in the token")
@_ca_option
@trust_option
@command
def join(token: str | None, name: str, ca: Path | None, trust_path: Path) -> None:
    """Join the group of a TOKEN (dsoftbus-group:...).

    The token is a secret. Without it, or with `-`, the command asks for it without an echo, or
    takes the first line of the standard input. Others on this machine can read an argument.
    """
    if token is None or token == "-":
        token = ask_secret("token")
    else:
        warn_of_argument("this token", "`dsoftbus group join` asks for it")
    found = group_token.decode(token)
    there = url.parse(found.broker)
    found = group_file.called(found, name or found.name)
    _add(trust_path, KnownGroup(found, _absolute(ca)))
    console.print(f"joined the group {found.name} at {there}", soft_wrap=True)


@group.command("show")
@click.argument("name")
@trust_option
@command
def show(name: str, trust_path: Path) -> None:
    """Show the token of a group, and its QR code: who has it can join."""
    known = group_file.named(group_file.beside(trust_path), name)
    show_invitation(group_token.encode(known.group))


@group.command("list")
@trust_option
@json_option
@command
def list_groups(trust_path: Path, as_json: bool) -> None:
    """Show the groups that this node takes part in, and their brokers."""
    groups = group_file.load(group_file.beside(trust_path))
    found = {name: str(url.parse(known.group.broker)) for name, known in groups.items()}
    if as_json:
        say_json([{"name": name, "broker": broker} for name, broker in found.items()])
        return
    table = table_of("group", "broker")
    for name, broker in found.items():
        table.add_row(cell(name), cell(broker))
    console.print(table)


@group.command("leave")
@click.argument("name")
@trust_option
@command
def leave(name: str, trust_path: Path) -> None:
    """Leave a group: this node forgets its secret. Peers that are paired stay paired."""
    group_file.remove(group_file.beside(trust_path), name)
    console.print(f"left the group {name}")


def _add(trust_path: Path, known: KnownGroup) -> None:
    group_file.add(group_file.beside(trust_path), known)


def _absolute(ca: Path | None) -> str:
    return "" if ca is None else str(ca.absolute())


def _password(file: Path | None) -> str:
    if file is None:
        return ask_secret("password of the broker's user")
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise LocalError(BAD_ARGUMENT, f"{file}: there is no password in its first line")
    return lines[0]
