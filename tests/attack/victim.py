"""Victims as processes of their own, on loopback, and what an attack costs them.

`HostVictim` and `MicroPythonVictim` start the same program with the same options
(`victims/program.py`), or a whole command, so that every attack stands side by side for both.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import threading
import time
from pathlib import Path

import nodes
from command import PROGRAM, quick_command
from support import Random

VICTIMS = Path(__file__).parent / "victims"
LOOPBACK = "127.0.0.1"
KEY = Random(100)(32)
LIMIT_S = 60  # ends what hangs; nothing is held to a time
ASK_S = 1  # before a question over the control socket is repeated
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Victim:
    """One process. `start` it with options of the program, or with a command's words."""

    kind = ""
    heap = ""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.options = {"key": KEY.hex(), "folder": str(folder), **options}
        self.words: tuple = ()
        self.lines: list = []  # that it has printed, both ways

    def command(self) -> list:
        raise NotImplementedError

    def environment(self) -> dict:
        return dict(os.environ)

    @classmethod
    def running(cls, folder: Path, *words: object, cwd: Path | None = None) -> Victim:
        """A whole command instead of the program."""
        victim = cls(folder)
        victim.words = tuple(str(word) for word in words)
        victim.cwd = cwd
        return victim

    cwd: Path | None = None
    clock_s = 0  # how far its wall clock lies from the next start on
    _asked = 0  # questions
    _expected: int | None = None  # the exit status at the end of the test: it lives

    def arguments(self) -> list:
        if self.words:
            return ["command", str(self.clock_s), *self.words]
        file = self.folder.with_suffix(".options")  # an argument of MicroPython has 255 bytes
        file.write_text(json.dumps(self.options))
        return ["bus", str(self.clock_s), str(file)]

    # Its life

    def __enter__(self) -> Victim:
        self.start()
        return self

    def start(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.command(),
            env=self.environment(),
            cwd=self.cwd,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
        )
        self._heard: queue.Queue = queue.Queue()
        what = (self.process.stdout, self._heard)
        self._reader = threading.Thread(target=self._read, args=what, daemon=True)
        self._reader.start()
        self._control, *pid = map(int, self.until("control").split()[1:])
        self._pid = pid[0] if pid else self.process.pid
        self._ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ask.settimeout(ASK_S)
        self.public = b""
        while not self.public:
            told = self.report()
            self.public, self.port = bytes.fromhex(told["public"]), (told["ports"] or [0])[-1]
        self.id = told["id"]

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        alive = self.process.poll() == self._expected
        self.stop()
        if kind is None:
            assert alive, self.said
            assert not any("Traceback" in line for line in self.lines), self.said

    def stop(self) -> None:
        self._ask.close()
        self.process.kill()
        self.process.wait(LIMIT_S)
        self._reader.join(LIMIT_S)  # up to here the victim itself may be there
        self.process.stdin.close()
        self.process.stdout.close()

    def has_ended(self) -> None:
        """A command that ends by itself has done so, and well."""
        self._expected = self.process.wait(LIMIT_S)
        assert self._expected == 0, self.said

    def restart(self) -> None:
        self.stop()
        self.start()

    def _read(self, stream, heard: queue.Queue) -> None:
        for raw in iter(stream.readline, b""):
            line = raw.decode(errors="backslashreplace").rstrip("\n")
            self.lines.append(line)
            heard.put(line)
        heard.put(None)

    @property
    def said(self) -> str:
        """The last of what it printed."""
        return "\n".join(self.lines[-40:])

    def until(self, text: str) -> str:
        """The next line that has `text` in it."""
        while True:
            line = self._heard.get(timeout=LIMIT_S)
            assert line is not None, f"ended, and did not say {text}:\n{self.said}"
            if text in line:
                return line

    def say(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    # What it tells

    def ask(self, what: str, argument: object = None) -> dict:
        """An order to the program or a question, and what it answers; it is repeated until it is
        answered: a victim that is still starting hears nothing."""
        self._asked += 1
        number = self._asked
        request = json.dumps({"do": what, "with": argument, "number": number}).encode()
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.said
            self._ask.sendto(request, (LOOPBACK, self._control))
            try:
                answer = json.loads(self._ask.recv(65536))
            except (TimeoutError, ConnectionError):
                continue
            if answer.pop("number") != number:
                continue  # to an earlier question, which was asked twice
            assert "failed" not in answer, answer
            return answer
        raise AssertionError(f"no answer to {what}:\n{self.said}")

    def report(self) -> dict:
        return self.ask("report")

    def wait_for(self, condition) -> dict:
        """Waits until `condition(report)`, as it must at last; returns that report."""
        end = time.monotonic() + LIMIT_S
        while not condition(report := self.report()):
            assert time.monotonic() < end, report
            time.sleep(0.02)
        return report

    @property
    def at(self) -> tuple:
        return (LOOPBACK, self.port)

    def cpu_ms(self) -> int:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 // _TICKS

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * _PAGE


class HostVictim(Victim):
    kind = "host"

    def command(self) -> list:
        return [*quick_command(), *self.arguments()]

    def environment(self) -> dict:
        return {**os.environ, PROGRAM: str(VICTIMS / "host.py"), "PYTHONUNBUFFERED": "1"}


class MicroPythonVictim(Victim):
    kind = "micropython"
    heap = "4M"

    def command(self) -> list:
        program = (str(VICTIMS / "mpy.py"),)
        return nodes.command(*self.arguments(), heap=self.heap, program=program)

    def environment(self) -> dict:
        return nodes.environment()


BOTH = (HostVictim, MicroPythonVictim)
