"""What the commands share: where they print, how they fail, and which files they use."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import (
    DECRYPT_FAILED,
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    PEER_NOT_ALLOWED,
    STALE_PEER,
    TOKEN_REQUIRED,
    BusError,
)
from dsoftbus.trust.acl import Rule
from dsoftbus_host import keys, store_file
from dsoftbus_host.display import shown
from dsoftbus_host.names_used import NamesUsed
from dsoftbus_host.screen import Screen

console = Screen()
errors = Screen(stderr=True)

key_option = click.option(
    "--key",
    "key_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=keys.default_path,
    show_default="this user's key",
    help="The file with this node's secret key; made if it does not exist.",
)
trust_option = click.option(
    "--trust",
    "trust_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=store_file.default_path,
    show_default="this user's trust store",
    help="The file with whom this node trusts.",
)


_NEW_KEY = (
    "A board with a new key is trusted again after `dsoftbus board token`, others after"
    " `dsoftbus pair`."
)
# What a person can do about an error; by the peer's code where it gave one.
ADVICE = {
    DECRYPT_FAILED: "The peer has another key than this one; it shows its own with `dsoftbus id`. "
    + _NEW_KEY,
    PEER_NOT_ALLOWED: "The peer does not know this node's key; it takes it with `--allow KEY`.",
    TOKEN_REQUIRED: "The peer serves those that show its token, and nobody else.",
    NOT_PAIRED: "`dsoftbus pair` on both sides pairs this node with the peer.",
    OUTSIDE_ACL: "The peer grants it with `dsoftbus allow`; `dsoftbus peers` shows the grants.",
    STALE_PEER: "`dsoftbus discover` shows who is there; `--peer HOST` asks one address.",
    NO_SUCH_SERVICE: "The peer has nothing of that name.",
    END_LINK_DOWN: "Is the peer running, and is this its address?",
    END_HANDSHAKE_TIMEOUT: "Is this the address of a node, and has it the key that is sought? "
    + _NEW_KEY,
}


PORT = click.IntRange(0, 65535)
DEBUG = "DSOFTBUS_DEBUG"  # in the environment: a fault shows its traceback
FAULT_STATUS = 70  # EX_SOFTWARE of sysexits.h


class Commands(click.Group):
    """A group of commands that shows what it refuses: words of a command line are from anywhere,
    too, as names of files are."""

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
    """What no command expects is a fault of this program: a line, and how to see where."""
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
    """An expected failure is a line that says what it was, maybe one that says what to do, and
    exit status 1."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (BusError, OSError) as error:
            errors.print_lines(error, style="red")
            code = getattr(error, "peer_code", 0) or getattr(error, "code", 0)
            if code in ADVICE:
                errors.print(ADVICE[code])
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)

    return run


def ask_secret(what: str, default: str | None = None) -> str:
    """What a person types without an echo, or the next line of a standard input that is no
    terminal."""
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


def node_name(text: str) -> str:
    """As much of `text` as a node's name holds."""
    return text.encode(errors="ignore")[:NODE_NAME_MAX].decode(errors="ignore").strip()


def open_store(path: Path) -> store_file.StoreFile:
    """The trust store; a damaged one is reported and kept aside."""
    file = store_file.StoreFile(path)
    if file.damaged is not None:
        errors.print(
            f"{path} is damaged and was put aside as {file.damaged}: nobody is trusted now",
            style="bold red",
        )
    return file


def short_id(device: str) -> str:
    """The form for people to compare at a glance: the first eight characters, in two groups.

    40 bits tell the nodes of one place apart; they prove nothing.
    """
    return device[:4] + "-" + device[4:8]


def advise(rules: Iterable[Rule], trust_path: Path) -> None:
    """Says which of these rules match nothing that the node has offered or asked for so far."""
    for text in NamesUsed(trust_path).advice(rule.pattern for rule in rules):
        errors.print(text)
