"""`make bench-share-board`: files to a MicroPython node and back, in time and in heap.

The node runs on the unix port, with its slices as a board has them, and keeps its files on
littlefs and FAT in memory. Each way is beside the file system alone, which writes (or reads) as
much in pieces of the same size, and beside the same bytes on a stream that the node drops. A
board's flash is slower and its link much slower, so the ratios there are nearer to 1. Heap is in
64-bit words, which take twice the room of a board's.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import table
from stopwatch import Stopwatch, report

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import linked_once  # noqa: E402 - after the path
from dsoftbus_host.bare_bus import BareBus  # noqa: E402
from dsoftbus_host.board.make import boards, compiler  # noqa: E402
from portable import micropython  # noqa: E402

OUTPUT = Path("build/bench/share_board.json")
SECRET = bytes(range(1, 33))
TIMED = ("write", "read", "drop", "send", "fetch")
SYSTEMS = {"littlefs": "VfsLfs2", "FAT": "VfsFat"}
SLICES = (
    "files",
    "sharing",
    "share-moving",
    "share-listing",
    "fat-store",
    "share-files",
    "share-words",
)
BOARD = """
import sys
sys.path[:0] = ["lib"]
import asyncio, gc, json, os, time
from dsoftbus_mpy.bare_bus import ANYONE, BareBus

SIZE = %(size)d
CHUNK = 2048

class Ram:
    def __init__(self):
        self.data = bytearray(3 * SIZE + 200000 & -4096)
    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        self.data[at : at + len(buffer)] = buffer
    def ioctl(self, operation, argument):
        return {4: len(self.data) // BLOCK, 5: BLOCK}.get(operation, 0)

BLOCK = 4096 if "%(vfs)s" == "VfsLfs2" else 512
os.%(vfs)s.mkfs(ram := Ram())
os.mount(os.%(vfs)s(ram), "/flash")
os.mkdir("/flash/files")

def held():
    gc.collect()
    return gc.mem_alloc()

most = [0]

async def watch():
    while True:
        most[0] = max(most[0], held())
        await asyncio.sleep_ms(20)

def alone():
    data = bytes(CHUNK)
    begun = time.ticks_us()
    with open("/flash/alone", "wb") as file:
        for at in range(0, SIZE, CHUNK):
            file.write(data)
            if not (at + CHUNK) %% 16384:
                file.flush()
    written = time.ticks_us()
    view = bytearray(CHUNK)
    with open("/flash/alone", "rb") as file:
        while file.readinto(view):
            pass
    read = time.ticks_us()
    os.remove("/flash/alone")
    return [time.ticks_diff(written, begun) / 1e6, time.ticks_diff(read, written) / 1e6]

async def main():
    bus = BareBus(bytes(range(32)), "board", allow=ANYONE)
    watching = []

    async def drop(connection, stream):
        view = bytearray(CHUNK)
        while await stream.readinto(view):
            pass

    async def asked(connection, stream):
        word = (await stream.read(16)).decode()
        answer = 0
        if word == "alone":
            answer = alone()
        elif word == "share":
            bus.share("/flash/files")
        elif word == "watch":
            most[0] = 0
            watching.append(asyncio.create_task(watch()))
        elif word == "most":
            watching.pop().cancel()
            answer = most[0]
        elif word == "held":
            answer = held()
        await stream.write(json.dumps(answer).encode())

    bus.on_stream("drop", drop)
    bus.on_stream("ask", asked)
    print("port", await bus.listen("127.0.0.1", 0))
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Node:
    """A MicroPython node whose files lie on this file system; a context manager that ends it."""

    def __init__(self, vfs: str, size: int, folder: Path) -> None:
        board = boards.find("unix")
        for path, data in compiler.files(board.slices, "x64"):
            (folder / "lib" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "lib" / path).write_bytes(data)
        (folder / "board.py").write_text(BOARD % {"size": size, "vfs": vfs})
        heap = ("-X", f"heapsize={16 + 4 * size // 1_000_000}M")
        command = [*micropython(), *heap, "board.py"]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)

    def __enter__(self) -> Node:
        if self._process.stdout is None:
            raise RuntimeError("no pipe to the node")
        self.port = int(self._process.stdout.readline().split()[-1])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


