"""Each program in bench/ runs to its end: as briefly as it can, for its figures are not read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portable import PYTHON_PATH, ROOT

BENCH = ROOT / "bench"
ONE_OF_EACH = (  # of the programs that bench/board.py has for a node
    "UDP, Bus",
    "cable, Bus",
    "cable, SerialLoop",
)
BRIEF = {
    "bench": ("--rounds", "1", "--mb", "1", "--trips", "50", "--connects", "5"),
    "board": ("--messages", "2", *(f"--link={link}" for link in ONE_OF_EACH)),  # valgrind
    "bench_crypto": (
        "--rounds",
        "1",
        "--sample-ms",
        "2",
        "--mb",
        "1",
    ),  # runs crypto on MicroPython
    "congestion": ("--seconds", "0.3", "--mb", "0.1"),
    "datagrams": ("--rounds", "1", "--mb", "1", "--trips", "50"),
    "links": ("--rounds", "1", "--mb", "1", "--trips", "20"),
    "compiled": (
        *("--site", str(ROOT / "core"), "--turns", "1"),
        *("--rounds", "1", "--mb", "1", "--trips", "50", "--connects", "5"),
    ),
    "discovery": ("--rounds", "1", "--most", "100"),
    "gateways": ("--quick",),
    "hub": ("--rounds", "1", "--trips", "20", "--most", "10"),
    "reach": ("--rounds", "1", "--calls", "20"),
    "resume": ("--rounds", "1", "--connects", "5", "--bits", "9"),  # starts nodes on MicroPython
    "services": ("--rounds", "1", "--calls", "20", "--subscribers", "5"),
    "share_board": ("--mb", "0.02", "--rounds", "1"),
    "sim": ("--mb", "0.1", "--seeds", "1"),
    "thumb_counts": ("--bits", "9"),
    "wake": ("--rounds", "1"),  # starts nodes on MicroPython
}
PARTS = {  # of those above
    *("crypto", "mqtt_peer", "quic_peer", "resume_board", "resume_start", "resumed_crypto"),
    *("shares", "stopwatch", "table", "tls_peer"),
}


def run(name: str, folder: Path) -> str:
    environment = dict(os.environ, PYTHONPATH=PYTHON_PATH)
    command = [sys.executable, str(BENCH / f"{name}.py"), *BRIEF[name]]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert not ran.returncode, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", BRIEF)
def test_a_benchmark_runs_to_its_end(name, tmp_path):
    if name == "board" and not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    if name == "gateways" and not shutil.which(
        "mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"
    ):
        pytest.skip("mosquitto is not installed")
    assert len(run(name, tmp_path).splitlines()) > 3


def test_no_benchmark_is_left_out():
    assert {path.stem for path in BENCH.glob("*.py")} == BRIEF.keys() | PARTS
