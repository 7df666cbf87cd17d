"""Files for a board, over its raw REPL: of all lengths, and for one that cannot unpack them."""

import itertools
import os

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.board import remote
from dsoftbus_host.board.eager_port import EagerPort
from dsoftbus_host.board.raw_repl import PIECE

NO_DEFLATE = "import sys\nsys.modules['deflate'] = sys\n"
LENGTHS = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE)


@pytest.mark.parametrize(
    ("boot", "piece"), [("", PIECE), (NO_DEFLATE, 256)], ids=["deflated", "as text"]
)
def test_files_of_all_lengths_arrive(tmp_path, boot, piece):
    (tmp_path / "boot.py").write_text(boot)
    sent = {f"{n}.bin": os.urandom(n // 2) + bytes(n - n // 2) for n in LENGTHS}
    with Supervisor(tmp_path) as board, remote.connected(board.port) as there:
        for name, data in sent.items():
            told = [0]
            there.write(name, data, told.append)
            assert told[-1] == len(data)
            steps = [after - before for before, after in itertools.pairwise(told)]
            assert set(steps[:-1]) <= {piece} and min(steps, default=0) >= 0
        assert {name: (tmp_path / name).read_bytes() for name in sent} == sent


class Pieces:
    """A port at which these pieces come, one at a time."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    @property
    def in_waiting(self) -> int:
        return len(self._pieces[0]) if self._pieces else 0

    def read(self, size: int) -> bytes:
        return self._pieces.pop(0)[:size] if self._pieces else b""


def test_a_port_gives_what_has_come_as_far_as_it_was_asked_for():
    port = EagerPort(Pieces(b"one>two>", b"three", b"four>"))
    assert port.read_through(b">") == b"one>" and port.in_waiting == 4
    assert port.read(2) == b"tw" and port.read_through(b">") == b"o>"
    assert port.read_through(b">") == b"three" and port.read_through(b">") == b"four>"
    assert port.read_through(b">") == b"" and port.read(1) == b""
