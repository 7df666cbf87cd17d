"""Measures the memory of each board's node as `board install` puts it there, for
boards/NAME/memory.json.

The installed files run on MicroPython's 32-bit port, with the board's profile, its default
config.json and a trusted peer, a host as this project's, at the other end of the console. That
port runs no machine code: the memory of the portable crypto is taken off, and the size of the
board's kernels put in its place.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dsoftbus.base.key_file import encode_secret
from dsoftbus.const import ANYONE, EV_ACCEPTED, EV_READABLE, EV_WRITABLE, HOST, KEY_BYTES
from dsoftbus.crypto.suite import Suite
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.line.line_link import LineLink
from dsoftbus.node import Node
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import crypto
from dsoftbus_host.board import install
from dsoftbus_host.board.make import compiler, slices
from dsoftbus_host.board.make.boards import PROFILE, Board, every
from memory_port import HERE, ROOT, Port, port

STEP_MS = 20
SETTLED = 50  # steps in which everything that is due has come
STEPS_MAX = 4000
MESSAGE = b"21.5" * 50
BULK_BYTES = 16384
CHUNK = 1024
FIGURES = ("idle", "session", "handshake", "transfer")
PLACES = ("heap", "rom")  # where the code is
PAGE = ROOT / "docs" / "boards.md"
MARK = "<!-- written by make memory -->\n"
TABLE = """\
| board | idle | session | handshake | transfer | ROM: idle | session | handshake | transfer |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""
Held = dict[str, int]


class Peer:
    """The host at the other end: it opens `echo`, writes what it is to, and reads when it may."""

    def __init__(self, secret: bytes) -> None:
        suite: Suite = crypto.suite(1)
        random = _Counted()
        self.node = Node({1: suite}, suite.keypair(secret), random, HOST, "host", allowed=ANYONE)
        self._line = LineLink(self, 1, HOST)
        self._endpoint = self.node.endpoint(self._line.mtu, True)
        self._pump = DatagramPump(self._endpoint, self._line, self._on_event)
        self._in = self._out = b""
        self.session: Any = None
        self.stream: Any = None
        self.to_write = self.read = 0
        self.reads = True

    def connect(self, public: bytes, now: int) -> None:
        self.session = self._endpoint.connect(NEIGHBOUR, public, now)

    def turn(self, data: bytes, now: int) -> bytes:
        """Returns the bytes that it sends after it has heard `data`."""
        self._in += data
        self._line.now = now
        while self._pump.read(now):
            pass
        self._line.handle_timer(now)
        self._endpoint.handle_timer(now)
        self._move()
        self._line.turn(self._pump, now)
        said, self._out = self._out, b""
        return said

    def _on_event(self, session: Any, event: Any) -> None:
        if event.kind in (EV_ACCEPTED, EV_READABLE, EV_WRITABLE):
            self._move()

    def _move(self) -> None:
        if self.stream is None:
            return
        while self.to_write:
            n = self.stream.send(bytes(min(self.to_write, CHUNK)))
            self.to_write -= n
            if not n:
                break
        while self.reads and (data := self.stream.recv(CHUNK)):
            self.read += len(data)

    # Its byte port

    def readinto(self, view: memoryview) -> int | None:
        n = min(len(view), len(self._in))
        view[:n] = self._in[:n]
        self._in = self._in[n:]
        return n or None

    def write(self, buffer: bytearray, at: int, stop: int) -> int:
        self._out += buffer[at:stop]
        return stop - at

    def close(self) -> None:
        pass


