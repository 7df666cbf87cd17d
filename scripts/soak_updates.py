"""Updates of boards under power cuts and with versions of no use: `make soak-updates LIVES=20`.

    python scripts/soak_updates.py [LIVES]

Lives of boards in memory, each cut at every write; then a board of MicroPython's unix port, cut at
every step of an update, and updated with every kind of broken program. Prints how many points
there were.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "core"), str(TESTS / "backends")]

from board.conftest import put  # type: ignore[import-not-found]  # noqa: E402 - after the path
from board.updated import (  # type: ignore[import-not-found]  # noqa: E402
    BROKEN,
    UnixBoard,
    cut_at,
    of_no_use,
    program,
)
from host.test_update_cuts import check, life  # type: ignore[import-not-found]  # noqa: E402

LIVES = 20


def in_memory(lives: int) -> int:
    """Returns how many points there were."""
    points = 0
    for seed in range(lives):
        for late in (True, False):
            lived = life(late, seed)
            for flash, may in lived.states:
                check(flash, may)
            points += lived.points
        print(f"life {seed}: {points} cuts so far", flush=True)
    return points


async def on_unix(image: Path) -> int:
    """Returns at how many steps a board was cut."""
    for what, app in BROKEN.items():
        async with UnixBoard(fresh(image)) as board:
            await of_no_use(board, app)
        print(f"a version that {what}: the old one is back", flush=True)
    step = 0
    while True:
        async with UnixBoard(fresh(image)) as board:
            if not await cut_at(board, step):
                return step
        step += 1
        print(f"cut at step {step}", flush=True)


def fresh(image: Path) -> Path:
    """The flash of a board that has never been updated."""
    folder = image.parent / "flash"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(image, folder)
    (folder / "app.py").write_bytes(program("root"))
    return folder


if __name__ == "__main__":
    points = in_memory(int(sys.argv[1]) if len(sys.argv) > 1 else LIVES)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "image").mkdir()
        steps = asyncio.run(on_unix(put("unix", Path(folder) / "image")))
    print(f"{points} cuts in memory, {steps} of a board: always one whole version")
