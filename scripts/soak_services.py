"""Services at random: `soak_services.py SECONDS [SEED]`, a quarter of the time each.

Values beside `cbor2`; two to five nodes in one process, with cuts and starts; the state machines
of hypothesis; and nodes in processes of their own that are killed and start again. It ends at the
first thing that is not as docs/services.md has it, with the seed or the example that repeats it.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("core", "host", "tests", "tests/core"):
    sys.path.insert(0, str(ROOT / folder))

# The roots must be known before these, which are helpers of the tests.
from services_soak import Soak  # type: ignore[import-not-found]  # noqa: E402
from services_world import Walk  # type: ignore[import-not-found]  # noqa: E402
from soak import command  # noqa: E402
from values_fuzz import run  # type: ignore[import-not-found]  # noqa: E402

MACHINES = ("test_calls_stateful.py", "test_topics_stateful.py")
INPUTS = 10_000  # values between two looks at the clock


def values(end: float, seed: int) -> None:
    for n in itertools.count():
        if time.monotonic() >= end:
            print(f"{n * INPUTS} values and wires beside cbor2", flush=True)
            return
        run(INPUTS, seed + n)


def walks(end: float, seed: int) -> None:
    for n in itertools.count():
        if time.monotonic() >= end:
            print(f"{n} walks of two to five nodes", flush=True)
            return
        try:
            Walk(seed + n).run()
        except Exception:
            print(f"Walk({seed + n}).run()", flush=True)
            raise


def machines(end: float, seed: int) -> None:
    files = [str(ROOT / "tests" / "host" / name) for name in MACHINES]
    here = [file for file in files if Path(file).exists()]
    for n in itertools.count():
        if time.monotonic() >= end:
            print(f"{n} rounds of the state machines", flush=True)
            return
        subprocess.run([*command(seed + n), *here], check=True, cwd=ROOT)


def processes(end: float, seed: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        counts = asyncio.run(Soak(Path(made), seed).run(end - time.monotonic()))
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())), flush=True)


def main(seconds: float, seed: int) -> None:
    print(f"soak-services: seed {seed}", flush=True)
    for part in (values, walks, machines, processes):
        part(time.monotonic() + seconds / 4, seed)


if __name__ == "__main__":
    first_seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(3), "big")
    main(float(sys.argv[1]), first_seed)
