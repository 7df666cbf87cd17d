"""Attackers of all kinds at random, against a host and a MicroPython node on loopback, while
honest peers must be served: `soak_attack.py SECONDS [SEED]`. Prints what each attack cost the
victims; the exit status is 1 where an honest peer was not served, or an attack had an effect.

All figures are the victim's: scalar multiplications, places (the most at once) and CPU time,
including the work that ran beside the attack.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("core", "host", "tests", "tests/core"):
    sys.path.insert(0, str(ROOT / folder))

# The roots must be known before these, which are helpers of the tests.
from attack.attacker import HEADING  # type: ignore[import-not-found]  # noqa: E402
from attack.soak import Soak  # type: ignore[import-not-found]  # noqa: E402


def main(seconds: float, seed: int) -> int:
    print(f"soak-attack: seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        soak = Soak(Path(made), seed)
        soak.run(seconds)
    print(f"{'runs':>5} {HEADING}")
    for siege in soak.sieges:
        for name in sorted(siege.rounds):
            print(f"{siege.rounds[name].runs:5} {siege.rounds[name]}")
    for siege in soak.sieges:
        kind = siege.victim.kind
        honest = siege.honest
        print(
            f"{kind}: {honest.served} honest sessions, {honest.redials} dialled again,"
            f" memory grew by {soak.growth[kind]}"
        )
    for problem in soak.problems:
        print(problem)
    return 1 if soak.problems else 0


if __name__ == "__main__":
    first_seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(3), "big")
    sys.exit(main(float(sys.argv[1]), first_seed))
