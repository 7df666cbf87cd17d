"""The board that a command works on: at the end of a cable (PORT), or over the bus (`--peer`)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from dsoftbus_host.board import peer_remote, remote
from dsoftbus_host.board.remote import Remote
from dsoftbus_host.cli.reach import Place, lasting, options_of_place
from dsoftbus_host.cli.terminal import complete

_PEER = "--peer"
_port = click.argument("port")
_peer = click.option(
    _PEER,
    metavar="PEER",
    default="",
    shell_complete=complete.peers,
    help="In place of PORT: a paired board, over the bus, which grants this node `console`.",
)


class There(NamedTuple):
    """A board: `port`, or "" and the name of a `peer`, who is looked for as `place` says."""

    port: str
    peer: str
    place: Place

    def connected(self) -> contextlib.AbstractContextManager[Remote]:
        """The board's files and its interpreter."""
        if self.peer:
            return peer_remote.connected(lasting(self.place, self.peer))
        return remote.connected(self.port)


class AtBoard(click.Command):
    """A command whose first argument is PORT, unless there is the option `--peer`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = args[: args.index("--")] if "--" in args else args
        ctx.meta[_PEER] = any(word == _PEER or word.startswith(f"{_PEER}=") for word in own)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All but PORT where `--peer` is given."""
        found = super().get_params(ctx)
        return [one for one in found if one.name != "port" or not ctx.meta.get(_PEER)]


def at_board(function: Callable[..., Any]) -> Callable[..., Any]:
    """PORT or `--peer`, and how peers are found; the command (`cls=AtBoard`) gets it as `at`."""

    @functools.wraps(function)
    def run(*args: Any, port: str = "", peer: str, place: Place, **kwargs: Any) -> Any:
        return function(*args, at=There(port, peer, place), **kwargs)

    for option in (options_of_place("--probe"), _peer, _port):
        run = option(run)
    return run
