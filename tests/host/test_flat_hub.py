"""A hub does as much for one of its sessions among 300 as among 10.

Calls of this project's functions are counted, in virtual time, for each kind of event. The least
of several counts stands: the loop may gather what comes together, or not.
"""

from __future__ import annotations

import asyncio
import collections
import os
import sys
from collections.abc import Awaitable, Callable

import pytest

from backend import ANYONE, BareBus, run
from dsoftbus.const import HOST
from dsoftbus.discovery.announce import Announcement
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_aio.echo import serve_echo
from portable import ROOT

FEW, MANY = 10, 300
TRIES = 5
QUIET_S = 0.3  # every acknowledgement and every probe is over
OURS = (str(ROOT / "core"), str(ROOT / "host"))


class Roomy(HOST):
    """Opens as many as a test asks for, and nothing comes of itself."""

    sessions = peer_sessions = half_open = handshakes = 2 * MANY
    keepalive_ms = 0


class Counter:
    """Counts the calls of this project's functions in its `with` block, all and by name."""

    def __enter__(self) -> Counter:
        self.calls = 0
        self.of: collections.Counter[str] = collections.Counter()
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _on_event(self, frame, event: str, _what: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.calls += 1
            self.of[frame.f_code.co_name] += 1


class Hub:
    """A hub with `count` sessions over `link`, all with one client."""

    def __init__(self, link: str, count: int) -> None:
        self.link = link
        self.count = count
        self.hub = BareBus(os.urandom(32), profile=Roomy, allow=ANYONE)
        self.client = BareBus(os.urandom(32), profile=Roomy)
        serve_echo(self.hub)
        self.hub.publish("other", 0)
        self.hub.publish("mine", 0)

    async def __aenter__(self) -> Hub:
        self.port = await self.hub.listen("127.0.0.1", link=self.link)
        self.sessions = [await self.connect() for _ in range(self.count)]
        self.streams = [await session.open("echo") for session in self.sessions[:3]]
        self.others = [session.subscribe("other") for session in self.sessions[2:]]
        self.updates = self.sessions[0].subscribe("mine")
        await self.updates.__anext__()
        await self.echo()
        await asyncio.sleep(QUIET_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.hub.close()

    async def connect(self):
        return await self.client.connect("127.0.0.1", self.port, self.hub.public, link=self.link)

    # The events

    async def echo(self) -> None:
        await self.streams[0].write(bytes(32))
        await self.streams[0].readexactly(32)

    async def timer(self) -> None:
        """A packet, and all that falls due after it."""
        await self.sessions[1].ping()
        await asyncio.sleep(QUIET_S)

    async def open_and_close(self) -> None:
        session = await self.connect()
        await asyncio.sleep(QUIET_S)  # else what the peer may lack comes with the farewell
        await session.close()
        await asyncio.sleep(QUIET_S)

    async def stream(self) -> None:
        stream = await self.sessions[1].open("echo")
        await stream.finish()
        await stream.read()
        await asyncio.sleep(QUIET_S)

    async def publication(self) -> None:
        self.hub.publish("mine", 1)
        await self.updates.__anext__()

    async def subscription(self) -> None:
        updates = self.sessions[1].subscribe("mine")
        await updates.__anext__()
        updates.close()
        await asyncio.sleep(QUIET_S)

    async def nothing(self) -> None:
        await asyncio.sleep(1)


EVENTS = ("echo", "timer", "open_and_close", "stream", "publication", "subscription", "nothing")


async def least(event: Callable[[], Awaitable[None]]) -> int:
    found = []
    for _ in range(TRIES):
        await asyncio.sleep(QUIET_S)
        with Counter() as counter:
            await event()
        found.append(counter.calls)
    return min(found)


def counted(link: str, count: int) -> dict[str, int]:
    async def all_events() -> dict[str, int]:
        async with Hub(link, count) as hub:
            return {name: await least(getattr(hub, name)) for name in EVENTS}

    found: dict[str, int] = run(all_events())
    return found


@pytest.mark.parametrize("link", ["tcp", "udp"])
def test_no_event_is_dearer_among_many_sessions(link):
    few, many = counted(link, FEW), counted(link, MANY)
    assert few["nothing"] == many["nothing"] == 0
    # A walk over all would be 290 calls more. What gathers in one packet or two differs by 100.
    dearer = {name: (few[name], many[name]) for name in EVENTS if many[name] > few[name] + 150}
    assert not dearer


class Absent:
    """A desk that seeks `count` trusted peers, and reaches none."""

    def __init__(self, count: int) -> None:
        self.desk = BareBus(os.urandom(32), profile=Roomy)
        self.desk.on_error = lambda error: None
        store = TrustStore(Roomy)
        self.desk.node.guard = Guard(store, os.urandom)
        self.table = self.desk.node.discover()
        self.nodes = [BareBus(os.urandom(32)) for _ in range(count)]
        for n, node in enumerate(self.nodes):
            store.add(Entry(node.public, f"n{n}", [grant("allow both *")]))

    async def __aenter__(self) -> Absent:
        for n in range(len(self.nodes)):
            self.desk.peer(f"n{n}").start()
        await asyncio.sleep(25)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.desk.close()

    async def announcement(self) -> None:
        """One of them says that it is there, and is not."""
        node = self.nodes[0]
        said = Announcement(node.id, node.public, [], (), "n0")
        said.sequence = self.desk.now()
        self.table.receive_datagram(said.encode(), ("127.0.0.1", 37020), self.desk.now())
        await asyncio.sleep(QUIET_S)


def heard(count: int) -> tuple[int, collections.Counter[str]]:
    """(calls for one announcement, calls by name in 15 s, in which each is tried once)"""

    async def both() -> tuple[int, collections.Counter[str]]:
        async with Absent(count) as absent:
            with Counter() as counter:
                await asyncio.sleep(15)
            return await least(absent.announcement), counter.of

    found: tuple[int, collections.Counter[str]] = run(both())
    return found


def test_peers_that_are_not_there_cost_nothing_but_their_attempts():
    few, _ = heard(FEW)
    many, of = heard(MANY)
    assert few == many
    assert of["_listen"] == of["_attempt"] > 0
