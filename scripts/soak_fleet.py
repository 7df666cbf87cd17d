"""A fleet that is updated by one command: `soak_fleet.py [SIMULATED [REAL]]`.

Fifty simulated boards and five processes of MicroPython's unix port get a new version, which two
of each do not bear: these come back by themselves. Then the processes get dsoftbus itself anew.
"""

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("core", "host", "tests", "tests/core"):
    sys.path.insert(0, str(ROOT / folder))

# The roots must be known before these, which are helpers of the tests.
from board.conftest import put  # type: ignore[import-not-found]  # noqa: E402
from updated_fleet import campaign, renewal  # type: ignore[import-not-found]  # noqa: E402

AT_A_TIME = 16


def main(simulated: int = 50, real: int = 5) -> None:
    with tempfile.TemporaryDirectory() as made:
        os.environ["XDG_CONFIG_HOME"] = made  # no settings of the user's
        folder, port = Path(made), random.randrange(20000, 30000)
        image = put("unix", folder / "image")
        found = asyncio.run(campaign(folder, image, simulated, real, AT_A_TIME, port))
        print(found.said, found.complaints, sep="")
        print(
            f"{simulated} simulated boards and {real} processes in {found.seconds:.1f} s,"
            f" {AT_A_TIME} at a time, {found.starts} starts"
        )
        found = asyncio.run(renewal(folder, image, real, port))
        print(f"dsoftbus itself on {real} processes in {found.seconds:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
