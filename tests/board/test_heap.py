"""Tests of small heaps on the unix port, whose words are twice as long as a board's."""

import os
import subprocess
from pathlib import Path

from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards
from portable import TIMEOUT_S, micropython

PROGRAM = Path(__file__).parent / "five_hundred.py"


def test_five_hundred_sessions_leave_no_growth_in_256k(tmp_path):
    for path, data in install.files_for(boards.find("unix"), "x64").items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    done = subprocess.run(
        (*micropython(), "-X", "heapsize=256k", str(PROGRAM)),
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": "lib:.frozen"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    used = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(used) == 4 and used[-1] <= used[0], used
