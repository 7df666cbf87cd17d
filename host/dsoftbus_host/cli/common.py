"""The common part of the commands: where they print, how they fail, and which files they use."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import BusError, LocalError
from dsoftbus.service.status import CallError
from dsoftbus.trust.acl import Rule
from dsoftbus_host import key_file
from dsoftbus_host.cli.late_group import LateGroup
from dsoftbus_host.cli.terminal import complete, words
from dsoftbus_host.cli.terminal.outlet import open_outlets
from dsoftbus_host.cli.terminal.screen import Screen
from dsoftbus_host.display import shown
from dsoftbus_host.interrupt import KILLED, signals_end
from dsoftbus_host.storage import trust_file
from dsoftbus_host.storage.names_used import NamesUsed

console = Screen()
errors = Screen(stderr=True)


def _at_home(path_of: Callable[[], Path], option: str) -> Callable[[], Path]:
    """The default of an option that has to be given by a user without a home."""

    def default() -> Path:
        try:
            return path_of()
        except LocalError as error:
            raise click.UsageError(f"{error.detail}, or give {option}") from None

    return default


key_option = click.option(
    "--key",
    "key_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_at_home(key_file.default_path, "--key"),
    show_default="this user's key",
    help="The file with this node's secret key; made if it does not exist.",
)
trust_option = click.option(
    "--trust",
    "trust_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_at_home(trust_file.default_path, "--trust"),
    show_default="this user's trust store",
    help="The file with the peers that this node trusts.",
)
peer_argument = click.argument("peer", shell_complete=complete.peers)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON value, for programs."
)
# What a peer gets with the trust; the help says of whom and where.
grant_option = functools.partial(
    click.option,
    "--grant",
    "grants",
    multiple=True,
    default=("allow both *",),
    show_default=True,
    metavar="RULE",
)
HELP = {"help_option_names": ["-h", "--help"]}
PORT = click.IntRange(0, 65535)


class Bytes(click.ParamType):  # type: ignore[type-arg] # of newer versions of click
    """A number of bytes: `500000000`, `500M`, `20G`."""

    name = "bytes"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        found = re.fullmatch(r"(\d+)([KMGT]?)B?", str(value), re.IGNORECASE | re.ASCII)
        if not found:
            self.fail(f"{value!r} is no number of bytes, as 500000000, 500M or 20G are")
        unit: int = 1000 ** " KMGT".index(found[2].upper() or " ")
        return int(found[1]) * unit


BYTES = Bytes()
DEBUG = "DSOFTBUS_DEBUG"  # in the environment: a fault shows its traceback
CALL_STATUS = 3  # the peer was there, and the call has no value
FAULT_STATUS = 70  # EX_SOFTWARE of sysexits.h


class Commands(LateGroup):
    """A group of commands that shows what it refuses: words of a command line are from anywhere,
    too, as names of files are."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        open_outlets()
        return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _refusals_shown():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _refusals_shown(), _faults_said():
            return super().invoke(ctx)


@contextlib.contextmanager
def _refusals_shown() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = shown(error.message)  # type: ignore[misc] # the same words, as text
        raise


@contextlib.contextmanager
def _faults_said() -> Iterator[None]:
    """Reports an exception that no command expects as a fault of this program, in one line that
    says how to see where."""
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit, OSError):
        raise  # click's own
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        errors.print_lines(
            f"a fault of this program: {type(error).__name__}: {error}", style="red"
        )
        errors.print(f"{DEBUG}=1 in the environment shows where it is; please report that.")
        sys.exit(FAULT_STATUS)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """An expected failure is a line that says what it was (`words`), maybe one that says what to
    do, and exit status 1; that of a call has one of its own."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with signals_end():
                return function(*args, **kwargs)
        except (BusError, OSError) as error:
            report(error, called(kwargs.get("peer")))
            sys.exit(CALL_STATUS if isinstance(error, CallError) else 1)
        except KeyboardInterrupt:
            sys.exit(KILLED + signal.SIGINT)
        except click.Abort as error:  # a prompt's, which says nothing of what ended it but this
            if isinstance(error.__context__, KeyboardInterrupt):
                sys.exit(KILLED + signal.SIGINT)
            raise

    return run


def report(error: BusError | OSError, peer: str = "") -> None:
    """Says on the standard error what went wrong with `peer`, and what a person can do."""
    errors.print_lines(words.said(error, peer), style="red")
    if advice := words.advice(error):
        errors.print(advice)


class Failures:
    """Errors of several things, each said as it comes, and at the end what a person can do."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._advice: dict[str, None] = {}

    def report(self, what: str, error: BusError | OSError) -> None:
        errors.print_lines(words.said(error, self._peer, what), style="red")
        self._advice[words.advice(error)] = None

    def advise(self) -> None:
        for advice in filter(None, self._advice):
            errors.print(advice)


def called(peer: object) -> str:
    """A peer as the person called it, without its key, or an invitation."""
    text = peer if isinstance(peer, str) and not peer.lower().startswith("dsoftbus:") else ""
    return text.rpartition("@")[2].rpartition("://")[2] if text != "-" else ""


def ask_secret(what: str, default: str | None = None) -> str:
    """Returns the text that a person types without an echo, or the next line of a standard input
    that is no terminal."""
    hidden = sys.stdin.isatty()
    text: str = click.prompt(
        what, default=default, hide_input=hidden, show_default=False, err=True, prompt_suffix=": "
    )
    return text.strip()


def warn_of_argument(what: str, instead: str) -> None:
    """A secret has been given where every user of this machine can read it."""
    errors.print(
        f"note: others on this machine can read {what} in the list of processes, and your shell "
        f"may keep it; {instead}",
        style="yellow",
    )


def say_json(value: object) -> None:
    """One value, and nothing else: in ASCII, so that every terminal can show it."""
    console.print(Text(json.dumps(value, indent=2)), soft_wrap=True)


def node_name(text: str) -> str:
    """Returns as much of `text` as a node's name holds."""
    return text.encode(errors="ignore")[:NODE_NAME_MAX].decode(errors="ignore").strip()


def open_store(path: Path) -> trust_file.StoreFile:
    """The trust store; a damaged one is reported and kept aside."""
    file = trust_file.StoreFile(path)
    if file.damaged is not None:
        errors.print(
            f"{path} is damaged and was put aside as {file.damaged}: nobody is trusted now",
            style="bold red",
        )
    return file


def files_of(count: int) -> str:
    """ "1 file", "2 files" """
    return "1 file" if count == 1 else f"{count} files"


def short_id(device: str) -> str:
    """The form for people to compare at a glance: the first eight characters, in two groups.

    40 bits tell the nodes of one place apart; they prove nothing.
    """
    return device[:4] + "-" + device[4:8]


def advise(rules: Iterable[Rule], trust_path: Path) -> None:
    """Says which of these rules match nothing that the node has offered or asked for so far."""
    for text in NamesUsed(trust_path).advice(rule.pattern for rule in rules):
        errors.print(text)
