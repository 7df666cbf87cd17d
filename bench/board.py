"""`make bench-board`: what one echoed message costs a board, in instructions.

A node runs on MicroPython's unix port under callgrind, and a host sends it messages of 10 bytes
that come back, over each kind of link. Callgrind is told when to count (`vgdb`): the start of the
node and of the session costs no time of it. Instructions in user space of x86-64, not a board's:
their ratios are what carries over. Machine code is the crypto kernels, all else is the interpreter
and what it runs.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import click
import table
from stopwatch import report

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from dsoftbus_aio.connection import Connection  # noqa: E402
from dsoftbus_aio.stream import BusStream  # noqa: E402
from dsoftbus_host.bare_bus import BareBus  # noqa: E402
from portable import micropython  # noqa: E402 - after the path

OUTPUT = Path("build/bench/board.json")
WARM = 10  # messages before the first that counts
MESSAGE = b"0123456789"
SECRET = bytes(range(1, 33))
BOARD = bytes(range(32))
START_S = 120  # under callgrind, on a busy machine
TOOL = ("valgrind", "--tool=callgrind", "-q", "--instr-atstart=no")
HEAD = f"""
import asyncio, sys
sys.path[:0] = ["{ROOT}/core", "{ROOT}/micropython"]
"""
NETWORK = (
    HEAD
    + """
from dsoftbus_aio import echo
from dsoftbus_mpy.bare_bus import ANYONE, BareBus

async def main():
    bus = BareBus(bytes(range(32)), "board", allow=ANYONE)
    echo.serve_echo(bus)
    print("port", await bus.listen("127.0.0.1", 0, "LINK"))
    await asyncio.Event().wait()

asyncio.run(main())
"""
)
SERIAL = (
    HEAD
    + """
from dsoftbus_aio import echo
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.console_port import ConsolePort

async def main():
    bus = BareBus(bytes(range(32)), "board", allow=ANYONE)
    echo.serve_echo(bus)
    bus.open_serial(ConsolePort())
    print("ready")
    await asyncio.Event().wait()

asyncio.run(main())
"""
)
LOOP = (
    HEAD
    + """
from dsoftbus.const import EV_OPENED, EV_READABLE
from dsoftbus_mpy import node
from dsoftbus_mpy.console_port import ConsolePort
from dsoftbus_mpy.loop_serial import SerialLoop

def on_event(session, event):
    stream = event.stream
    if event.kind == EV_OPENED:
        stream.accept()
    elif event.kind == EV_READABLE:
        stream.send(stream.recv(256))

loop = SerialLoop(node.minimal(bytes(range(32)), ALLOWED, "board"), ConsolePort(), on_event)
print("ready")
while True:
    loop.run_once(1000)
"""
)
LINKS = {
    "TCP, Bus": NETWORK.replace("LINK", "tcp"),
    "UDP, Bus": NETWORK.replace("LINK", "udp"),
    "cable, Bus": SERIAL,
    "cable, SerialLoop": LOOP,
}


class Board:
    """A node under callgrind, which counts when told; its console is a pseudo-terminal."""

    def __init__(self, program: str, folder: Path) -> None:
        self._costs = folder / "costs"
        self._dumps = 0
        script = folder / "board.py"
        script.write_text(program.replace("ALLOWED", repr([BareBus(SECRET).public])))
        self.outer, console = pty.openpty()
        tty.setraw(console)
        tool = (*TOOL, f"--callgrind-out-file={self._costs}")
        pipes = {"stdin": console, "stdout": console, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen((*tool, *micropython(), str(script)), **pipes)
        self._ends = [self.outer, console]
        self._carrier: threading.Thread | None = None

    def said(self, pattern: bytes) -> re.Match[bytes]:
        """Waits until the node has printed that."""
        seen = b""
        while True:
            seen += os.read(self.outer, 4096)
            found = re.search(pattern, seen)
            if found:
                return found

    def cable(self) -> str:
        """The path of a serial port that leads to the console from now on."""
        inner, port = pty.openpty()
        tty.setraw(port)
        self._ends += [inner, port]
        ways = {inner: self.outer, self.outer: inner}
        self._carrier = threading.Thread(target=_carry, args=(ways, self._process))
        self._carrier.start()
        return os.ttyname(port)

    async def count(self, on: bool) -> None:
        """Has callgrind count from now on, or no longer."""
        await self._tell("instrumentation", "on" if on else "off")

    async def cost(self) -> tuple[int, int]:
        """Instructions that were counted since it was last asked: (all but machine code, machine
        code)."""
        await self._tell("dump")
        self._dumps += 1
        machine = others = 0
        for name, cost in _self_costs(Path(f"{self._costs}.{self._dumps}")):
            if name == "???":  # code that no file holds: the emitters made it
                machine += cost
            else:
                others += cost
        return others, machine

    async def _tell(self, *words: str) -> None:
        command = ("vgdb", f"--pid={self._process.pid}", *words)
        done = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        if await done.wait():
            raise RuntimeError(f"{' '.join(command)} has failed")

    def end(self) -> None:
        """Ends the node."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        if self._carrier is not None:
            self._carrier.join()
        for fd in self._ends:
            os.close(fd)


