"""The console of the commands, on which a text is text (`display`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dsoftbus.identity import ID_CHARS
from dsoftbus_host.display import escaped, lines, shown

# What no layout may let through, whatever it was made of. It has ends of lines of its own.
_ACTIVE = re.compile(
    "[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\uf8ff\U000e0000-\U000e007f]"
)


def cell(texts: str | Iterable[str]) -> Text:
    """A cell of a table: a text, or one below the other."""
    each = [texts] if isinstance(texts, str) else texts
    return Text("\n".join(shown(text) for text in each))


def table_of(*names: str) -> Table:
    """A table with these columns, in which an id stays whole, for it is there to be copied."""
    table = Table(box=None)
    for name in names:
        whole = name == "id"
        table.add_column(
            name, no_wrap=whole, overflow="fold", min_width=ID_CHARS if whole else None
        )
    return table


class Screen(Console):
    """A console on which any `str` is one line of text: no markup, no emoji, no wrapping.

    Objects with a layout (`Text`, tables) are drawn as they are, without characters that a
    terminal would act on.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        texts = [shown(each) if isinstance(each, str) else each for each in objects]
        if all(isinstance(each, str) for each in objects):
            options.setdefault("soft_wrap", True)
        super().print(*texts, **options)

    def print_lines(self, text: object, **options: Any) -> None:
        """A text of several lines: an error with its reasons, or what a board has said."""
        for line in lines(text):
            self.print(line, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or not _ACTIVE.search(segment.text):
                yield segment
            else:
                text = _ACTIVE.sub(lambda found: escaped(found[0]), segment.text)
                yield Segment(text, segment.style)
