"""`dsoftbus board console`: a prompt whose lines a board runs, over the bus."""

from __future__ import annotations

import codeop
import contextlib
from collections.abc import Callable

import click

from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board import peer_remote
from dsoftbus_host.board.peer_remote import PeerTransport, SourceError
from dsoftbus_host.cli.common import command, console, errors
from dsoftbus_host.cli.reach import Place, lasting, options_of_place
from dsoftbus_host.cli.terminal import complete
from dsoftbus_host.display import shown

_MORE = "... "


@click.command("console")
@click.option(
    "--peer",
    "name",
    metavar="PEER",
    required=True,
    shell_complete=complete.peers,
    help="A paired board, which grants this node `console`.",
)
@options_of_place("--probe")
@command
def board_console(name: str, place: Place) -> None:
    """Run lines of Python on a board, over the bus.

    A line that begins a block goes on until an empty line. Ctrl-C takes the line back, or gives up
    what runs, where that waits; Ctrl-D ends. Names stay until then; `bus` is the board's own. The
    board's config.json has to say "console": true. At a cable any terminal has a prompt.
    """
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - it gives the prompt its history

    with peer_remote.connected(lasting(place, name)) as there:
        Prompt(there.transport, f"{shown(name)}> ").run()


class Prompt:
    """Asks for lines until there are no more."""

    def __init__(
        self, transport: PeerTransport, prompt: str, ask: Callable[[str], str] = input
    ) -> None:
        self._transport = transport
        self._prompt = prompt
        self._ask = ask

    def run(self) -> None:
        lines: list[str] = []
        while True:
            try:
                lines.append(self._ask(_MORE if lines else self._prompt))
                source = "\n".join(lines)
                if is_begun(source):
                    continue
                lines = []
                self._do(source)
            except EOFError:
                console.print("")
                return
            except KeyboardInterrupt:
                lines = []
                errors.print("given up")

    def _do(self, source: str) -> None:
        """Runs a source, and shows what it prints or how it failed."""
        if not source.strip():
            return
        try:
            _show(self._transport.run(source)[0], console.print)
        except SourceError as error:
            _show(str(error), errors.print)
        except LocalError as error:
            if error.code != BAD_STATE or not self._transport.lives:
                raise
            errors.print(shown(error.detail))


def _show(text: str, show: Callable[..., None]) -> None:
    for line in text.splitlines():
        show(line, soft_wrap=True)


def is_begun(source: str) -> bool:
    """Returns whether further lines belong to this source, as far as this machine's Python
    knows."""
    try:
        return codeop.compile_command(source, symbol="single") is None
    except (SyntaxError, ValueError, OverflowError):
        return False  # the board says what is wrong with it
