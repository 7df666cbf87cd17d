"""Simulated sessions with faults drawn from a seed: `soak_sim.py SEEDS [FIRST]`.

Each seed is one run of two nodes that send each other bytes; what was sent must arrive. The first
seed that fails is printed with what it drew, and `soak_sim.py 1 SEED` repeats it.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("core", "host", "tests/core"):
    sys.path.insert(0, str(ROOT / folder))

from dsoftbus.const import HOST, SMALL, TINY  # noqa: E402 - the roots must be known first
from dsoftbus_sim.chance import Chance  # noqa: E402
from simulated import Talk  # type: ignore[import-not-found]  # noqa: E402 - a helper of the tests

PROGRESS_S = 10
MTUS = (1200, 1400, 1472, 9000, 16384)  # of paths


class Patient:
    """Handshakes and silences are given more time than the worst of the paths needs."""

    handshake_ms = 300000
    keepalive_ms = 60000


PROFILES = [type(f"Patient{base.__name__}", (Patient, base), {}) for base in (HOST, SMALL, TINY)]


def draw(chance: Chance) -> dict[str, int]:
    """The character of a path: anything from a good wire to a bad radio."""
    return {
        "latency_ms": (0, 1, 5, 50, 300)[chance.below(5)],
        "kilobytes_s": (0, 0, 20, 200, 2000)[chance.below(5)],
        "queue_bytes": (4000, 16000, 64000)[chance.below(3)],
        "loss": (0, 0, 10, 50, 200)[chance.below(5)],
        "burst_begin": (0, 0, 0, 20)[chance.below(4)],
        "duplicate": (0, 0, 100)[chance.below(3)],
        "reorder": (0, 0, 200)[chance.below(3)],
        "reorder_ms": (5, 20, 400)[chance.below(3)],
        "corrupt": (0, 0, 50)[chance.below(3)],
        "mtu": MTUS[chance.below(len(MTUS))],
    }


def disturb(talk: Talk, chance: Chance) -> None:
    """Now and then in the run: a cut of the network, a new address of the connecting node, a path
    that carries more or less."""
    world = talk.world

    def move() -> None:
        session = talk.sessions[talk.a]
        if session.mux is not None:  # an address that changes within the handshake ends it
            talk.network.move(talk.a.link)
            session.ping(world.now_ms)
            talk.a.turn()

    def cut() -> None:
        a, b = talk.a.address, talk.b.address
        talk.network.part(a, b)
        world.after_ms(chance.below(5000), lambda: talk.network.part(a, b, False))

    def route() -> None:
        faults = talk.network.path(talk.a.address, talk.b.address).faults  # of all paths
        faults.mtu = MTUS[chance.below(len(MTUS))]

    for action in (move, cut, route, route):
        if chance.below(3) == 0:
            world.after_ms(chance.below(3000), action)


def run(seed: int) -> Talk:
    """One session, from its first packet to its orderly end; AssertionError when it fails."""
    chance = Chance(seed)
    faults = draw(chance)
    profile = PROFILES[chance.below(3)]
    other = PROFILES[chance.below(3)]
    mtu = (200, 250, 576, 1200, 16384)[chance.below(5)]
    size = (0, 1, 300, 20000, 400000 if mtu > 1200 else 20000)[chance.below(5)]
    talk = Talk(seed, size, faults, profile, mtu, other)
    disturb(talk, chance)
    return talk.run().finish()


def main(seeds: int, first: int) -> int:
    said = time.monotonic()
    totals: dict[str, int] = {}
    for seed in range(first, first + seeds):
        try:
            talk = run(seed)
        except AssertionError as error:
            print(f"seed {seed} fails: {error}")
            return 1
        for label, count in talk.drops().items():
            totals[label] = totals.get(label, 0) + count
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            print(f"{seed + 1 - first} of {seeds}", flush=True)
    print(f"{seeds} seeds from {first} on: what was sent has arrived, every session has ended")
    print("dropped: " + ", ".join(f"{label[5:]} {n}" for label, n in sorted(totals.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
