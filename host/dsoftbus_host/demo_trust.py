"""The demo's part about trust: three nodes meet, pair, start anew, and one is unpaired."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from rich.console import Console

from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIRED
from dsoftbus.errors import BAD_STATE, LocalError, label
from dsoftbus.session.events import NodeEvent
from dsoftbus.trust.acl import grant
from dsoftbus_host.clock import now_ms
from dsoftbus_host.connection import Connection
from dsoftbus_host.interfaces import LOOPBACK
from dsoftbus_host.nearby import Nearby
from dsoftbus_host.store_file import StoreFile

WAIT_S = 20
Start = Callable[[list[str]], Awaitable[asyncio.subprocess.Process]]


class Board:
    """A MicroPython node in a process of its own, which takes commands in lines."""

    def __init__(self, start: Start, folder: Path, name: str, discovery_port: int) -> None:
        self.name = name
        self._start = start
        self._arguments = [
            *("node", "--name", name, "--host", LOOPBACK.address),
            *("--key", str(folder / f"{name}.key"), "--trust", str(folder / f"{name}.trust")),
            *("--broadcast", LOOPBACK.broadcast, "--discovery", str(discovery_port)),
        ]

    async def __aenter__(self) -> Board:
        self._process = await self._start(self._arguments)
        self.id = (await self.until("listening"))[3]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.say("quit")
        try:
            await asyncio.wait_for(self._process.wait(), WAIT_S)
        except asyncio.TimeoutError:
            self._process.kill()

    def say(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")

    async def until(self, *words: str) -> list[str]:
        """The words of the first line that begins with these."""
        while self._process.stdout is not None:
            line = await asyncio.wait_for(self._process.stdout.readline(), WAIT_S)
            said = line.decode().split()
            if not line:
                break
            if said[: len(words)] == list(words):
                return said
        raise LocalError(BAD_STATE, f"{self.name} did not say {' '.join(words)}")


class Story:
    """The three of them: this process and two boards."""

    def __init__(self, console: Console, start: Start, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._key = os.urandom(32)
        self._events: asyncio.Queue[NodeEvent] = asyncio.Queue()
        self._port = 20000 + secrets.randbelow(10000)  # a network of its own on this machine
        self._boards = [Board(start, folder, name, self._port) for name in ("attic", "cellar")]

    async def tell(self) -> None:
        one, other = self._boards
        async with one, other, self._host() as host:
            await self._find(host)
            await self._pair_boards(one, other)
            for board in self._boards:
                await self._pair_host(host, board)
        self._console.print("all three start anew")
        async with one, other, self._host() as host:
            await self._find(host)
            one.say(f"echo {other.id} hello")
            await one.until("echo", "hello")
            self._console.print(f"{one.name} reaches {other.name} without pairing again")
            await self._part(host, other)

    def _host(self) -> Nearby:
        return Nearby(
            self._key,
            "host",
            StoreFile(self._folder / "host.json"),
            self._events.put_nowait,
            grants=[grant("allow both *")],
            listen=(LOOPBACK.address, 0),
            interfaces=[LOOPBACK],
            discovery_port=self._port,
        )

    async def _find(self, host: Nearby) -> None:
        one, other = self._boards
        await one.until("online", other.id)
        await other.until("online", one.id)
        for board in self._boards:
            await host.heard(board.id, WAIT_S)
        self._console.print(f"host, {one.name} and {other.name} have found each other")

    async def _pair_boards(self, one: Board, other: Board) -> None:
        other.say("open")
        one.say(f"pair {other.id}")
        shown = (await one.until("digits"))[1]
        same = (await other.until("digits"))[1]
        for board, digits in ((one, shown), (other, same)):
            self._console.print(f"{board.name:<7} shows  {digits}", style="bold")
            board.say(f"yes {shown}")
        await one.until("paired", other.id)
        await other.until("paired", one.id)
        self._console.print(f"{one.name} and {other.name} trust each other")

    async def _pair_host(self, host: Nearby, board: Board) -> None:
        board.say("open")
        connection = await host.connect(board.id)
        host.guard.pair(connection.session, now_ms())
        event = await self._event(EV_PAIR_DIGITS)
        digits = event.about.pairing.digits
        await board.until("digits", digits)
        host.guard.confirm(digits)
        board.say(f"yes {digits}")
        await self._event(EV_PAIRED)
        await board.until("paired", host.bus.id)
        await connection.close()
        self._console.print(f"host and {board.name} trust each other, by {digits}")

    async def _part(self, host: Nearby, board: Board) -> None:
        connection = await host.connect(board.id)
        stream = await connection.open("echo")
        await stream.write(b"x")
        await stream.read(1)
        board.say(f"unpair {host.bus.id}")
        self._console.print(f"{board.name} unpairs the host: {await _end(connection)}")
        connection = await host.connect(board.id)
        self._console.print(f"the host comes back:      {await _end(connection)}")
        await board.until("denied", host.bus.id)

    async def _event(self, kind: int) -> NodeEvent:
        while True:
            event = await asyncio.wait_for(self._events.get(), WAIT_S)
            if event.kind == kind:
                return event


async def _end(connection: Connection) -> str:
    """Why the peer ends the session."""
    await asyncio.wait_for(connection.closed.wait(), WAIT_S)
    return label(connection.session.peer_code)
