"""Starts of boards whose heap is in pieces: `make soak-starts STARTS=1000`.

    python scripts/soak_starts.py [STARTS [BOARD ...]]

Prints for each board and size of heap how the starts ended, and the largest free run.
"""

from __future__ import annotations

import collections
import statistics
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "core")]

from board import power_on  # type: ignore[import-not-found]  # noqa: E402 - after the path
from board.conftest import put  # type: ignore[import-not-found]  # noqa: E402
from dsoftbus_host.board.make import boards  # noqa: E402

BOARDS = ("rpi_pico", "rpi_pico_w", "pybv11")
HEAPS_KIB = (120, 140, 184, 246)  # of 32-bit words
STARTS = 1000


def campaign(name: str, heap_kib: int, starts: int) -> int:
    """Returns how many starts failed: neither started nor refused."""
    with tempfile.TemporaryDirectory() as folder:
        done = power_on.campaign(put(name, Path(folder)), boards.find(name), heap_kib, starts)
    how = collections.Counter(start.how for start in done)
    left = [start.after for start in done if start.how == "started"] or [0]
    print(
        f"{name} {heap_kib} KB: {how['started']} started, {how['refused']} refused,"
        f" {how['failed']} failed; largest free run {min(left)} at least,"
        f" {statistics.median(left):.0f} in the middle",
        flush=True,
    )
    for start in done:
        if start.how == "failed":
            print(start.said)
    return how["failed"]


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else STARTS
    names = sys.argv[2:] or BOARDS
    failed = sum(campaign(name, heap, number) for name in names for heap in HEAPS_KIB)
    sys.exit(1 if failed else 0)
