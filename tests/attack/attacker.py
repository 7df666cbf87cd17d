"""The base of all attackers, and what each of them costs.

An attacker is a class with a `name`, the `promise` that it attacks, and `attack()`, which ends by
itself. It notes what it achieved with `effect`: a promise holds where there is none. `run` gives
its `Cost`. It needs of a victim `at`, `public`, `kind`, `folder` and `report()`; where it needs to
be trusted, `secrets` has its keys.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Cost:
    """The cost of an attack to its victim. Bytes on the wire, scalar multiplications, places (the
    most that were held at once), ms of the victim's CPU, and bytes that its memory grew by."""

    name: str
    victim: str
    sent: int = 0
    received: int = 0
    multiplications: int = 0
    places: int = 0
    cpu_ms: int = 0
    memory_bytes: int = 0
    effects: list = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.name:32} {self.victim:12} {self.sent:9} {self.received:9}"
            f" {self.multiplications:6} {self.places:6} {self.cpu_ms:7} {self.memory_bytes:10}"
        )


HEADING = (
    f"{'attack':32} {'victim':12} {'sent B':>9} {'got B':>9}"
    f" {'mults':>6} {'places':>6} {'CPU ms':>7} {'memory B':>10}"
)


class Attacker:
    """A subclass gives `name`, `promise` and `attack()`."""

    name = ""
    promise = ""
    role = ""  # "insider": it needs to be trusted; "honest": and to have every right
    count = 1  # of what it repeats

    def __init__(self, victim: Any, seed: int = 1, secret: bytes | None = None) -> None:
        self.victim = victim
        self.secret = secret  # of a peer that the victim trusts, where the attacker is one
        self.random = random.Random(seed)
        self._effects: list = []
        self._peers: list = []
        self._places = 0

    def attack(self) -> None:
        raise NotImplementedError

    def run(self) -> Cost:
        """The whole attack, and what it cost the victim meanwhile."""
        victim = self.victim
        before, cpu, memory = victim.report(), victim.cpu_ms(), victim.resident_bytes()
        files = contents_of(victim.folder)
        try:
            self.attack()
        finally:
            for peer in self._peers:
                peer.socket.close()
        after = self.look()
        self._compare_files(files)
        return Cost(
            self.name,
            victim.kind,
            sum(peer.sent for peer in self._peers),
            sum(peer.received for peer in self._peers),
            after["multiplications"] - before["multiplications"],
            self._places,
            victim.cpu_ms() - cpu,
            victim.resident_bytes() - memory,
            self._effects,
        )

    # For subclasses

    def peer(self, make: type, *args: Any, **kwargs: Any) -> Any:
        """A peer of the class `make` (`wire`), whose bytes are counted."""
        at, public = self.victim.at, self.victim.public
        peer = make(at, public, *args, **{"secret": self.secret, **kwargs})
        self._peers.append(peer)
        return peer

    def effect(self, text: str) -> None:
        """The attack has achieved something."""
        self._effects.append(text)

    def look(self) -> dict:
        """The victim's report; the most places that it ever had are noted."""
        report: dict = self.victim.report()
        self._places = max(self._places, report["places"])
        return report

    def _compare_files(self, before: dict) -> None:
        after = contents_of(self.victim.folder)
        for name in sorted(set(before) | set(after)):
            if before.get(name) != after.get(name) and self.forbids(name):
                self.effect(f"the file {name} was changed")

    def forbids(self, name: str) -> bool:
        """Returns whether a change of this file is the attacker's doing; honest peers store
        `honest*`."""
        return not name.lstrip(".").startswith("honest")


def contents_of(folder: Path) -> dict:
    """File name -> bytes, of all files in the folder that can be read."""
    found = {}
    for path in sorted(folder.iterdir()):
        try:
            found[path.name] = path.read_bytes()
        except OSError:
            continue  # a folder, or gone meanwhile
    return found
