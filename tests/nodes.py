"""MicroPython nodes as processes of their own, for tests of both backends."""

import asyncio
import hashlib
import os
import random
import subprocess
from pathlib import Path
from types import TracebackType

import compiled_modules
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.discovery.interfaces import LOOPBACK
from portable import TIMEOUT_S, micropython

MB = 1 << 20
KEY = bytes(range(32))
NODE = ("-m", "dsoftbus_mpy")
HEAP = "2M"  # what the unix port has unless it is told otherwise


def command(*arguments: object, heap: str = HEAP, program: tuple = NODE) -> list:
    return [*micropython(), "-X", f"heapsize={heap}", *program, *map(str, arguments)]


def environment(modules: str = "") -> dict:
    """`modules`: where the packages are, as sources or compiled, as they are by default."""
    return {**os.environ, "MICROPYPATH": f"{modules or compiled_modules.path()}:.frozen"}


def run(*arguments: object, heap: str = HEAP, cwd=None) -> subprocess.CompletedProcess:
    """One command of the MicroPython node, to its end."""
    return subprocess.run(
        command(*arguments, heap=heap),
        env=environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


class ServingNode:
    """A MicroPython node that serves `folder`; its key is beside it.

    With None both are what they are by default, in `cwd`.
    """

    def __init__(
        self,
        folder: Path | None,
        *options: object,
        heap: str = HEAP,
        cwd: Path | None = None,
        program: tuple = NODE,
    ) -> None:
        self.folder = folder
        self._cwd = cwd
        own = ()
        if folder is not None:
            folder.mkdir(exist_ok=True)
            own = ("--key", folder.with_suffix(".key"), "--dir", folder)
        who = () if "--allow" in options else ("--anyone",)
        arguments = ("serve", *who, "--host", "127.0.0.1", *own, *options)
        self._command = command(*arguments, heap=heap, program=program)

    def __enter__(self) -> "ServingNode":
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(self._command, env=environment(), cwd=self._cwd, **pipes)
        words = self._process.stdout.readline().split()
        assert words[:1] == ["listening"], self._process.communicate()
        self.port = int(words[1])
        self.key = words[2]
        self.id = words[3]
        return self

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The node has to be alive still, and to have complained of nothing."""
        alive = self._process.poll() is None
        self._process.terminate()
        _, complaints = self._process.communicate(timeout=TIMEOUT_S)
        if kind is None:
            assert alive, complaints
            assert complaints == ""


class Board:
    """A MicroPython node in a process of its own, spoken to in lines."""

    def __init__(self, folder, name: str, discovery_port: int) -> None:
        self.name = name
        files = ("--key", folder / f"{name}.key", "--trust", folder / f"{name}.trust")
        place = ("--host", "127.0.0.1", "--broadcast", LOOPBACK.broadcast)
        port = ("--discovery", discovery_port)
        self._command = command("node", "--name", name, *files, *place, *port)
        self.lines = []

    async def __aenter__(self):
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=environment(), stdin=pipe, stdout=pipe
        )
        _, self.port, key, self.id = (await self.until("listening")).split()
        self.public = bytes.fromhex(key)
        return self

    async def __aexit__(self, kind, *_):
        if kind is not None:
            print(self.name, *self.lines, sep="\n  ")
            self._process.kill()
        self.say("quit")
        await asyncio.wait_for(self._process.wait(), TIMEOUT_S)

    def say(self, line: str) -> None:
        self._process.stdin.write(line.encode() + b"\n")

    async def knows(self, other: "Board") -> None:
        await self.until("online", other.id, other.name)

    async def until(self, *words: str) -> str:
        """Reads lines until one begins with these words."""
        wanted = " ".join(words)
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), TIMEOUT_S)
            assert line, f"{self.name} ended, and did not say {wanted}"
            self.lines.append(line.decode().strip())
            if self.lines[-1].startswith(wanted):
                return self.lines[-1]


async def echoed(connection) -> bytes:
    async with await connection.open("echo") as stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


def make_file(path, size: int):
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def digest(path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def with_host(test) -> None:
    """Runs `test(bus)` with a bus of the host."""

    async def main():
        async with BareBus(KEY, "host", allow=ANYONE) as bus:
            await test(bus)

    asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))
