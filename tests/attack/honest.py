"""A peer that does what peers do, while others attack: it connects, has its echo, stores a file
and fetches it. Every step must succeed within its ordinary time."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dsoftbus.errors import BusError, PeerError
from dsoftbus_aio.connection import Connection
from dsoftbus_host.bare_bus import BareBus
from support import Random

SECRET = Random(200)(32)
FILE_BYTES = 20000
PATIENCE_S = 10  # what `connect` takes at most
REDIAL_S = 0.5
_numbers = itertools.count()
Result = TypeVar("Result")


class Honest:
    """`secret` is one that the victim lets in. Its own files lie in `folder`."""

    def __init__(self, victim: Any, folder: Path, secret: bytes = SECRET, psk=None) -> None:
        self.victim = victim
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.secret = secret
        self.psk = psk
        self.served = 0  # sessions that went well
        self.redials = 0
        self.failures: list = []
        self.beside: Callable[[], str] = str  # what goes on meanwhile, for those who look for why

    async def serve_once(self, link: str) -> None:
        name = f"honest-{os.getpid()}-{next(_numbers)}"
        sent = self.folder / name
        sent.write_bytes(os.urandom(FILE_BYTES))
        fetched = self.folder / "fetched"
        fetched.mkdir(exist_ok=True)
        async with (
            BareBus(self.secret, "honest") as bus,
            await self._dial(bus, link) as session,
        ):
            async with await session.open("echo") as stream:
                await stream.write(b"hello")
                await stream.finish()
                assert await stream.read() == b"hello"
            await session.send(sent)
            await session.fetch(name, fetched)
            assert (fetched / name).read_bytes() == sent.read_bytes()
        self.served += 1

    async def _dial(self, bus: BareBus, link: str) -> Connection:
        """A session within the ordinary time of one: where it is refused it dials again, as a
        keeper does, for a place among handshakes may be another's at the moment."""
        host, port = self.victim.at
        public = self.victim.public
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await bus.connect(host, port, public, link=link, psk=self.psk)
            except PeerError:
                if time.monotonic() > end:
                    raise
                self.redials += 1
                await asyncio.sleep(REDIAL_S)

    def once(self, link: str = "tcp") -> None:
        """Raises what went wrong."""
        asyncio.run(self.serve_once(link))

    def while_(self, attack: Callable[[], Result], links: tuple = ("tcp", "udp")) -> Result:
        """Runs `attack` in a thread of its own, and is served all the time; once more afterwards.
        Raises what either met."""
        results: list = []

        def run() -> None:
            try:
                results.append(attack())
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's thread
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        turns = itertools.cycle(links)
        try:
            while thread.is_alive():
                self.once(next(turns))
        finally:
            thread.join()
        for link in links:
            self.once(link)
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    async def throughout(self, over: Callable[[], bool], links: tuple = ("tcp", "udp")) -> None:
        """Runs until `over()`; what fails is kept in `failures`."""
        for link in itertools.cycle(links):
            if over():
                return
            try:
                await self.serve_once(link)
            except (BusError, OSError, AssertionError, asyncio.IncompleteReadError) as error:
                what = f"{link}: {type(error).__name__}: {error}"
                self.failures.append(f"{what}, beside {self.beside()}")
