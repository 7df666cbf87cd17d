"""The demo's part about trust: three nodes meet, pair, restart, and one is unpaired."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType

from rich.console import Console

from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIRED
from dsoftbus.errors import BAD_STATE, LocalError, label
from dsoftbus.mux.events import NodeEvent
from dsoftbus.service.status import CallError
from dsoftbus.service.subscriber import Update
from dsoftbus.trust.acl import grant
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.peer import Peer
from dsoftbus_host import Bus
from dsoftbus_host.clock import now_ms
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile

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
        await self._quit()

    async def restart(self) -> None:
        """Ends the process, and starts another one with the same key and trust store."""
        await self._quit()
        await self.__aenter__()

    async def _quit(self) -> None:
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
        self._console.print("all three restart")
        async with one, other, self._host() as host:
            await self._find(host)
            one.say(f"echo {other.id} hello")
            await one.until("echo", "hello")
            self._console.print(f"{one.name} reaches {other.name} without pairing again")
            self._console.rule("Calls and topics")
            await self._services(host, one)
            self._console.rule("A peer that is trusted no more")
            await self._part(host, other)

    def _host(self) -> Bus:
        return Bus(
            "host",
            key=self._key,
            trust=StoreFile(self._folder / "host.json"),
            on_event=self._events.put_nowait,
            grants=[grant("allow both *")],
            host=LOOPBACK.address,
            interfaces=[LOOPBACK],
            discovery_port=self._port,
        )

    async def _find(self, host: Bus) -> None:
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

    async def _pair_host(self, host: Bus, board: Board) -> None:
        board.say("open")
        connection = await host.reach(board.id)
        host.guard.pair(connection.session, now_ms())
        event = await self._event(EV_PAIR_DIGITS)
        digits = event.about.pairing.digits
        await board.until("digits", digits)
        host.guard.confirm(digits)
        board.say(f"yes {digits}")
        await self._event(EV_PAIRED)
        await board.until("paired", host.id)
        await connection.close()
        self._console.print(f"host and {board.name} trust each other, by {digits}")

    async def _services(self, host: Bus, board: Board) -> None:
        """A call, a subscription that outlives a restart, and a call that is refused."""
        peer = host.peer(board.id)
        asked = {"lamp": "on", "levels": [1, 2.5]}
        self._console.print(
            f"{board.name} is called with {asked}: {await peer.call('echo', asked)}"
        )
        async with peer.subscribe("temperature") as updates:
            board.say("publish temperature 21.5")
            await self._shown(board, updates)
            await board.restart()
            self._console.print(f"{board.name} restarts, and publishes again")
            board.say("publish temperature 22.5")
            await self._shown(board, updates)
        board.say(f"deny {host.id} in call/*")
        try:
            await self._denied(peer)
        except CallError as refused:
            self._console.print(f"{board.name} denies calls: {refused}")

    async def _shown(self, board: Board, updates: AsyncIterator[Update]) -> None:
        update = await asyncio.wait_for(updates.__anext__(), WAIT_S)
        self._console.print(f"{board.name} publishes {update.topic} {update.value}")

    async def _denied(self, peer: Peer) -> None:
        """Calls until the board has heeded the rule, which it was told a moment ago."""
        give_up = now_ms() + 1000 * WAIT_S
        while now_ms() < give_up:
            await peer.call("echo")
        raise LocalError(BAD_STATE, "calls were not denied")

    async def _part(self, host: Bus, board: Board) -> None:
        connection = await host.reach(board.id)
        stream = await connection.open("echo")
        await stream.write(b"x")
        await stream.read(1)
        board.say(f"unpair {host.id}")
        self._console.print(f"{board.name} unpairs the host: {await _end(connection)}")
        connection = await host.reach(board.id)
        self._console.print(f"the host comes back:      {await _end(connection)}")
        await board.until("denied", host.id)

    async def _event(self, kind: int) -> NodeEvent:
        while True:
            event = await asyncio.wait_for(self._events.get(), WAIT_S)
            if event.kind == kind:
                return event


async def _end(connection: Connection) -> str:
    """Returns why the peer ends the session."""
    await asyncio.wait_for(connection.ended(), WAIT_S)
    return label(connection.session.peer_code)