def _carry(ways: dict[int, int], process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        for fd in select.select(list(ways), (), (), 0.1)[0]:
            data = os.read(fd, 4096)
            while data:
                data = data[os.write(ways[fd], data) :]


def _self_costs(path: Path) -> Iterator[tuple[str, int]]:
    """(object, instructions) of each line of callgrind's output, without calls' own."""
    names: dict[str, str] = {}
    name = ""
    called = False
    for line in path.read_text().splitlines():
        if line.startswith(("ob=", "cob=")):
            key, _, rest = line.partition("=")[2].partition(" ")
            names.setdefault(key, rest)
            if line.startswith("ob="):
                name = names[key]
        elif line.startswith("calls="):
            called = True
        elif line[:1] in "+-*0123456789" and line:
            if not called:
                yield name, int(line.split()[1])
            called = False


async def _echo(board: Board, connection: Connection, count: int) -> tuple[int, int]:
    async with await connection.open("echo") as stream:
        await _messages(stream, WARM)
        await board.count(True)
        await _messages(stream, count)
        await board.count(False)
        return await board.cost()


async def _messages(stream: BusStream, count: int) -> None:
    for _ in range(count):
        await stream.write(MESSAGE)
        if await stream.readexactly(len(MESSAGE)) != MESSAGE:
            raise ValueError("another message came back")


async def _talk(board: Board, link: str, count: int) -> tuple[int, int]:
    async with BareBus(SECRET) as bus:
        public = BareBus(BOARD).public
        if link.startswith("cable"):
            board.said(b"ready")
            connection = await bus.open_serial(board.cable()).connect(public, START_S * 1000)
        else:
            port = int(board.said(rb"port (\d+)")[1])
            kind = link[:3].lower()
            connection = await bus.connect("127.0.0.1", port, public, link=kind)
        async with connection:
            return await _echo(board, connection, count)


def _measured(link: str, count: int) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        board = Board(LINKS[link], Path(folder))
        try:
            return asyncio.run(asyncio.wait_for(_talk(board, link, count), START_S))
        finally:
            board.end()


@click.command()
@click.option("--messages", default=100, show_default=True, help="Messages that count.")
@click.option(
    *("--link", "links"),
    type=click.Choice(list(LINKS)),
    multiple=True,
    default=LINKS,
    help="Only over this one; may be given more than once.",
)
def main(messages: int, links: tuple[str, ...]) -> None:
    """Counts what one echoed message of 10 bytes costs a node, over each kind of link."""
    if not shutil.which("valgrind"):
        raise click.ClickException("valgrind is not installed: it counts the instructions")
    rows = []
    for link in links:
        others, machine = (cost // messages for cost in _measured(link, messages))
        rows.append(table.row(link, others / 1000, "1000 i.", "kernels", machine / 1000))
    report(rows, OUTPUT)


if __name__ == "__main__":
    main()
