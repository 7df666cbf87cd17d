"""Pages of the documentation as programs: which blocks they have, and what these say.

| block                            | is                                                     |
|----------------------------------|--------------------------------------------------------|
| ```` ```console ````             | commands (`kitchen$ dsoftbus id`), and what they print |
| ```` ```python kitchen/a.py ```` | the file `a.py` in the home of the user of `kitchen`   |
| ```` ```sh ````                  | commands of a machine that a test elsewhere runs       |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

FENCE = re.compile(r"^```(\w*) ?(.*)$")
COMMAND = re.compile(r"^(\w+)\$ (.+)$")
QUESTION = re.compile(r"^(.*\[y/N\]: )(\S+)$")
INTERRUPTED = "^C"


@dataclass
class Block:
    """Lines of a page between two fences; `first` is the number of the first, counted from 0."""

    kind: str
    place: str
    section: str
    first: int
    lines: list[str] = field(default_factory=list)


@dataclass
class Shown:
    """A command of a page, and what it prints there."""

    machine: str
    line: str
    output: list[str] = field(default_factory=list)

    @property
    def runs_on(self) -> bool:
        """Runs until somebody types Ctrl-C."""
        return self.output[-1:] == [INTERRUPTED]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Questions, and what is typed behind them."""
        return [found.groups() for found in map(QUESTION.match, self.output) if found]


def blocks(text: str) -> list[Block]:
    """All of a page, in its order."""
    found: list[Block] = []
    section, inside = "", False
    for number, line in enumerate(text.split("\n")):
        fence = FENCE.match(line)
        if fence and not inside:
            found.append(Block(fence[1], fence[2], section, number + 1))
        elif inside and not fence:
            found[-1].lines.append(line)
        elif line.startswith("#"):
            section = line
        inside ^= bool(fence)
    return found


def commands(block: Block) -> list[Shown]:
    """All of a block that shows commands, in their order."""
    found: list[Shown] = []
    for line in block.lines:
        if prompt := COMMAND.match(line):
            found.append(Shown(*prompt.groups()))
        else:
            found[-1].output.append(line)
    return found


def rewritten(text: str, said: list[tuple[Block, list[str]]]) -> str:
    """The page with other lines in these blocks."""
    lines = text.split("\n")
    for block, instead in sorted(said, key=lambda pair: -pair[0].first):
        lines[block.first : block.first + len(block.lines)] = instead
    return "\n".join(lines)
