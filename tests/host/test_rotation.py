"""A node changes its key, and its peers follow; all on loopback, with files that are real."""

import asyncio
import contextlib
import os
import random

import pytest
from click.testing import CliRunner

from dsoftbus.const import EV_KEY_DUE, EV_KEY_MOVED
from dsoftbus.errors import BAD_STATE, KEY_FILE, NOT_PAIRED, BusError, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust import nextkey
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import files, keys, next_key
from dsoftbus_host import place as place_module
from dsoftbus_host.cli import main
from dsoftbus_host.crypto import suite
from dsoftbus_host.interfaces import LOOPBACK
from dsoftbus_host.nearby import Nearby
from dsoftbus_host.store_file import StoreFile

TIMEOUT_S = 30
ALL = grant("allow both *")


class Home:
    """What one node has on disk, and the node at each of its starts."""

    def __init__(self, folder, name: str, discovery_port: int) -> None:
        self.name = name
        self.key_path = folder / f"{name}.key"
        self.trust_path = folder / f"{name}.json"
        self.events: asyncio.Queue = asyncio.Queue()
        self._port = discovery_port
        next_key.load(self.key_path)

    @property
    def public(self) -> bytes:
        return suite().keypair(keys.load(self.key_path)).public

    @property
    def id(self) -> str:
        return device_id(self.public)

    def start(self) -> Nearby:
        node = Nearby(
            next_key.load(self.key_path),
            self.name,
            StoreFile(self.trust_path),
            self.events.put_nowait,
            listen=(LOOPBACK.address, 0),
            interfaces=[LOOPBACK],
            discovery_port=self._port,
            key_path=self.key_path,
        )
        files.serve_echo(node.bus)
        return node

    def trusts(self, *others: "Home") -> None:
        file = StoreFile(self.trust_path)
        for other in others:
            file.store.add(Entry(other.public, other.name, [ALL]))
        file.save()

    def knows(self) -> list:
        return sorted((entry.name, entry.id) for entry in StoreFile(self.trust_path).store)

    async def event(self, kind: int):
        while True:
            event = await asyncio.wait_for(self.events.get(), TIMEOUT_S)
            if event.kind == kind:
                return event


def homes(folder, *names: str) -> list:
    """Nodes that trust each other."""
    port = random.randrange(20000, 30000)
    made = [Home(folder, name, port) for name in names]
    for home in made:
        home.trusts(*[other for other in made if other is not home])
    return made


async def echo(node: Nearby, device: str) -> bytes:
    connection = await node.connect(device)
    async with await connection.open("echo") as stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


async def told(node: Nearby, device: str) -> None:
    """Returns when `device` holds the next key of `node`."""
    while node.guard.rotation is None or device not in node.guard.rotation.told:
        await asyncio.sleep(0.01)


def test_peers_follow_a_new_key_and_who_was_away_pairs_again(tmp_path):
    async def story():
        hub, near, away = homes(tmp_path, "hub", "near", "away")
        old = hub.id
        next_key.plan(hub.key_path, 4)
        async with near.start() as peer:
            async with hub.start() as node:
                await peer.heard("hub")
                assert await echo(peer, old) == b"hello"
                await told(node, near.id)
            # The hub starts anew in the middle: the same key still, and the same plan.
            assert hub.id == old
            async with hub.start() as node:
                await hub.event(EV_KEY_DUE)
                assert hub.id != old  # in the file; this node ends as the old one
                assert node.bus.id == old
            async with hub.start() as node:
                assert node.bus.id == hub.id != old
                await peer.heard(hub.id)
                assert await echo(peer, old) == b"hello"  # by its old id, which has moved
                moved = await near.event(EV_KEY_MOVED)
                assert (moved.name, moved.peer) == (old, hub.id)
                assert await echo(peer, old) == b"hello"
                assert await echo(node, near.id) == b"hello"
                async with away.start() as stranger:
                    await stranger.heard(hub.id)
                    connection = await node.connect(await node.heard("away"))
                    await asyncio.wait_for(connection.closed.wait(), TIMEOUT_S)
                    assert connection.session.peer_code == NOT_PAIRED
        assert ("hub", hub.id) in near.knows()
        assert ("hub", old) in away.knows()
        assert not hub.key_path.with_name("hub.key.next").exists()

    asyncio.run(asyncio.wait_for(story(), 3 * TIMEOUT_S))


def test_a_key_whose_time_came_while_the_node_was_off_changes_at_its_start(tmp_path, monkeypatch):
    path = tmp_path / "node.key"
    first = next_key.load(path)
    second = next_key.plan(path, 100)
    assert next_key.load(path) == first
    soon = next_key.time.time() + 101
    monkeypatch.setattr(next_key.time, "time", lambda: soon)
    assert next_key.load(path) == second == keys.load(path)
    assert next_key.planned(path) is None
    assert next_key.load(path) == second


def test_one_change_at_a_time(tmp_path):
    path = tmp_path / "node.key"
    next_key.load(path)
    next_key.plan(path, 100)
    with pytest.raises(LocalError) as caught:
        next_key.plan(path, 100)
    assert caught.value.code == BAD_STATE


class Cut(BaseException):
    """The power goes."""


@pytest.mark.parametrize("step", range(4))
def test_a_cut_at_any_step_leaves_a_node_with_its_old_or_its_new_key(tmp_path, monkeypatch, step):
    path = tmp_path / "node.key"
    old = next_key.load(path)
    new = next_key.plan(path, 100)
    left = [step]

    def cut(call):
        def run(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            return call(*args, **kwargs)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(place_module.os, "fsync", cut(os.fsync))
        patch.setattr(next_key.Path, "unlink", cut(next_key.Path.unlink))
        with contextlib.suppress(Cut):
            next_key.switch(path)
    assert keys.load(path) in (old, new)
    found = next_key.planned(path)  # the plan is there, or it is done
    assert (found is None) == (keys.load(path) == new)
    next_key.switch(path)
    assert keys.load(path) == new
    assert next_key.planned(path) is None


def test_a_damaged_plan_is_reported_and_left(tmp_path):
    path = tmp_path / "node.key"
    next_key.load(path)
    next_key.plan(path, 100)
    beside = tmp_path / "node.key.next"
    whole = beside.read_bytes()
    for data in [whole[:n] for n in range(len(whole))] + [whole + b"\n", b"x" + whole[1:]]:
        beside.write_bytes(data)
        with pytest.raises(BusError) as caught:
            next_key.load(path)
        assert caught.value.code == KEY_FILE
        assert beside.read_bytes() == data


def test_a_clock_that_went_back_makes_the_grace_whole_and_no_more():
    assert nextkey.left_s(100, 1000, 950) == 50
    assert nextkey.left_s(100, 1000, 0) == 100
    assert nextkey.left_s(100, 1000, 5000) == 0


def test_rotate_says_what_will_be(tmp_path):
    path = tmp_path / "node.key"
    result = CliRunner().invoke(main, ["rotate", "--key", str(path)])
    assert result.exit_code == 0, result.output
    secret, left_s = next_key.planned(path)
    public = suite().keypair(secret).public
    assert device_id(public) in result.output
    assert public.hex() in result.output
    assert 0 < left_s <= 7 * 86400
    again = CliRunner().invoke(main, ["rotate", "--key", str(path)])
    assert again.exit_code == 1
    assert "under way" in again.output