async def ask(connection, word: str):
    """Returns the node's answer."""
    async with await connection.open("ask") as stream:
        await stream.write(word.encode())
        await stream.finish()
        return json.loads(await stream.read())


async def dropped_s(connection, size: int) -> float:
    """Seconds of so many bytes on a stream."""
    with Stopwatch() as watch:
        async with await connection.open("drop") as stream:
            await stream.write(bytes(size))
            await stream.finish()
            await stream.read()
    return watch.spent.wall


async def moved_s(connection, path: Path, back: Path) -> tuple[float, float]:
    """Seconds of a file there, in place of the one before, and back."""
    with Stopwatch() as there:
        await connection.send(path, "file", replace=True)
    with Stopwatch() as again:
        await connection.fetch("file", back, replace=True)
    (back / "file").unlink()
    return there.spent.wall, again.spent.wall


async def measured(vfs: str, size: int, rounds: int, folder: Path) -> dict:
    """Seconds by what was done, of each round, and bytes of heap."""
    path = folder / "sent"
    (folder / "back").mkdir(parents=True)
    found: dict = {key: [] for key in TIMED}
    with Node(vfs, size, folder) as node:
        async with BareBus(SECRET) as bus:
            public = BareBus(bytes(range(32))).public
            connection = await bus.connect("127.0.0.1", node.port, public)
            found["idle"] = await ask(connection, "held")
            await ask(connection, "share")
            found["shares"] = await ask(connection, "held")
            for n in range(rounds):
                path.write_bytes(bytes([n]) * size)
                alone = await ask(connection, "alone")
                dropped = await dropped_s(connection, size)
                moved = await moved_s(connection, path, folder / "back")
                for key, seconds in zip(found, (*alone, dropped, *moved), strict=False):
                    found[key].append(seconds)
            path.write_bytes(b"x" * size)
            await ask(connection, "watch")
            await moved_s(connection, path, folder / "back")
            found["moves"] = await ask(connection, "most")
    return found


def rows(system: str, found: dict, size: int) -> list[dict]:
    mb = size / 1e6
    speed = {key: mb / table.median(found[key]) for key in TIMED}
    return [
        table.row(f"{system}: stored", speed["send"], "MB/s", "its writes", speed["write"]),
        table.row("", speed["send"], "MB/s", "a stream", speed["drop"]),
        table.row(f"{system}: fetched", speed["fetch"], "MB/s", "its reads", speed["read"]),
        bytes_row(f"{system}: heap of sharing", found["shares"] - found["idle"]),
        bytes_row("heap of a transfer", found["moves"] - found["shares"]),
    ]


def bytes_row(name: str, size: int) -> dict:
    return table.row(name, size, "bytes", "", None)


def flash() -> list[dict]:
    """The bytes of flash that the slices take."""
    files = dict(compiler.files(boards.find("unix").slices, ""))
    sizes = {name: len(files[f"{compiler.unit(name)}.mpy"]) for name in SLICES}
    said = [bytes_row(f"flash: {name}", size) for name, size in sizes.items()]
    return [*said, bytes_row("flash: all", sum(sizes.values()))]


@click.command()
@click.option("--mb", default=1.0, show_default=True, help="of the file")
@click.option("--rounds", default=3, show_default=True)
def main(mb: float, rounds: int) -> None:
    """Files to a MicroPython node and back."""
    linked_once.share()
    found = []
    for system, vfs in SYSTEMS.items():
        with tempfile.TemporaryDirectory() as folder:
            size = int(mb * 1e6)
            figures = asyncio.run(measured(vfs, size, rounds, Path(folder)))
        found += rows(system, figures, size)
    found += flash()
    report(found, OUTPUT)


if __name__ == "__main__":
    main()
