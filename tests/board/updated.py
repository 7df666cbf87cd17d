"""A board of MicroPython's unix port that is updated: its flash is a folder, a reset ends its
process, a power cut kills it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from dsoftbus.base.key_file import encode_secret
from dsoftbus.const import SMALL
from dsoftbus.errors import BusError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import ANYONE, BareBus
from free_ports import free_port
from portable import TIMEOUT_S, micropython
from updating import ask, update

HOST = "127.0.0.1"
KEY, HOST_KEY = b"b" * 32, b"h" * 32
SETTINGS = {"name": "board", "serial": "", "host": HOST, "discovery": False, "updates": True}
GRANTS = ("allow in update", "allow in call/*")
HEAP = "320k"  # of 64-bit words: about what 160 KB are to a board
APP = """
async def main(bus):
    bus.call("runs")(lambda _connection, _value: %r)
"""


def program(version: str) -> bytes:
    """An `app.py` that answers which version it is."""
    return (APP % version).encode()


BROKEN = {
    "is no Python": b"def main(bus:\n",
    "raises at its import": b"raise RuntimeError('of no use')\n",
    "has no main": b"x = 1\n",
    "imports what is not there": b"import not_there\n",
    "raises once it runs": b"async def main(bus):\n    raise ValueError('of no use')\n",
    "closes its bus": b"async def main(bus):\n    await bus.close()\n",
    "has no network": b"async def main(bus):\n    bus.streams.close()\n    bus._listen = None\n",
    "ends the program": b"async def main(bus):\n    raise SystemExit\n",
    "resets in a loop": b"import sys\nsys.exit(3)\n",
    "hangs": b"import time\n\nwhile True:\n    time.sleep(1)\n",
    "takes all memory": b"x = []\nwhile True:\n    x.append(bytearray(4096))\n",
}
HANGS_S = 3  # so long a start is looked at that may hang
# Put before a board's `main.py`: the power goes at step `%d` of what is written. A write has three
# steps: before it, half of it, and all.
CUT = """
import builtins, os as _real, sys
_left = [%d]
def _step():
    if not _left[0]:
        _real.system("kill -9 $PPID")  # at once
    _left[0] -= 1
class _File:
    def __init__(self, file):
        self._file = file
        for name in ("read", "readinto", "readline", "seek", "flush", "close"):
            setattr(self, name, getattr(file, name))
    def __enter__(self):
        return self
    def __exit__(self, *_):
        self.close()
    def write(self, data):
        _step()
        half = len(data) // 2
        self._file.write(data[:half])
        _step()
        self._file.write(data[half:])
        return len(data)
def _open(path, mode="r", *more, open=open):
    if "w" in mode:
        _step()
    file = open(path, mode, *more)
    return _File(file) if mode in ("wb", "r+b") else file
def _counted(call):
    def counted(*path):
        _step()
        return call(*path)
    return counted
class _Os:
    def __getattr__(self, name):
        return getattr(_real, name)
_os = _Os()
for _name in ("remove", "mkdir", "rmdir", "rename"):
    setattr(_os, _name, _counted(getattr(_real, _name)))
sys.modules["os"] = _os
builtins.open = _open
"""


class UnixBoard:
    """One board with the node that an installation leaves in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public = BareBus(KEY).public
        self.said = ""  # since its last start
        self._port = 0
        self._process: Any = None
        self.host = BareBus(HOST_KEY, "host", allow=ANYONE)
        store = TrustStore(SMALL)
        store.add(Entry(self.host.public, "host", [grant(text) for text in GRANTS]))
        (folder / "trust.json").write_text(store.encode())
        (folder / "dsoftbus.key").write_bytes(encode_secret(KEY))
        (folder / "main.py.whole").write_bytes((folder / "main.py").read_bytes())

    async def __aenter__(self) -> UnixBoard:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.host.close()
        await self.cut()

    async def start(self) -> None:
        """Starts it, and waits until its node has started or its program has ended."""
        await self.cut()
        self._port = free_port()
        (self.folder / "config.json").write_text(json.dumps({**SETTINGS, "port": self._port}))
        self._process = await asyncio.create_subprocess_exec(
            *(*micropython(), "-X", f"heapsize={HEAP}", "main.py"),
            cwd=self.folder,
            env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.said = ""
        while "started\n" not in self.said:
            line = await asyncio.wait_for(self._process.stdout.readline(), TIMEOUT_S)
            self.said += line.decode()
            if not line:
                await self._process.wait()
                return

    async def reset(self) -> None:
        """Waits until it has reset itself, and starts it."""
        await self.ended()
        await self.start()

    async def ended(self) -> None:
        """Waits until it has reset itself."""
        await self.host_leaves()
        said, _ = await asyncio.wait_for(self._process.communicate(), TIMEOUT_S)
        self.said += said.decode()

    async def host_leaves(self) -> None:
        for connection in self.host.connections():
            await connection.close()

    def cuts_at(self, step: int | None) -> None:
        """The power goes at this step of what is written from the next start on; None: never."""
        main = (self.folder / "main.py.whole").read_text()
        (self.folder / "main.py").write_text(main if step is None else CUT % step + main)

    @property
    def was_cut(self) -> bool:
        """Returns whether its process has ended by `CUT`."""
        return (self._process.returncode or 0) < 0

    async def cut(self) -> None:
        """The power goes."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def session(self) -> Any:
        return await self.host.connect(HOST, self._port, self.public)

    async def runs(self) -> str:
        """The version that its program says."""
        async with await self.session() as session:
            return str(await session.call("runs"))


# Stories: a test runs some of them, `make soak-updates` all


async def of_no_use(board: UnixBoard, app: bytes) -> None:
    """A version that nobody can confirm: the next start is the old version's. (This port has no
    timer and no watchdog of the hardware: a power cut stands for them.)"""
    await board.start()
    await update(await board.session(), "app", "1.0", {"app.py": app})
    await board.host_leaves()
    await board.ended()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(board.start(), HANGS_S)
    await board.start()
    assert await board.runs() == "root"
    state = await ask(await board.session(), "state")
    assert (state["failed"], state["slot"], state["trial"]) == ("1.0", "", False)
    assert "not confirmed" in state["why"]
    await _updated(board, "1.1")


async def cut_at(board: UnixBoard, step: int) -> bool:
    """An update whose power goes at this step of what is written, in it or in the start after it.
    Returns whether it went before the end of these."""
    board.cuts_at(None)
    await board.start()
    await _updated(board, "1.0")
    board.cuts_at(step)
    await board.start()
    try:
        await update(await board.session(), "app", "1.1", _files("1.1"))
        await board.reset()
    except BusError:
        await board.ended()
        assert board.was_cut, board.said
    was_cut = board.was_cut
    board.cuts_at(None)
    await board.start()
    session = await board.session()
    state = await ask(session, "state")
    assert await board.runs() == state["version"] and state["version"] in ("1.0", "1.1")
    if state["trial"]:
        await ask(await board.session(), "confirm", {"version": "1.1"})
    await _updated(board, "1.2")
    return was_cut


async def _updated(board: UnixBoard, version: str) -> None:
    await update(await board.session(), "app", version, _files(version), force=True)
    await board.reset()
    assert await board.runs() == version
    await ask(await board.session(), "confirm", {"version": version})


def _files(version: str) -> dict[str, bytes]:
    return {"app.py": program(version), f"data/{version}": b"data" * 300, "data/same": b"s" * 900}
