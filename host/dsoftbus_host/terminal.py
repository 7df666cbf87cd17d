"""What the commands share: where they print, how they fail, and which files they use."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from dsoftbus.errors import BusError
from dsoftbus_host import keys, store_file

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

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


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """An expected failure is one line that says what it was, and exit status 1."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (BusError, OSError) as error:
            errors.print(str(error), style="red", markup=False, soft_wrap=True)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)

    return run


def open_store(path: Path) -> store_file.StoreFile:
    """The trust store; a damaged one is reported and kept aside."""
    file = store_file.StoreFile(path)
    if file.damaged is not None:
        errors.print(
            f"{path} is damaged and was put aside as {file.damaged}: nobody is trusted now",
            style="bold red",
            markup=False,
            soft_wrap=True,
        )
    return file
