"""Announcements count from above every start before, whatever the clock says."""

import itertools
import subprocess
import sys

import pytest

from dsoftbus.const import U30_MAX
from dsoftbus_host.storage import boot_counter
from dsoftbus_host.storage.boot_counter import count_start

TIMEOUT_S = 60
_JUMP = 65536  # what a peer that has heard a node follows at once


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_800_000_000.0

    monkeypatch.setattr("time.time", lambda: Clock.now)
    return Clock


def test_each_start_is_above_the_one_before_whatever_the_clock_says(tmp_path, clock):
    path = tmp_path / "node.key.starts"
    counted = []
    for now in (1_800_000_000, 0, 1_800_000_000 + 40 * 86400, 5, 1_800_000_001):
        clock.now = now
        counted.append(count_start(path))
    for before, after in itertools.pairwise(counted):
        assert 1000 < after - before < _JUMP


def test_a_first_start_is_above_those_that_counted_by_the_clock(tmp_path, clock):
    by_clock = boot_counter.sequence_start()
    assert 0 < count_start(tmp_path / "node.key.starts") - by_clock < _JUMP


@pytest.mark.parametrize("text", [b"", b"x", b"-5", b"\xff", b"9" * 100])
def test_a_count_that_is_no_number_begins_anew(tmp_path, text):
    path = tmp_path / "node.key.starts"
    path.write_bytes(text)
    first, second = count_start(path), count_start(path)
    assert 0 <= first <= U30_MAX
    assert (second - first) & U30_MAX == 4096


def test_a_node_whose_starts_cannot_be_counted_starts(tmp_path):
    path = tmp_path / "node.key.starts"
    path.mkdir()
    assert 0 <= count_start(path) <= U30_MAX


def test_processes_that_start_at_once_count_apart(tmp_path):
    path = tmp_path / "node.key.starts"
    command = "import sys\nfrom pathlib import Path\n"
    command += "from dsoftbus_host.storage.boot_counter import count_start\n"
    command += "print(count_start(Path(sys.argv[1])))"
    processes = [
        subprocess.Popen([sys.executable, "-c", command, str(path)], stdout=subprocess.PIPE)
        for _ in range(5)
    ]
    counted = [int(process.communicate(timeout=TIMEOUT_S)[0]) for process in processes]
    assert len(set(counted)) == 5