class _Counted:
    """Bytes that differ from draw to draw, and are the same in each run."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self, n: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(KEY_BYTES, "little")[:n]


class Run:
    """A board that runs its node, and its peer, turn by turn, in virtual time."""

    def __init__(self, board: Board, opened: Port) -> None:
        self.peer = Peer(bytes([1]) * KEY_BYTES)
        self.public: bytes = crypto.suite(1).keypair(bytes([2]) * KEY_BYTES).public
        self._port = opened
        self._now = 0
        self._said = b""
        self.board = board
        prepare = f"BOARD = {_machine(board)!r}\n{(HERE / 'board.py').read_text()}"
        self.base: int = opened.run(prepare, files=flash(board, self.peer)).held

    def start(self) -> int:
        """Starts the node; the heap in use when it is idle."""
        self._port.run(_main(self.board))
        return self.turns(SETTLED)[-1]

    def turns(self, n: int) -> list[int]:
        """The heap in use after each of `n` turns."""
        return [self.turn() for _ in range(n)]

    def turn(self) -> int:
        self._now += STEP_MS
        heard = self.peer.turn(self._said, self._now)
        done = self._port.run(f"console.feed({heard!r})\nturn()", self._now)
        self._said = bytes.fromhex(done.said or "")
        return done.held - self.base

    def until(self, done: Callable[[], bool]) -> list[int]:
        """The same until `done()`. Raises RuntimeError where that does not come."""
        held = []
        for _ in range(STEPS_MAX):
            held.append(self.turn())
            if done():
                return held
        raise RuntimeError(f"{self.board.name} does not answer:\n{self._port.printed()}")

    def figures(self) -> Held:
        """Bytes of heap in use beyond what a bare board has, with the portable crypto."""
        idle = self.start()
        handshake = self.connect()
        session = self.talk()
        full = self.fill()
        self.peer.reads = True
        rest = self.until(lambda: self.peer.read == BULK_BYTES)
        return {
            "idle": idle,
            "session": session,
            "handshake": max(handshake),
            "transfer": max(full + rest),
        }

    def connect(self) -> list[int]:
        """A session begins."""
        self.peer.connect(self.public, self._now)
        return self.until(lambda: not self.peer.session.half_open)

    def talk(self) -> int:
        """A stream is opened, and a message goes there and back."""
        peer = self.peer
        peer.stream = peer.session.open("echo")
        peer.to_write = len(MESSAGE)
        self.until(lambda: peer.read == len(MESSAGE))
        return self.turns(SETTLED)[-1]

    def fill(self) -> list[int]:
        """Many bytes go there, and the peer reads none of them, so that all buffers fill."""
        self.peer.to_write, self.peer.read, self.peer.reads = BULK_BYTES, 0, False
        return self.turns(SETTLED)


def _machine(board: Board) -> tuple[str, str, bool, bool]:
    sockets = "wifi" in board.links or "network" in board.links
    return *board.machine, sockets, not _is_least(board)


def _is_least(board: Board) -> bool:
    return "cable" in board.slices


def _main(board: Board) -> str:
    """Returns the program that starts the node; the least node's loop is left when `app.py` has
    it."""
    main = board.main.decode()
    if _is_least(board):
        lines = "".join(f"    {line}\n" for line in main.splitlines())
        return f"try:\n{lines}except Paused:\n    pass\n"
    return f"take_over()\n{main}"


def flash(board: Board, peer: Peer) -> dict[str, bytes]:
    """Returns the files beside the board's code, as `board token` leaves them."""
    store = TrustStore(HOST)
    store.add(Entry(peer.node.public, "host", [grant("allow both *")], 1767225600))
    return {
        "/config.json": board.config,
        "/trust.json": "".join(store.lines()).encode(),
        "/dsoftbus.allowed": peer.node.public,
        "/dsoftbus.key": encode_secret(bytes([2]) * KEY_BYTES),
    }


def installed(board: Board, rom: bool) -> dict[str, bytes]:
    """The files that `board install`, or `board romfs`, puts there."""
    files = install.files_for(board, board.architecture)
    if rom:
        source = files.pop(f"lib/{PROFILE}.py").decode()
        files[f"lib/{PROFILE}.mpy"] = compiler.compiled(source, PROFILE)
    return files


def measured(board: Board, rom: bool) -> Held:
    """The four figures, with the kernels of this board."""
    with port(installed(board, rom), rom) as opened:
        found = Run(board, opened).figures()
    portable, exchange = twins(rom)
    more = kernels(board) - portable
    found = {name: held + more for name, held in found.items()}
    found["handshake"] -= exchange
    return found


def kernels(board: Board) -> int:
    """Bytes of the board's machine code, which is in RAM wherever it comes from."""
    names = slices.closure(slices.made_for(board.architecture, board.slices))
    files = dict(compiler.files(board.slices, board.architecture))
    return sum(len(files[f"{compiler.unit(n)}.mpy"]) for n in names if n in slices.MACHINE_CODE)


def both(board: Board) -> dict[str, Held]:
    """The figures with the code in the heap and in ROM, as `memory.json` has them."""
    return {place: measured(board, place == "rom") for place in PLACES}


@functools.cache
def twins(rom: bool) -> tuple[int, int]:
    """Bytes of heap that the portable twins of the kernels hold: always, and in a handshake."""
    files = {f"lib/{path}": data for path, data in compiler.files(("portable",), "")}
    with port(files, rom) as opened:
        held = [
            opened.run(f"import dsoftbus_{name}").held for name in ("core", "portable", "x25519")
        ]
    return held[1] - held[0], held[2] - held[1]


# The page and the files


def page(text: str) -> str:
    """docs/boards.md with its table as the files have it."""
    begin, end = text.index(MARK) + len(MARK), text.rindex(MARK)
    rows = "".join(map(_row, every().values()))
    return text[:begin] + TABLE + rows + text[end:]


def _row(board: Board) -> str:
    found = json.loads(board.memory.read_text())
    cells = (found[place][name] for place in PLACES for name in FIGURES)
    return f"| `{board.name}` | {' | '.join(map(str, cells))} |\n"


def main() -> None:
    """Measures every board, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        for board, found in zip(every().values(), pool.map(both, every().values()), strict=True):
            board.memory.write_text(json.dumps(found, indent=2) + "\n")
    PAGE.write_text(page(PAGE.read_text()))
    print(f"wrote boards/*/memory.json, and their table in {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
