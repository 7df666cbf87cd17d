"""`dsoftbus` in processes of its own, which have to end cleanly."""

import asyncio
import hashlib
import os
import random
import re
import signal
import subprocess
from pathlib import Path

from command import quick_command
from portable import PYTHON_PATH, TIMEOUT_S

FORGOTTEN = ("Traceback", "Warning", "never retrieved", "was destroyed")


def environment(**more: str) -> dict:
    return {**os.environ, "PYTHONPATH": PYTHON_PATH, "COLUMNS": "200", **more}


def run(
    *words: object, cwd=None, typed: str | None = None, **more: str
) -> subprocess.CompletedProcess:
    """One command to its end, which has to be a clean one."""
    done = subprocess.run(
        [*quick_command("error"), *map(str, words)],
        env=environment(**more),
        cwd=cwd,
        input=typed,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    clean(done.stderr)
    return done


def failure(*words: object) -> str:
    """Returns the message of a command that fails as it should."""
    done = run(*words)
    assert done.returncode == 1, done
    assert done.stdout == ""
    return done.stderr


def clean(complaints: str) -> None:
    assert not any(word in complaints for word in FORGOTTEN), complaints


def make_file(path: Path, size: int) -> Path:
    path.write_bytes(random.Random(size).randbytes(size))
    return path


class Serving:
    """`dsoftbus serve` with a folder of its own."""

    def __init__(self, folder: Path, *options: object, by: tuple = ()) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        own = ("--dir", folder, "--key", folder.with_suffix(".key"))
        here = () if "--host" in options else ("--host", "127.0.0.1")
        words = ("serve", *here, "--port", 0, *own)
        self._command = [*(by or quick_command("error")), *map(str, (*words, *options))]

    def __enter__(self) -> "Serving":
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(self._command, env=environment(), **pipes)
        first = self.process.stdout.readline().split()
        assert first[1:] == ["serves", str(self.folder)], self.process.communicate()
        self.id = first[0]
        self.address = self.process.stdout.readline().split()[-1]
        return self

    def interrupt(self) -> tuple:
        """Ctrl-C; exit status, the rest of what it printed, what it complained of."""
        self.process.send_signal(signal.SIGINT)
        out, complaints = self.process.communicate(timeout=TIMEOUT_S)
        clean(complaints)
        return self.process.returncode, out, complaints

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Conversation:
    """A command with a person at its ends."""

    def __init__(self, *words: object) -> None:
        self._words = words
        self.said = ""

    async def __aenter__(self) -> "Conversation":
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *quick_command(),
            *map(str, self._words),
            env=environment(),
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def __aexit__(self, *_) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @property
    def digits(self) -> str:
        """The last that were shown."""
        return "".join(re.findall(r"^(\d{3}) (\d{3})$", self.said, re.MULTILINE)[-1])

    async def until(self, words: str) -> None:
        while words not in self.said:
            got = await self._process.stdout.read(4096)
            assert got, self.said
            self.said += got.decode()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def types(self, line: str) -> None:
        self._process.stdin.write(line.encode() + b"\n")

    async def status(self, typing: bool = True) -> int:
        """At its end; the input ends before where there was any `typing`."""
        if typing:
            self._process.stdin.close()
        while got := await self._process.stdout.read(4096):
            self.said += got.decode()
        return await self._process.wait()


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def agree(*both: Conversation) -> None:
    """Two people compare their digits, and say yes."""
    for one in both:
        await one.until("[y/N]: ")
    assert both[0].digits == both[1].digits
    for one in both:
        one.types("y")
    for one in both:
        await one.until("paired with ")
        assert await one.status() == 0
