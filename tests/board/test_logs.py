"""`dsoftbus board logs` and `run`: what a board prints, without a word to it."""

import asyncio
import os

from board.supervisor import Supervisor
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import provision, raw_repl, remote
from dsoftbus_host.board.console_text import Lines

TICKING = """
import asyncio

async def main(bus):
    n = 0
    while True:
        print("tick", n)
        n += 1
        await asyncio.sleep_ms(100)
"""


def test_lines_are_told_from_frames_and_noise():
    lines = Lines()
    said = list(lines.feed(b"one\r\n\0\x03\xf2\x81\n\x07\0two \xc3"))
    assert said == ["one"]
    assert list(lines.feed(b"\xa4\nthr\0ee\n\0\0" + bytes(range(128, 256)) + b"\0")) == [
        "two \u00e4",
        "thr",
        "ee",
    ]
    assert not list(lines.feed(b"x" * 10**5))


def test_a_node_goes_on_while_its_logs_are_read(flash, command):
    (flash / "app.py").write_text(TICKING)
    with Supervisor(flash, heap="1M") as board:
        board.wait_for(b"tick 3")
        starts = board.starts
        said, status = command("logs", board.port, "--seconds", "2")
        assert status == 0 and "tick " in said and "tick 0\n" not in said
        assert board.starts == starts
        said, status = command("logs", board.port, "--seconds", "2", "--restart")
        assert status == 0 and "dsoftbus " in said and "tick " in said
        assert board.starts > starts


def test_a_port_that_is_busy_or_not_there(board, command):
    for words in (("logs",), ("run",), ("install", "--board", "unix")):
        said, status = command(words[0], "/dev/ttyNOT", *words[1:])
        assert status == 1 and "there is no such port" in said
    board.wait_for(b"dsoftbus ")

    async def busy():
        async with BareBus(os.urandom(32)) as bus:
            bus.open_serial(board.port)
            return [await asyncio.to_thread(command, word, board.port) for word in ("logs", "run")]

    for said, status in asyncio.run(busy()):
        assert status == 1 and "another program has it open" in said


def test_what_is_no_board(tmp_path, command, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPT_SECONDS", 0.3)
    monkeypatch.setattr(raw_repl, "READ_SECONDS", 0.1)
    outer, inner = os.openpty()
    try:
        said, status = command("run", os.ttyname(inner))
        assert status == 1 and "nothing there answers as a MicroPython board does" in said
    finally:
        os.close(outer)
        os.close(inner)


def test_a_board_without_a_program_has_not_started(bare, command):
    said, status = command("run", bare.port)
    assert status == 1 and "the node has not started" in said


def test_the_key_of_a_token_stays_where_it_is_made(board):
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(os.urandom(32)).public, "laptop").public
    secret = (board.folder / "dsoftbus.key").read_bytes()
    assert public not in secret and len(public) == 32
