"""Names of streams that a node has offered or asked for: by them a rule that matches none of its
streams is noticed, in another process, too.

A JSON list beside the trust store. It decides nothing, so one that is damaged or absent is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dsoftbus.errors import BusError
from dsoftbus.trust.hints import BUILT_IN, advice
from dsoftbus_host import display
from dsoftbus_host.storage.atomic_file import place, writing

_MOST = 256  # a node with more services than that has them under a few prefixes
_PATIENCE_S = 1.0  # for another process that notes names
log = display.log()


class NamesUsed:
    """The names of the node whose trust store is at `trust_path`."""

    def __init__(self, trust_path: Path) -> None:
        self._path = trust_path.with_name(trust_path.name + ".names")
        self.names = self._load()
        self._seen: set[str] = set(self.names)

    def note(self, name: str) -> bool:
        """Takes a name that is offered or asked for; True when it is to be saved."""
        if name in self._seen or len(self._seen) >= _MOST:
            return False
        self._seen.add(name)
        if any(_covers(known, name) for known in (*BUILT_IN, *self.names)):
            return False
        self.names.append(name)
        return True

    def save(self) -> None:
        """A failure costs a person a needless hint, and nothing else."""
        try:
            with writing(self._path, _PATIENCE_S):
                names = dict.fromkeys([*self._load(), *self.names])
                place(self._path, json.dumps(list(names)[-_MOST:]).encode())
        except (OSError, BusError) as error:
            log.info("names of streams were not noted: %s", error)

    def advice(self, patterns: Iterable[str]) -> list[str]:
        """Returns advice to a person who gives rules with these patterns."""
        return [text for pattern in patterns if (text := advice(pattern, self.names))]

    def _load(self) -> list[str]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return []
        if not isinstance(found, list):
            return []
        return [name for name in found[:_MOST] if isinstance(name, str) and name]


def _covers(known: str, name: str) -> bool:
    return known == name or (known[-1] == "*" and name.startswith(known[:-1]))
