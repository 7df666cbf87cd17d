"""Attacks drawn at random, several at a time, against both victims, while honest peers are served.

`Soak(folder, seed).run(seconds)` is the whole of it; `scripts/soak_attack.py` prints what comes.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from attack import access, crowd, moved, rules
from attack.attacker import Attacker, Cost
from attack.honest import SECRET, Honest
from attack.owner import store_with
from attack.victim import BOTH, Victim
from attack.wire import public_of
from dsoftbus.errors import HALF_OPEN_LIMIT
from support import Random

INSIDER = Random(201)(32)
AT_ONCE = 2  # attacks on each victim
# The insider may have an echo, and fetch; the honest peer may have all.
SECRETS = {"": None, "insider": INSIDER, "honest": SECRET}
ATTACKERS = (
    *access.STRANGERS,
    *moved.ATTACKERS,
    *crowd.ATTACKERS,
    rules.SameNext,
)
COUNT = 60  # of what an attack repeats: others are to have their turn
HOST_GROWTH_BYTES = 64 << 20  # caches, arenas; a leak would be more after minutes


class Round(Cost):
    """The sum of what attacks of one kind came to."""

    runs = 0

    def add(self, cost: Cost) -> None:
        self.runs += 1
        self.sent += cost.sent
        self.received += cost.received
        self.multiplications += cost.multiplications
        self.places = max(self.places, cost.places)
        self.cpu_ms += cost.cpu_ms
        self.memory_bytes = max(self.memory_bytes, cost.memory_bytes)
        self.effects += cost.effects


class Siege:
    """One victim, its honest peer and its attackers."""

    def __init__(self, kind: type[Victim], folder: Path, seed: int) -> None:
        self.rounds: dict[str, Round] = {}
        self.failures: list[str] = []  # of attackers themselves: the victim said nothing any more
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._under_way: list[str] = []
        folder.mkdir()
        peers = (
            (public_of(SECRET), "honest", ["allow both *"]),
            (public_of(INSIDER), "insider", ["allow in echo", "allow out share/*"]),
        )
        trust = store_with(folder / "trust.json", *peers)
        self.victim = kind(folder / "served", trust=str(trust), key_path=str(folder / "own.key"))
        (folder / "served" / moved.BIG).write_bytes(bytes(moved.BIG_BYTES))
        self.honest = Honest(self.victim, folder / "honest")
        self.honest.beside = lambda: " and ".join(self._under_way)

    def threads(self, over: Callable[[], bool]) -> list[threading.Thread]:
        """Returns the threads of the honest peer and of the attackers; each ends soon after
        `over()`."""
        honest = threading.Thread(target=lambda: asyncio.run(self.honest.throughout(over)))
        attackers = [threading.Thread(target=self._attack, args=(over,)) for _ in range(AT_ONCE)]
        return [honest, *attackers]

    def _attack(self, over: Callable[[], bool]) -> None:
        while not over():
            attacker = self._draw()
            self._under_way.append(attacker.name)
            try:
                self._note(attacker.run())
            except Exception as error:  # noqa: BLE001 - told with all else
                if getattr(error, "peer_code", 0) == HALF_OPEN_LIMIT:
                    continue  # another attacker has the places among handshakes: that is an answer
                self.failures.append(f"{attacker.name}: {type(error).__name__}: {error}")
                return
            finally:
                self._under_way.remove(attacker.name)

    def _draw(self) -> Attacker:
        with self._lock:
            make = self._random.choice(ATTACKERS)
            seed = self._random.randrange(1 << 30)
        attacker = make(self.victim, seed, SECRETS[make.role])
        attacker.count = min(attacker.count, COUNT)
        return attacker

    def _note(self, cost: Cost) -> None:
        with self._lock:
            if cost.name not in self.rounds:
                self.rounds[cost.name] = Round(cost.name, cost.victim)
            self.rounds[cost.name].add(cost)

    @property
    def effects(self) -> list[str]:
        return [f"{r.name}: {effect}" for r in self.rounds.values() for effect in r.effects]


class Soak:
    """Both victims under siege. After `run`, `problems` says what went wrong."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.sieges = [Siege(kind, folder / kind.kind, seed + i) for i, kind in enumerate(BOTH)]
        self.growth: dict[str, int] = {}
        self.problems: list[str] = []

    def run(self, seconds: float) -> None:
        for siege in self.sieges:
            siege.victim.__enter__()
            siege.honest.once()  # what is made once is made
        before = {siege.victim.kind: siege.victim.resident_bytes() for siege in self.sieges}
        end = time.monotonic() + seconds
        threads = [t for s in self.sieges for t in s.threads(lambda: time.monotonic() > end)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for siege in self.sieges:
            self._judge(siege, before[siege.victim.kind])
            siege.victim.__exit__(None, None, None)

    def _judge(self, siege: Siege, before: int) -> None:
        kind = siege.victim.kind
        try:
            for link in ("tcp", "udp"):
                siege.honest.once(link)
        except Exception as error:  # noqa: BLE001 - told with all else
            self.problems.append(f"{kind}: afterwards no honest peer is served: {error!r}")
        self.growth[kind] = siege.victim.resident_bytes() - before
        if self.growth[kind] > HOST_GROWTH_BYTES:
            self.problems.append(f"{kind}: memory grew by {self.growth[kind]} bytes")
        self.problems += [f"{kind}: not served: {what}" for what in siege.honest.failures]
        self.problems += [f"{kind}: {what}" for what in siege.effects + siege.failures]
