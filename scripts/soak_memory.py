"""Every allocation of whole exchanges fails once: `make soak-memory`, about an hour.

    python scripts/soak_memory.py [STEP [SCENE ...]]

STEP 1, the default, leaves one block more each time: tests/micropython/alloc_failures.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "core"), str(TESTS / "micropython")]

# A helper of the tests, after the path:
from test_alloc_failures import SCENES, start  # type: ignore[import-not-found]  # noqa: E402

SHARDS = 6 * (os.cpu_count() or 1)  # they wait most of the time


def shard(folder: Path, scene: str, first: int, step: int) -> str:
    """Returns a report of what went wrong, or ""."""
    process = start(folder, scene, first, SHARDS * step)
    output: str = process.communicate()[0]
    return "" if process.returncode == 0 else f"{scene}, from {first}:\n{output}"


def sweep(scene: str, step: int) -> int:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(SHARDS) as pool:
        firsts = [at * step for at in range(SHARDS)]
        failures = pool.map(lambda first: shard(Path(folder), scene, first, step), firsts)
        found = [failure for failure in failures if failure]
    print(scene, *(found or ["every one was survived"]), sep="\n", flush=True)
    return len(found)


def main() -> int:
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    scenes = sys.argv[2:] or list(SCENES)
    return min(sum(sweep(scene, step) for scene in scenes), 1)


if __name__ == "__main__":
    sys.exit(main())
