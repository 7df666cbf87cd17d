"""A `dsoftbus pair` that waits goes on waiting, whatever strangers do: real processes."""

import asyncio
import os

from commands import Conversation
from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIR_FAILED, EV_PAIRED
from dsoftbus.discovery.announce import FLAG_PAIRING
from dsoftbus.trust.acl import grant
from dsoftbus_host.bus import Bus
from dsoftbus_host.clock import now_ms
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port

TIMEOUT_S = 60
HERE = "127.0.0.1/8"


class Node:
    """A node beside the waiting one; `on_digits(guard, digits)` says what its person does."""

    def __init__(self, folder, name: str, port: int, on_digits) -> None:
        self.seen: asyncio.Queue = asyncio.Queue()
        self._on_digits = on_digits
        self.nearby = Bus(
            name,
            key=os.urandom(32),
            trust=StoreFile(folder / f"{name}.json"),
            on_event=self._on_event,
            grants=[grant("allow in *")],
            listen=False,
            interfaces=[LOOPBACK],
            discovery_port=port,
        )

    def _on_event(self, event) -> None:
        if event.kind == EV_PAIR_DIGITS:
            self._on_digits(self.nearby.guard, event.about.pairing.digits)
        elif event.kind in (EV_PAIRED, EV_PAIR_FAILED):
            self.seen.put_nowait(event.kind)

    async def pair(self) -> int:
        """EV_PAIRED or EV_PAIR_FAILED, after an attempt with whoever takes pairings."""
        while True:
            for peer in list(self.nearby.peers):
                if peer.flags & FLAG_PAIRING and peer.online:
                    connection = await self.nearby.reach(peer.id)
                    self.nearby.guard.pair(connection.session, now_ms())
                    return await self.seen.get()
            await asyncio.sleep(0.02)


def meet(folder, test, *words) -> None:
    async def scenario() -> None:
        port = free_port()
        files = ("--key", folder / "own.key", "--trust", folder / "own.json")
        where = ("--interface", HERE, "--discovery-port", port)
        async with Conversation("pair", *files, *where, *words) as waiting:
            await waiting.until("waiting for a peer")
            await test(waiting, port)

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))


def cancel(guard, digits) -> None:
    guard.cancel()


def confirm(guard, digits) -> None:
    guard.confirm(digits)


def test_a_stranger_that_gives_up_does_not_end_the_wait(tmp_path):
    async def test(waiting, port) -> None:
        for name in ("rude", "rude-too"):
            rude = Node(tmp_path, name, port, cancel)
            async with rude.nearby:
                assert await rude.pair() == EV_PAIR_FAILED
            await waiting.until(f"{name} gave up")
            await waiting.until(f"{name} did not pair: a person said no")
            waiting.types("y")  # too late, and for digits of whoever has gone
        friend = Node(tmp_path, "friend", port, confirm)
        async with friend.nearby:
            pairing = asyncio.ensure_future(friend.pair())
            await waiting.until("friend (")
            before, _, waiting.said = waiting.said.partition("friend (")
            await waiting.until("Type the six digits")  # a `y` may be meant for who has gone
            waiting.types("y")
            waiting.types(waiting.digits)
            assert await pairing == EV_PAIRED
            await waiting.until("paired with friend")
            assert await waiting.status() == 0
        assert "paired with rude" not in before + waiting.said

    meet(tmp_path, test)
    assert [entry.name for entry in StoreFile(tmp_path / "own.json").store] == ["friend"]


def test_a_person_that_says_no_goes_on_waiting(tmp_path):
    async def test(waiting, port) -> None:
        wrong, right = (
            Node(tmp_path, "wrong", port, confirm),
            Node(tmp_path, "right", port, confirm),
        )
        async with wrong.nearby:
            pairing = asyncio.ensure_future(wrong.pair())
            await waiting.until("wrong (")
            waiting.types("n")
            assert await pairing == EV_PAIR_FAILED
        async with right.nearby:
            pairing = asyncio.ensure_future(right.pair())
            await waiting.until("right (")
            waiting.types("y")
            assert await pairing == EV_PAIRED
            assert await waiting.status() == 0

    meet(tmp_path, test)
