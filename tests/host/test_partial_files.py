"""Remains of transfers that were cut off are cleared when they are stale, and nothing else: real
processes."""

import os
import signal
import subprocess
import sys

import pytest

from dsoftbus.errors import LocalError
from dsoftbus_host.storage import partial_files
from portable import PYTHON_PATH, TIMEOUT_S

WRITER = """
import sys
from pathlib import Path
from dsoftbus_host.storage.partial_files import arriving
with arriving(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writes", flush=True)
    sys.stdin.readline()
    file.write(b" and half")
"""


class Writer:
    """Another process that writes to `path`, until it is told to go on."""

    def __init__(self, path):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            env={**os.environ, "PYTHONPATH": PYTHON_PATH},
            **pipes,
        )
        assert self.process.stdout.readline() == "writes\n"

    def go_on(self):
        self.process.communicate("\n", timeout=TIMEOUT_S)
        return self.process.returncode

    def killed(self):
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode


def test_what_a_killed_process_left_is_cleared(tmp_path):
    for name in ("one", "two", "new\nline"):
        assert Writer(tmp_path / name).killed() == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 3
    partial_files.clear_stale(tmp_path, 0)
    assert os.listdir(tmp_path) == []


def test_what_another_process_writes_stays(tmp_path):
    writer = Writer(tmp_path / "one")
    partial_files.clear_stale(tmp_path, 0)
    with partial_files.arriving(tmp_path / "one") as file:
        file.write(b"of mine")
        partial_files.clear_stale(tmp_path, 0)  # one's own, too
    assert (tmp_path / "one").read_bytes() == b"of mine"
    assert writer.go_on() == 0
    assert (tmp_path / "one").read_bytes() == b"half and half"
    assert os.listdir(tmp_path) == ["one"]


def test_what_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), partial_files.arriving(tmp_path / "one"):
        raise KeyError
    assert os.listdir(tmp_path) == []


OTHERS = (
    "one",
    "one.part",
    ".one.part",
    ".one.0123456.part",
    ".one.012345678.part",
    ".one.0123456G.part",
    ".one.01234567.part~",
    "x.one.01234567.part",
    ".01234567.part",
)


def test_files_of_others_stay(tmp_path):
    for name in OTHERS:
        (tmp_path / name).write_bytes(b"kept")
    away = tmp_path / "away"
    away.write_bytes(b"kept")
    (tmp_path / ".link.01234567.part").symlink_to(away)
    (tmp_path / ".folder.01234567.part").mkdir()
    os.mkfifo(tmp_path / ".pipe.01234567.part")
    before = sorted(os.listdir(tmp_path))
    partial_files.clear_stale(tmp_path, 0)
    assert sorted(os.listdir(tmp_path)) == before
    assert away.read_bytes() == b"kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_a_file_of_another_user_stays(tmp_path):
    other = tmp_path / ".one.01234567.part"
    other.write_bytes(b"kept")
    os.chown(other, 12345, 12345)
    partial_files.clear_stale(tmp_path, 0)
    assert other.exists()


def test_a_folder_that_is_not_there_is_no_failure(tmp_path):
    partial_files.clear_stale(tmp_path / "absent", 0)


def test_a_file_that_is_cleared_before_it_has_its_lock_is_made_again(tmp_path, monkeypatch):
    cleared = []

    def try_lock(handle):
        if not cleared:  # the other process is quicker
            cleared.extend(os.listdir(tmp_path))
            (tmp_path / cleared[0]).unlink()
        return True

    monkeypatch.setattr(partial_files, "try_lock", try_lock)
    with partial_files.arriving(tmp_path / "one") as file:
        file.write(b"whole")
    assert (tmp_path / "one").read_bytes() == b"whole"
    assert len(cleared) == 1


def test_a_file_that_is_about_to_be_cleared_is_not_written_to(tmp_path, monkeypatch):
    answers = [False, True]
    monkeypatch.setattr(partial_files, "try_lock", lambda handle: answers.pop(0))
    with partial_files.arriving(tmp_path / "one") as file:
        file.write(b"whole")
    assert (tmp_path / "one").read_bytes() == b"whole"
    assert answers == []


def test_a_file_system_without_locks_takes_files_and_nothing_is_cleared_there(
    tmp_path, monkeypatch
):
    def try_lock(handle):
        raise OSError(95, "not supported")

    monkeypatch.setattr(partial_files, "try_lock", try_lock)
    left = tmp_path / ".one.01234567.part"
    left.write_bytes(b"half")
    with partial_files.arriving(tmp_path / "one") as file:
        file.write(b"whole")
    partial_files.clear_stale(tmp_path, 0)
    assert sorted(os.listdir(tmp_path)) == [left.name, "one"]


# A peer's partial file

STEPS = ("fsync", "link", "unlink", "replace", "close", "open", "ftruncate")


def stored_until(path, step: int, replace: bool) -> int:
    """Stores b"whole" at `path` in a process that ends at so many calls of the system; returns its
    status: 9 where it came to that."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [step]

    def ending(call):
        def called(*arguments, **more):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return call(*arguments, **more)

        return called

    for name in STEPS:
        setattr(os, name, ending(getattr(os, name)))
    part = partial_files.PartFile(path, "abcdefgh")
    part.cut(0)
    part.write(b"whole")
    part.store(replace)
    os._exit(0)


@pytest.mark.parametrize("replace", [False, True])
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_and_the_next_goes_through(
    tmp_path, replace
):
    """The kill leaves no hindrance, and no second name of the file is written to."""
    path = tmp_path / "file"
    old = b"old" if replace else None
    for step in range(20):
        path.unlink(missing_ok=True)
        if replace:
            path.write_bytes(b"old")
        status = stored_until(path, step, replace)
        assert (path.read_bytes() if path.exists() else None) in (old, b"whole")
        if not replace and path.exists():
            again = partial_files.PartFile(path, "abcdefgh")
            again.cut(0)
            again.write(b"other")
            with pytest.raises(LocalError):
                again.store(False)
            again.remove()
            assert path.read_bytes() == b"whole"
        assert stored_until(path, 100, True) == 0
        assert (os.listdir(tmp_path), path.read_bytes()) == (["file"], b"whole")
        if status == 0:
            break
    assert 3 < step < 19
