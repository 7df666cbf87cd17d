"""The board in CI behaves as a board does to mpremote, and to whoever opens its port."""

import contextlib
import subprocess
import sys
import time

import pytest
import serial

from board.supervisor import Supervisor
from portable import TIMEOUT_S


@pytest.fixture
def board(tmp_path):
    (tmp_path / "board").mkdir()
    with Supervisor(tmp_path / "board") as supervisor:
        yield supervisor


PROMPT = b">>> "
WAIT_S = 60  # ends what hangs


def mpremote(board, *words: str) -> str:
    command = (sys.executable, "-m", "mpremote", "connect", board.port, *words)
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_until(port: serial.Serial, text: bytes) -> bytes:
    seen = b""
    end = time.monotonic() + WAIT_S
    while text not in seen:
        assert time.monotonic() < end, seen
        seen += port.read(port.in_waiting or 1)
    return seen


@contextlib.contextmanager
def at_prompt(board):
    """The board's port. Opening it drops what the board has said before."""
    board.wait_for(PROMPT)
    with serial.Serial(board.port, timeout=0.1) as port:
        port.write(b"\r")
        read_until(port, PROMPT)
        yield port


def test_mpremote_runs_programs_and_copies_files(board, tmp_path):
    assert mpremote(board, "resume", "exec", "import sys; print(sys.platform)") == "linux\n"
    (tmp_path / "file").write_text("contents")
    mpremote(board, "resume", "mkdir", ":lib", "+", "fs", "cp", str(tmp_path / "file"), ":lib/it")
    assert (board.folder / "lib/it").read_text() == "contents"
    assert mpremote(board, "resume", "fs", "cat", ":lib/it") == "contents"


def test_a_soft_reset_keeps_files_and_nothing_else(board):
    mpremote(board, "resume", "exec", "x = 1; open('kept', 'w').write('yes')")
    starts = board.starts
    assert mpremote(board, "exec", "print('x' in globals(), open('kept').read())") == "False yes\n"
    assert board.starts == starts + 1


def test_main_runs_at_every_start_but_one_into_the_raw_repl(board):
    (board.folder / "boot.py").write_text("print('booting')\n")
    (board.folder / "main.py").write_text("print('main runs')\n")
    with at_prompt(board) as port:
        port.write(b"\x04")
        seen = read_until(port, PROMPT)
        assert b"soft reboot\r\nbooting" in seen and b"main runs" in seen
        port.write(b"\x01")
        read_until(port, b"raw REPL; CTRL-B to exit\r\n>")
        port.write(b"\x04")
        seen = read_until(port, b"raw REPL; CTRL-B to exit\r\n>")
        assert b"booting" in seen and b"main runs" not in seen


def test_ctrl_c_interrupts_a_program_unless_it_owns_the_line(board):
    with at_prompt(board) as port:
        port.write(b"exec('print(0xBE); \\nwhile True: pass')\r")
        read_until(port, b"190")  # the REPL gives Ctrl-C its meaning as it starts the program
        port.write(b"\x03")
        read_until(port, b"KeyboardInterrupt")


def test_a_power_cut_ends_the_program_and_keeps_the_files(board):
    mpremote(board, "resume", "exec", "open('kept', 'w').write('yes')")
    starts = board.starts
    board.reset()
    assert mpremote(board, "resume", "exec", "print(open('kept').read())") == "yes\n"
    assert board.starts == starts + 1
