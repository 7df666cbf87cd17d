"""The ends of commands, and of things around them: signals, readers, letters, hints."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from command import quick_command
from commands import Serving, clean, environment, make_file, run
from portable import TIMEOUT_S

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
BIG = 1 << 29
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def start(*words: object, env=None, **streams) -> subprocess.Popen:
    command = [*quick_command("error"), *map(str, words)]
    return subprocess.Popen(command, env=env or environment(), **{**PIPES, **streams})


class Fetching:
    """A file of half a GiB, from `serving`, of which something has come."""

    def __init__(self, serving: Serving, folder, key: tuple) -> None:
        with (serving.folder / "big").open("wb") as file:
            file.truncate(BIG)
        self.process = start("fetch", "big", serving.address, "--dir", folder, "--wait", 0, *key)
        while not list(folder.glob(".big.*")):
            assert self.process.poll() is None

    def end(self, number: int | None = None) -> tuple:
        """(exit status, complaints)"""
        if number is not None:
            self.process.send_signal(number)
        out, complaints = self.process.communicate(timeout=TIMEOUT_S)
        clean(complaints)
        assert out == ""
        return self.process.returncode, complaints


# Signals

PLAIN = (sys.executable, "-W", "error", "-m", "dsoftbus_host.cli.command")


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_ends_a_node_and_its_peers_hear_of_it(tmp_path, key, number):
    with Serving(tmp_path / "served", "--anyone") as serving:
        fetching = Fetching(serving, tmp_path, key)
        pinging = start("ping", "--count", 1000, "--interval", 0.2, serving.address, *key)
        while not pinging.stdout.readline().startswith("1: "):
            assert pinging.poll() is None
        serving.process.send_signal(number)
        _, complaints = serving.process.communicate(timeout=TIMEOUT_S)
        assert (serving.process.returncode, complaints) == (STATUS[number], "")
        status, _ = fetching.end()  # it may have more to read than the last words wait for
        _, said = pinging.communicate(timeout=TIMEOUT_S)
    assert status == pinging.returncode == 1
    assert "session.end.peer" in said
    assert not (tmp_path / "big").exists()


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_ends_a_command_which_leaves_no_half_and_troubles_nobody(tmp_path, key, number):
    with Serving(tmp_path / "served", "--anyone") as serving:
        status, _ = Fetching(serving, tmp_path, key).end(number)
        assert status == STATUS[number]
        assert not (tmp_path / "big").exists()
        assert serving.interrupt()[2] == ""  # a peer that says goodbye is no warning


def test_nohup_holds(tmp_path, key):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Serving(tmp_path / "served", "--anyone", by=PLAIN) as serving:
            serving.process.send_signal(signal.SIGHUP)
            file = make_file(tmp_path / "file", 10)
            assert run("send", file, serving.address, *key).returncode == 0
            assert serving.interrupt()[0] == 130
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_signals_at_once_do_not_cut_the_end_short(tmp_path):
    """It sends them as systemd may. Python takes either of two that wait first."""
    with Serving(tmp_path / "served", "--anyone") as serving:
        for number in (signal.SIGTERM, signal.SIGHUP):
            serving.process.send_signal(number)
        _, complaints = serving.process.communicate(timeout=TIMEOUT_S)
    assert serving.process.returncode in (129, 143)
    assert complaints == ""


def test_what_a_killed_node_left_goes_on_and_is_cleared_when_it_is_stale(tmp_path, key):
    served = tmp_path / "served"
    with Serving(served, "--anyone", by=PLAIN) as serving:
        big = tmp_path / "big"
        with big.open("wb") as file:
            file.truncate(BIG)
        sending = start("send", big, serving.address, "--wait", 0, *key)
        while not list(served.glob(".big.*")):
            assert sending.poll() is None
        serving.process.kill()
        sending.communicate(timeout=TIMEOUT_S)
    [part] = served.iterdir()
    (served / ".others.part").write_bytes(b"kept")
    for age_days, left in ((6, [part.name, ".others.part"]), (8, [".others.part"])):
        os.utime(part, (time.time() - age_days * 86400,) * 2)
        with Serving(served, "--anyone"):
            assert sorted(os.listdir(served)) == sorted(left)


# Readers


def test_a_reader_that_goes_away_harms_no_session(tmp_path, key):
    with Serving(tmp_path / "served", "--anyone", by=PLAIN) as serving:
        serving.process.stdout.close()
        for n in range(3):
            file = make_file(tmp_path / f"file{n}", 10)
            assert run("send", file, serving.address, *key).returncode == 0
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.stderr.read() == ""
        assert serving.process.wait(TIMEOUT_S) == 143


def test_nobody_reads_what_a_short_command_says(tmp_path, key):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PLAIN, "id", *map(str, key)],
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_disk_that_is_full_is_a_failure(key):
    with open("/dev/full", "wb") as full:
        process = start("id", *key, stdout=full)
        assert "No space left" in process.communicate(timeout=TIMEOUT_S)[1]
    assert process.returncode != 0


def test_a_terminal_that_is_closed_ends_a_node_in_order(tmp_path, key):
    """Its output fails then, and SIGHUP comes: the peer hears a goodbye all the same."""
    served = tmp_path / "served"
    served.mkdir()
    master, slave = os.openpty()
    words = ("serve", "--anyone", "--host", "127.0.0.1", "--port", 0, "--dir", served)
    words = (*words, "--key", tmp_path / "served.key")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            LEADER,
            *PLAIN,
            *map(str, (*words, "--key", tmp_path / "served.key")),
        ],
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    while b"@127" not in said or not said.endswith(b"\n"):
        said += os.read(master, 1000)
    serving = Place(served, said.split()[-1].decode())
    fetching = Fetching(serving, tmp_path, key)
    os.close(master)
    _, complaints = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, complaints) == (129, b"")
    status, said = fetching.end()
    assert status == 1
    assert "session.end.peer" in said


LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal is this session's
os.execv(sys.argv[1], sys.argv[1:])
"""


