"""A lack of memory at the allocations of whole exchanges leaves all nodes usable.

`alloc_failures.py` says how. Here at one in some hundred of the moments; `make soak-memory` tries
them all.
"""

import subprocess
from pathlib import Path

import pytest

from compiled_modules import SOURCES
from nodes import environment
from portable import TIMEOUT_S, micropython

PROGRAM = Path(__file__).parent / "alloc_failures.py"
HEAP = "4M"
# Between one number of free blocks and the next: what takes long is tried at fewer.
SCENES = {
    "tcp": 131,
    "udp": 331,
    "line": 331,
    "trust": 263,
    "keeper": 801,
    "share": 401,
    "loop": 131,
    "loop-udp": 401,
}
SHARDS = 3  # they wait most of the time


def start(folder: Path, scene: str, first: int, step: int) -> subprocess.Popen:
    folder = folder / str(first)
    folder.mkdir()
    command = (
        *micropython(),
        "-X",
        f"heapsize={HEAP}",
        str(PROGRAM),
        scene,
        str(first),
        str(step),
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment(SOURCES), cwd=folder, **pipes)


@pytest.mark.parametrize("scene", SCENES)
def test_a_lack_of_memory_leaves_all_nodes_usable(scene, tmp_path):
    step = SCENES[scene]
    running = [start(tmp_path, scene, at * step, SHARDS * step) for at in range(SHARDS)]
    short = 0
    for process in running:
        output = process.communicate(timeout=TIMEOUT_S)[0]
        assert process.returncode == 0, output
        short += int(output.split()[-1])
    assert short > 3  # there was a lack indeed
