"""The command `dsoftbus`."""

from __future__ import annotations

import logging

import click
from rich.logging import RichHandler

from dsoftbus_host.cli.common import HELP, Commands, console, errors
from dsoftbus_host.cli.late_group import by_name

_MODULES = {  # of this folder, with the commands that each has
    "board.board": ("board",),
    "bridge": ("bridge",),
    "call": ("call",),
    "demo.demo": ("demo",),
    "demo.sim": ("sim",),
    "discover": ("discover",),
    "gateway": ("gateway",),
    "group": ("group",),
    "logs": ("logs",),
    "offers": ("offers",),
    "own_id": ("id",),
    "pair": ("pair",),
    "peer_time": ("time",),
    "ping": ("ping",),
    "publish": ("publish",),
    "serving.serve": ("serve",),
    "status": ("status",),
    "transfer": ("send", "fetch", "ls"),
    "trust": ("peers", "unpair", "rotate", "allow", "deny", "trust"),
    "update": ("update",),
    "versions": ("versions",),
    "watch": ("watch",),
}


def _say_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        from dsoftbus_host.loaded_core import version

        console.print(version(), highlight=False, soft_wrap=True)
        context.exit()


@click.group(cls=Commands, context_settings=HELP, later=by_name(__package__, _MODULES))
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print more details.")
def main(verbose: bool) -> None:
    """A secure bus between hosts and MicroPython boards, without a broker."""
    level = logging.DEBUG if verbose else logging.WARNING
    handler = RichHandler(console=errors, show_path=False, show_time=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


if __name__ == "__main__":
    main()
