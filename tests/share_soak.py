"""A file between two processes that are killed at random: `serve` on one side, `send` or `fetch`
on the other, each of which goes on where it stopped."""

import hashlib
import random
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from portable import TIMEOUT_S

PROGRAM = Path(__file__).parent / "share_node.py"
LOOK_S = 0.0005


class Told(NamedTuple):
    """The figures of a campaign; sizes are in bytes."""

    size: int
    sent: int  # by the side that has the file, to its links
    kills: int
    starts: int

    @property
    def twice(self) -> float:
        """The part of the file that was sent in vain, headers and tags of records included."""
        return (self.sent - self.size) / self.size


class Side:
    """One side, a process that starts again."""

    def __init__(self, folder: Path, name: str, rate: int) -> None:
        self.counter = folder / f"{name}.count"
        self.counter.write_bytes(bytes(8))
        self.key = folder / f"{name}.key"
        self.rate = rate
        self.starts = 0
        self.process = None

    @property
    def sent(self) -> int:
        return struct.unpack("Q", self.counter.read_bytes())[0]

    def start(self, *words: object) -> None:
        self.starts += 1
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, self.counter, str(self.rate), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)


class Campaign:
    """`way` is "send" or "fetch"; a kill comes after so many bytes as chance says, in all."""

    def __init__(self, folder: Path, way: str, size: int, rate: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.size = size
        self.way = way
        self.served, self.here = folder / "served", folder / "here"
        for made in (self.served, self.here):
            made.mkdir()
        self.source = (self.here if way == "send" else self.served) / "file"
        self.target = (self.served if way == "send" else self.here) / "file"
        self._write()
        self.there = Side(folder, "there", rate)
        self.asker = Side(folder, "asker", rate)
        self.giver = self.asker if way == "send" else self.there
        self.port = 0

    def hole(self, size: int) -> None:
        """Has a file of that size instead, with something at its beginning and its end alone."""
        self.size = size
        with self.source.open("wb") as file:
            file.write(self.random.randbytes(1000))
            file.seek(size - 1000)
            file.write(self.random.randbytes(1000))

    def _write(self) -> None:
        with self.source.open("wb") as file:
            for _ in range(self.size // 1_000_000):
                file.write(self.random.randbytes(1_000_000))
            file.write(self.random.randbytes(self.size % 1_000_000))

    def run(self, kills: int) -> Told:
        """Raises AssertionError where the file has not come whole."""
        points = sorted(self.random.uniform(0, 0.97) * self.size for _ in range(kills))
        try:
            self._serve()
            self._ask()
            for point in points:
                self._kill_at(point)
            out, _ = self.asker.process.communicate(timeout=TIMEOUT_S)
            while _was_too_early(out):
                self._ask()
                out, _ = self.asker.process.communicate(timeout=TIMEOUT_S)
            assert self.asker.process.returncode == 0, out
        finally:
            for side in (self.there, self.asker):
                side.kill()
        digest = sha256(self.source)
        assert digest == sha256(self.target)
        assert digest in out
        assert [path.name for path in self.target.parent.iterdir()] == ["file"]
        starts = self.there.starts + self.asker.starts
        return Told(self.size, self.giver.sent, kills, starts)

    def _serve(self) -> None:
        own = ("--key", self.there.key, "--host", "127.0.0.1", "--port", self.port)
        self.there.start("serve", "--anyone", "--dir", self.served, *own)
        address = ""
        while "127.0.0.1:" not in address:
            address = self.there.process.stdout.readline()
            assert address, "the node did not start"
        self.address = address.split()[-1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def _ask(self) -> None:
        own = ("--key", self.asker.key, "--wait", TIMEOUT_S)
        if self.way == "send":
            self.asker.start("send", self.source, self.address, *own)
        else:
            self.asker.start("fetch", "file", self.address, "--dir", self.here, *own)

    def _kill_at(self, point: float) -> None:
        give_up = time.monotonic() + TIMEOUT_S
        while self.giver.sent < point:
            if self.asker.process.poll() is not None:
                out = self.asker.process.stdout.read()
                assert _was_too_early(out), out
                self._ask()
            assert time.monotonic() < give_up, "it does not go on"
            time.sleep(LOOK_S)
        if self.random.random() < 0.5:
            self.there.kill()
            self._serve()
        else:
            self.asker.kill()
            self._ask()


def _was_too_early(out: str) -> bool:
    """Returns whether a command has found no node: its first session is no matter of patience."""
    return "no connection to" in out


def sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()