class Place(NamedTuple):
    folder: Path
    address: str


# Letters


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_terminal_that_lacks_a_letter_shows_another(tmp_path, key, encoding):
    name = "\u043fr\xfcf\u2713"
    with Serving(tmp_path / "served", "--anyone") as serving:
        file = make_file(tmp_path / name, 10)
        done = subprocess.run(
            [*PLAIN, "send", str(file), serving.address, *map(str, key)],
            env=environment(PYTHONIOENCODING=encoding),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    expected = name.encode(encoding, "replace")
    assert done.stdout.startswith(b"stored " + expected + b", SHA-256 ")


# Hints


def test_hints_that_cannot_be_written_are_no_failure(tmp_path):
    """Folders lie where they would be."""
    own = ("--key", tmp_path / "own.key", "--trust", tmp_path / "own.trust")
    for name in ("own.key.starts", "own.trust.places", "own.trust.names"):
        (tmp_path / name).mkdir()
    looks = ("--interface", "127.0.0.1/8", "--discovery-port", 1)
    with Serving(tmp_path / "served", *own[2:], *looks) as serving:
        assert serving.interrupt()[::2] == (130, "")
    done = run("discover", *own, *looks, "--seconds", 0)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_user_without_a_home_is_told_what_to_give(tmp_path, key):
    home = {name: value for name, value in environment().items() if not name.startswith("XDG_")}
    home.pop("HOME", None)
    # An id that no user has: there is no home to look up either.
    words = [*HOMELESS, "id"]
    done = subprocess.run(words, env=home, capture_output=True, text=True, check=False)
    clean(done.stderr)
    assert done.returncode == 2
    assert "set HOME or XDG_CONFIG_HOME, or give --key" in done.stderr
    served = tmp_path / "served"
    served.mkdir()
    trust = ("--trust", tmp_path / "trust")
    loopback = ("--host", "127.0.0.1", "--interface", "127.0.0.1/8")
    words = ("serve", "--port", 0, "--dir", served, *key, *trust, *loopback)
    words = [*HOMELESS, *map(str, (*words, "--discovery-port", 1))]
    with subprocess.Popen(words, env=home, **PIPES) as process:
        assert process.stdout.readline().split()[1] == "serves"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=TIMEOUT_S)[1] == ""
    assert process.returncode == 143


HOMELESS = (
    sys.executable,
    "-c",
    "import pwd, sys\n"
    "def getpwuid(uid): raise KeyError(uid)\n"
    "pwd.getpwuid = getpwuid\n"
    "from dsoftbus_host.cli import main\n"
    "main()",
)
