"""MicroPython's 32-bit port as a board whose heap is looked at."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dsoftbus_host.board import partition

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "memory"
PORT = ROOT / "build/node/node_modules/@micropython/micropython-webassembly-pyscript"


class Step(NamedTuple):
    """After a step: bytes of heap `held`, those that it has `made` before a collection, garbage
    among them, and what its program left in `said`."""

    held: int
    made: int
    said: str | None


class Look(NamedTuple):
    """The heap from address `start` on: the map that MicroPython prints of it, and its bytes."""

    start: int
    map: str
    bytes: bytes


class Port:
    """One interpreter, with a heap and a clock of its own."""

    def __init__(self, command: list[str], said: Path) -> None:
        self._said = said
        with said.open("wb") as file:
            self._node = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )

    def run(self, program: str, now: int = 0, files: dict[str, bytes] | None = None) -> Step:
        """Runs `program` at `now` ms, after the files were written. Raises RuntimeError with what
        the port says where it fails."""
        hexed = {path: data.hex() for path, data in (files or {}).items()}
        return Step(**self._ask({"run": program, "now": now, "files": hexed}))

    def look(self) -> Look:
        """Returns the heap as it is."""
        found = self._ask({"look": True})
        return Look(found["start"], found["map"], base64.b64decode(found["bytes"]))

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._node.stdin, self._node.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("no pipes to the port")
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(self.printed())
        found: dict[str, Any] = json.loads(answer)
        return found

    def printed(self) -> str:
        """All that the programs have printed."""
        return self._said.read_text()

    def end(self) -> None:
        """Ends it by a signal: node may wait for ever at its exit."""
        self._node.terminate()
        self._node.communicate()


@contextlib.contextmanager
def port(files: dict[str, bytes], rom: bool) -> Iterator[Port]:
    """An interpreter with these files of a board, all below `lib`; `rom`: in an image of ROMFS."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in ({"image": partition.packed(files)} if rom else files).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        where = os.environ.get("DSOFTBUS_WASM_PORT") or str(PORT)
        code = folder / ("image" if rom else "lib")
        run = ["node", "--no-wasm-tier-up", str(HERE / "run.mjs"), where, str(code)]
        opened = Port(run, folder / "said")
        try:
            yield opened
        finally:
            opened.end()
