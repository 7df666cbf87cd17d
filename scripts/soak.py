"""Look for new failing examples: `soak.py SECONDS [SEED]` repeats every hypothesis test.

Each round has a seed of its own and prints it; `SECONDS` 0 with that seed repeats one round.
"""

import os
import subprocess
import sys
import time


def command(seed: int) -> list[str]:
    """Pytest on the hypothesis tests, under the profile `soak` (tests/conftest.py)."""
    choice = ["-m", "hypothesis", "--hypothesis-profile=soak", f"--hypothesis-seed={seed}"]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *choice]


def soak(seconds: int, seed: int) -> int:
    """Rounds until the time is up, at least one; stops at the first failure."""
    end = time.monotonic() + seconds
    while True:
        print(f"soak: seed {seed}", flush=True)
        failed = subprocess.run(command(seed)).returncode
        if failed or time.monotonic() >= end:
            return failed
        seed += 1


if __name__ == "__main__":
    first_seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    sys.exit(soak(int(sys.argv[1]), first_seed))
