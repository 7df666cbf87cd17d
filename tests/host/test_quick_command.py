"""A command that is a fork of a waiting process does what one that Python starts does."""

import os
import pty
import signal
import subprocess
import sys

import pytest

import command
from command import quick_command
from dsoftbus_host.key_file import load_or_make
from portable import TIMEOUT_S

SLOW = (sys.executable, "-m", "dsoftbus_host.cli.command")
CASES = (
    (("--version",), {}),
    (("--help",), {"COLUMNS": "60"}),
    (("no such command",), {}),
    (("id", "--key", "key"), {"COLUMNS": "20"}),
    (("id", "--key", "."), {}),
    (("id", "--key", "key"), {"PYTHONUNBUFFERED": ""}),
    (("peers", "--trust", "no such folder/trust"), {"NO_COLOR": "1"}),
)


def outcome(start, words, folder, **more: str) -> tuple:
    done = subprocess.run(
        [*start, *words],
        cwd=folder,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("words", "more"), CASES, ids=str)
def test_it_says_the_same_and_ends_alike(tmp_path, words, more):
    load_or_make(tmp_path / "key")
    quick = outcome(quick_command(), words, tmp_path, **more)
    assert quick == outcome(SLOW, words, tmp_path, **more)


@pytest.mark.parametrize("start", [SLOW, None], ids=["slow", "quick"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_alike(tmp_path, start, number):
    where = ("--host", "127.0.0.1", "--port", "0")
    words = ("serve", *where, "--anyone", "--key", "key", "--dir", ".")
    (tmp_path / "served").mkdir()
    process = subprocess.Popen(
        [*(start or quick_command()), *words[:-1], "served"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert b"serves" in process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + number


def test_it_has_the_terminal_that_it_was_given(tmp_path):
    said = []
    for start in (SLOW, quick_command()):
        master, slave = pty.openpty()
        words = (*start, "id", "--key", "key")
        with subprocess.Popen(words, cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave):
            os.close(slave)
        said.append(os.read(master, 65536))
        os.close(master)
    assert said[0] == said[1] and b"key" in said[0]


def test_it_is_gone_with_its_client(tmp_path):
    """Its end of the pipe closes only when nobody holds it any more."""
    where = ("--host", "127.0.0.1", "--port", "0")
    words = ("serve", *where, "--anyone", "--key", "key", "--dir", "served")
    (tmp_path / "served").mkdir()
    with subprocess.Popen([*quick_command(), *words], cwd=tmp_path, stdout=subprocess.PIPE) as it:
        assert b"serves" in it.stdout.readline()
        it.kill()
        it.stdout.read()


@pytest.mark.parametrize(
    "left",
    [
        "socket.socket()",
        "open(0, closefd=False), open(__file__)",
        "asyncio.new_event_loop()",
        "asyncio.Task(asyncio.sleep(9), loop=asyncio.new_event_loop())",
    ],
)
def test_what_it_leaves_open_is_said(left):
    """Though a module still holds it at the end."""
    program = f"import asyncio, command, socket, sys; command.left = {left}; command.leave(3)"
    program = f"__file__ = {command.__file__!r}; {program}"
    words = (sys.executable, "-c", program)
    paths = {**os.environ, "PYTHONPATH": os.path.dirname(command.__file__)}
    done = subprocess.run(words, env=paths, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 3
    assert "ResourceWarning" in done.stderr


def test_streams_that_cannot_be_written_are_python_s_to_say(tmp_path):
    load_or_make(tmp_path / "key")
    said = []
    for start in (SLOW, quick_command()):
        with open("/dev/full", "w") as full:
            words = (*start, "id", "--key", "key")
            done = subprocess.run(
                words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT_S
            )
        said.append((done.returncode, done.stderr))
    assert said[0] == said[1]
    assert said[0][0] != 0
