"""A terminal, and mpremote, at the console of the board in CI while a node has it."""

import asyncio
import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest
import serial

from board.supervisor import Supervisor
from dsoftbus.const import HOST
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import provision, remote
from portable import TIMEOUT_S

SECRET = os.urandom(32)
SENTENCE = b"Ctrl-C twice gives the prompt, where Ctrl-D starts the node again\r\n\0"
PROMPT = b">>> "
KEYS = (b"\r", b"print(1)\r\n", b"\x01", b"\x02", b"\x04", b"\x03")
REPL_ENDS = b"\x1d"  # Ctrl-]


@pytest.fixture(scope="module")
def flash(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys") / "board"
    shutil.copytree(image, folder)
    return folder


@pytest.fixture(scope="module")
def running(flash):
    with Supervisor(flash, heap="1M") as supervisor:
        yield supervisor


@pytest.fixture
def board(running):
    """Its node runs, and has forgotten whom it answered before."""
    running.reset()
    running.wait_for(b"started")
    return running


def mpremote(board, *words: str) -> str:
    command = (sys.executable, "-m", "mpremote", "connect", board.port, *words)
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def press(board, *keys: bytes, apart_s: float = 0.0) -> None:
    with serial.Serial(board.port) as port:
        for key in keys:
            port.write(key)
            time.sleep(apart_s)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_answered_with_what_to_type(board, key):
    press(board, key)
    board.wait_for(SENTENCE)


def test_many_keys_have_one_answer(board):
    heard = bytearray()
    board.to_host = lambda data: heard.extend(data) or data
    press(board, *(b"\r",) * 8, b"\x03", b"\x03", apart_s=0.1)
    board.wait_for(PROMPT)
    board.to_host = bytes
    assert heard.count(SENTENCE) == 1


def test_two_ctrl_c_give_the_prompt_and_ctrl_d_the_node(board):
    press(board, b"\x03", b"\x03", apart_s=0.2)
    board.wait_for(b"KeyboardInterrupt")
    board.wait_for(PROMPT)
    starts = board.starts
    press(board, b"\x04")
    while board.starts == starts:
        time.sleep(0.01)
    board.wait_for(b"started")


def test_mpremote_finds_a_board_whose_node_has_the_console(board, tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    listed = mpremote(board, "cp", str(tmp_path / "note.txt"), ":note.txt", "+", "ls")
    assert "main.py" in listed and (board.folder / "note.txt").read_text() == "hello"


def test_the_repl_of_mpremote_gets_the_prompt(board):
    outer, inner = pty.openpty()
    command = (sys.executable, "-m", "mpremote", "connect", board.port, "repl")
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner) as repl:
        until(outer, b"exit this shell")
        until(outer, SENTENCE[:40], b"\r")
        until(outer, PROMPT, b"\x03")
        os.write(outer, REPL_ENDS)
        assert repl.wait(TIMEOUT_S) == 0
    os.close(outer)
    os.close(inner)


def until(terminal: int, text: bytes, key: bytes = b"") -> None:
    """Reads until `text` has come, and presses `key` as often as a person would till then."""
    seen = b""
    deadline = time.monotonic() + TIMEOUT_S
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if key:
            os.write(terminal, key)
        if select.select([terminal], [], [], 0.3)[0]:
            seen += os.read(terminal, 4096)


class Hasty(HOST):
    """Does not wait long for a node that is gone."""

    keepalive_ms = 500


class Keys:
    """Puts keys before all that comes on the line, as noise could."""

    def __init__(self) -> None:
        self.keys = b""

    def __call__(self, data: bytes) -> bytes:
        return self.keys + data


def once(keys: bytes):
    """Puts `keys` in place of all that comes: frames behind them would be typed into the REPL,
    and among their bytes there may be a Ctrl-D."""
    left = iter((keys,))
    return lambda data: next(left, b"")


def test_a_session_has_the_line_for_itself_until_eight_ctrl_c(board):
    heard = bytearray()
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(SECRET).public, "laptop").public
        there.start()

    async def talk() -> None:
        async with BareBus(SECRET, profile=Hasty) as bus:
            connection = await bus.open_serial(board.port).connect(public)
            async with connection, await connection.open("echo") as stream:
                board.to_host = lambda data: heard.extend(data) or data
                for board.to_board.keys in (
                    *KEYS,
                    b"\r\x03\r\x01",
                    b"\x03" * 7,
                    b"\0\x03\x03\x03",
                ):
                    await asyncio.sleep(0.05)
                    await stream.write(b"21.5")
                    assert await stream.readexactly(4) == b"21.5"
                assert SENTENCE not in heard and board.starts == starts
                board.to_board = once(b"\x03" * 8)
                await stream.write(b"21.5")
                await asyncio.to_thread(board.wait_for, b"KeyboardInterrupt")
                await asyncio.to_thread(board.wait_for, PROMPT)

    starts = board.starts
    board.to_board = Keys()
    board.to_host = bytes
    asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))
    board.to_board = board.to_host = bytes
