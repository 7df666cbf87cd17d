"""Several updates at once, with a bound, and which peers a person means."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Iterable

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.trust.store import Entry
from dsoftbus_host.update.one_update import OneUpdate

_PATTERN = "*?["


async def run(updates: Iterable[OneUpdate], at_a_time: int) -> None:
    """Runs them in their order, at most so many at the same time, each to an end of its own."""
    left = iter(updates)

    async def one_after_the_other() -> None:
        for update in left:
            await update.run()

    await asyncio.gather(*(one_after_the_other() for _ in range(at_a_time)))


def chosen(words: Iterable[str], entries: Iterable[Entry]) -> list[str]:
    """The peers that these words mean, each once and in their order: a pattern (`hall*`) means
    those of `entries` whose name it matches, by name. Raises LocalError for one that matches
    nobody."""
    known = sorted(entries, key=lambda entry: (entry.name, entry.id))
    found: dict[str, None] = {}
    for word in words:
        if has_pattern((word,)):
            found.update(dict.fromkeys(_matching(word, known)))
        else:
            found[word] = None
    return list(found)


def has_pattern(words: Iterable[str]) -> bool:
    """Returns whether one of them is a pattern, and not a peer."""
    return any(char in word for word in words for char in _PATTERN)


def every(entries: Iterable[Entry]) -> list[str]:
    """All of `entries`, by name."""
    known = sorted(entries, key=lambda entry: (entry.name, entry.id))
    if not known:
        raise LocalError(BAD_ARGUMENT, "nobody is paired; `dsoftbus pair` pairs")
    return _matching("*", known)


def _matching(pattern: str, known: list[Entry]) -> list[str]:
    """Entries by name; by id where a name is none, or is that of several."""
    names = [entry.name for entry in known]
    found = [
        entry.name if entry.name and names.count(entry.name) == 1 else entry.id
        for entry in known
        if fnmatch.fnmatchcase(entry.name, pattern)
    ]
    if not found:
        raise LocalError(BAD_ARGUMENT, f"{pattern}: nobody who is paired has such a name")
    return found
