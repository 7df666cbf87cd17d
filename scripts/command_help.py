"""Write the help of every command into docs/commands.md, between its marks."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
sys.path[:0] = [str(ROOT / "core"), str(ROOT / "host")]

import click  # noqa: E402 - the import roots stand above

from dsoftbus_host.cli.command import main  # noqa: E402

COLUMNS = 80
MARK = re.compile(r"<!-- help: ([a-z ]+) -->\n.*?<!-- until here -->\n", re.DOTALL)


def commands(
    command: click.Command = main, above: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """(words, context) of each command that does something, in order of their words."""
    name = str(command.name) if above else "dsoftbus"
    context = click.Context(
        command, above, name, terminal_width=COLUMNS, **(command.context_settings if above else {})
    )
    context.help_option_names = ["-h", "--help"]
    if not isinstance(command, click.Group):
        yield context.command_path.partition(" ")[2], context
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below:
            yield from commands(below, context)


def helps() -> dict[str, str]:
    """The help of each command, as it is on a terminal of 80 columns."""
    return {words: context.get_help() for words, context in commands()}


def page(text: str) -> str:
    """The page with the help as it is now."""
    found = helps()

    def written(mark: re.Match[str]) -> str:
        shown = "\n".join(line.rstrip() for line in found[mark[1]].split("\n"))
        return f"<!-- help: {mark[1]} -->\n```text\n{shown}\n```\n<!-- until here -->\n"

    return MARK.sub(written, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    print("wrote", PAGE.relative_to(ROOT))
