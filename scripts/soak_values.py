"""Values of services beside `cbor2`, at random: `soak_values.py INPUTS [SEED]`.

It prints how many inputs were values, and bytes that both took or refused; the first that the two
do not agree on ends it, with the bytes.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("core", "tests"):
    sys.path.insert(0, str(ROOT / folder))

# The roots must be known before this, which is a helper of the tests.
from values_fuzz import run  # type: ignore[import-not-found]  # noqa: E402


def main(inputs: int, seed: int) -> None:
    print(f"soak-values: seed {seed}", flush=True)
    counts = run(inputs, seed)
    print(f"{counts[None]} values, {counts[True]} wires taken, {counts[False]} refused")


if __name__ == "__main__":
    first_seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(3), "big")
    main(int(sys.argv[1]), first_seed)
