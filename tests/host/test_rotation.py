"""A node changes its key, and its peers follow; all on loopback, with files that are real."""

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dsoftbus.base.key_file import encode_secret
from dsoftbus.const import EV_KEY_DUE, EV_KEY_MOVED
from dsoftbus.errors import BAD_STATE, KEY_FILE, NOT_PAIRED, BusError, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import files, key_file
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.command import main
from dsoftbus_host.clock import now_ms
from dsoftbus_host.crypto import suite
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage import atomic_file as place_module
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep import next_key
from free_ports import free_port
from portable import TIMEOUT_S

ALL = grant("allow both *")


class Home:
    """The files of one node, and the node at each of its starts."""

    def __init__(self, folder, name: str, discovery_port: int) -> None:
        self.name = name
        self.key_path = folder / f"{name}.key"
        self.trust_path = folder / f"{name}.json"
        self.events: asyncio.Queue = asyncio.Queue()
        self._port = discovery_port
        next_key.load(self.key_path)

    @property
    def public(self) -> bytes:
        return suite().keypair(key_file.load(self.key_path)).public

    @property
    def id(self) -> str:
        return device_id(self.public)

    def start(self) -> Bus:
        node = Bus(
            self.name,
            key=self.key_path,
            trust=StoreFile(self.trust_path),
            on_event=self.events.put_nowait,
            host=LOOPBACK.address,
            interfaces=[LOOPBACK],
            discovery_port=self._port,
        )
        files.serve_echo(node)
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
    port = free_port()
    made = [Home(folder, name, port) for name in names]
    for home in made:
        home.trusts(*[other for other in made if other is not home])
    return made


async def echo(node: Bus, device: str) -> bytes:
    connection = await node.reach(device)
    async with await connection.open("echo") as stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


async def told(node: Bus, device: str) -> None:
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
                assert node.id == old
            async with hub.start() as node:
                assert node.id == hub.id != old
                await peer.heard(hub.id)
                assert await echo(peer, old) == b"hello"  # by its old id, which has moved
                moved = await near.event(EV_KEY_MOVED)
                assert (moved.name, moved.peer) == (old, hub.id)
                assert await echo(peer, old) == b"hello"
                assert await echo(node, near.id) == b"hello"
                async with away.start() as stranger:
                    await stranger.heard(hub.id)
                    connection = await node.reach(await node.heard("away"))
                    await asyncio.wait_for(connection.ended(), TIMEOUT_S)
                    assert connection.session.peer_code == NOT_PAIRED
        assert ("hub", hub.id) in near.knows()
        assert ("hub", old) in away.knows()
        assert not hub.key_path.with_name("hub.key.next").exists()

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))


DAY_S = 86400


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, as the plan sees it."""

    class Clock:
        now = 1_800_000_000

    monkeypatch.setattr(next_key.time, "time", lambda: Clock.now)
    return Clock


def off(path, trusted=(), for_s: int = 0, clock=None, told=()) -> int:
    """The node is off for so long by the clock, and starts; what is left of the grace then."""
    found = next_key.read(path)
    next_key.note(path, found, found.left_s, told, True)
    if clock is not None:
        clock.now += for_s
    assert next_key.load(path) == key_file.load(path)
    return next_key.start(path, trusted).left_s


def test_no_jump_of_the_clock_changes_a_key_that_nobody_knows(tmp_path, clock):
    path = tmp_path / "node.key"
    clock.now = 0  # a clock without a battery, in 1970
    first = next_key.load(path)
    next_key.plan(path, 7 * DAY_S)
    for now in (1_800_000_000, 1_800_000_000 + 40 * DAY_S, 1_800_000_000, 0, 2**40):
        clock.now = now
        assert next_key.load(path) == first
        assert next_key.start(path, ()).left_s == 7 * DAY_S
        assert next_key.start(path, ("a" * 26, "b" * 26)).left_s == 7 * DAY_S
        assert next_key.load(path) == first


def test_time_in_which_it_is_off_counts_when_all_were_told_and_a_day_at_most(tmp_path, clock):
    path = tmp_path / "node.key"
    next_key.load(path)
    next_key.plan(path, 7 * DAY_S)
    one, other = "a" * 26, "b" * 26
    assert off(path, (one, other), 3600, clock, (one,)) == 7 * DAY_S
    assert off(path, (one, other), 3600, clock, (other,)) == 7 * DAY_S - 3600
    assert off(path, (one, other), 0, clock) == 7 * DAY_S - 3600
    assert off(path, (one, other), 1, clock) == 7 * DAY_S - 3601
    assert off(path, (one, other), -1, clock) == 7 * DAY_S - 3601
    assert off(path, (one, other), 1, clock) == 7 * DAY_S - 3602
    assert off(path, (one, other), 40 * DAY_S, clock) == 6 * DAY_S - 3602
    clock.now -= 40 * DAY_S  # it was ahead for a moment
    assert off(path, (one, other), 0, clock) == 6 * DAY_S - 3602
    third = "c" * 26  # paired since, and not told
    assert off(path, (one, other, third), 3600, clock) == 6 * DAY_S - 3602
    for _ in range(10):
        left_s = off(path, (one, other), DAY_S, clock)
    assert left_s == 1  # the end itself is left to a node that runs


def test_a_jump_never_ends_a_short_grace(tmp_path, clock):
    path = tmp_path / "node.key"
    first = next_key.load(path)
    next_key.plan(path, 100)
    one = "a" * 26
    assert off(path, (one,), 10 * DAY_S, clock, (one,)) == 75
    assert next_key.load(path) == first


def test_what_has_run_is_noted_seldom_and_never_lost_in_order(tmp_path, monkeypatch):
    path = tmp_path / "node.key"
    next_key.load(path)
    next_key.plan(path, 7 * DAY_S)
    ours = next_key.start(path, ())
    places = []
    real = next_key.place
    monkeypatch.setattr(next_key, "place", lambda *args: places.append(1) or real(*args))
    for ran in range(0, DAY_S, 2):  # a day, with a look every two seconds
        next_key.note(path, ours, 7 * DAY_S - ran, ())
    assert len(places) == 23
    assert ours.left_s == 7 * DAY_S - 23 * 3600
    other = next_key.read(path)
    assert not other.note(7 * DAY_S - 24 * 3600 + 1, (), 0)
    assert other.note(7 * DAY_S - 24 * 3600, (), 0)
    assert not other.note(7 * DAY_S - 24 * 3600, (), 0, True)  # nothing has run since
    next_key.note(path, ours, 6 * DAY_S + 17, (), True)
    assert next_key.planned(path)[1] == 6 * DAY_S + 17
    next_key.note(path, ours, 6 * DAY_S + 16, ("a" * 26,))
    next_key.note(path, ours, 6 * DAY_S + 15, ("a" * 26,))
    assert next_key.planned(path)[1] == 6 * DAY_S + 16
    assert next_key.read(path).told == ["a" * 10]


def test_a_plan_that_was_taken_back_stays_so(tmp_path):
    path = tmp_path / "node.key"
    first = next_key.load(path)
    next_key.plan(path, 100)
    ours = next_key.start(path, ())
    next_key.cancel(path)
    next_key.note(path, ours, 50, (), True)  # by a node that has not noticed yet
    next_key.switch(path)
    assert next_key.planned(path) is None
    assert next_key.load(path) == first
    with pytest.raises(LocalError) as caught:
        next_key.cancel(path)
    assert caught.value.code == BAD_STATE


def test_a_plan_of_an_older_version_begins_anew(tmp_path):
    path = tmp_path / "node.key"
    next_key.load(path)
    body = encode_secret(b"n" * 32) + b"604800 1800000000 "
    check = hashlib.sha256(body).digest()[:8].hex().encode() + b"\n"
    path.with_name("node.key.next").write_bytes(body + check)
    assert next_key.planned(path) == (b"n" * 32, 604800)
    assert next_key.start(path, ()).left_s == 604800


def test_two_processes_that_change_the_key_at_once_are_one_change(tmp_path):
    path = tmp_path / "node.key"
    next_key.load(path)
    second = next_key.plan(path, 100)
    command = "import sys\nfrom pathlib import Path\nfrom dsoftbus_host.upkeep import next_key\n"
    command += "next_key.switch(Path(sys.argv[1]))\nnext_key.load(Path(sys.argv[1]))\n"
    racers = [subprocess.Popen([sys.executable, "-c", command, str(path)]) for _ in range(6)]
    assert [racer.wait(TIMEOUT_S) for racer in racers] == [0] * 6
    assert key_file.load(path) == second
    assert next_key.planned(path) is None


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
    assert key_file.load(path) in (old, new)
    found = next_key.planned(path)  # the plan is there, or it is done
    assert (found is None) == (key_file.load(path) == new)
    next_key.switch(path)
    assert key_file.load(path) == new
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
    taken_back = CliRunner().invoke(main, ["rotate", "--cancel", "--key", str(path)])
    assert taken_back.exit_code == 0, taken_back.output
    assert next_key.planned(path) is None
    assert CliRunner().invoke(main, ["rotate", "--cancel", "--key", str(path)]).exit_code == 1


def test_a_node_that_runs_notices_that_its_change_was_taken_back(tmp_path):
    async def story():
        (hub,) = homes(tmp_path, "hub")
        next_key.plan(hub.key_path, 1)
        async with hub.start() as node:
            assert node.guard.rotation is not None
            next_key.cancel(hub.key_path)
            node.watch._look_at_files()
            assert node.guard.rotation is None
            next_key.plan(hub.key_path, 1)
            old = node.id
            await hub.event(EV_KEY_DUE)
            assert hub.id != old

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))


def test_a_node_notes_what_has_run_and_who_was_told(tmp_path):
    clock = [now_ms()]

    async def story():
        hub, near = homes(tmp_path, "hub", "near")
        next_key.plan(hub.key_path, 1000)
        async with hub.start() as node:
            node.now = lambda: clock[0]
            clock[0] += 30_000
            node.watch._look_at_files()  # a forty-eighth has passed
            assert next_key.planned(hub.key_path)[1] == 970
            clock[0] += 5_000
            node.watch._look_at_files()
            assert next_key.planned(hub.key_path)[1] == 970
            node.guard.rotation.told.add(near.id)
            node.watch._look_at_files()
            assert next_key.read(hub.key_path).told == [near.id[:10]]
            clock[0] += 2_000
        assert next_key.planned(hub.key_path)[1] == 963  # at the end, in order

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))


def test_a_change_at_once_is_noticed_by_a_node_that_had_it_planned(tmp_path):
    async def story():
        (hub,) = homes(tmp_path, "hub")
        planned = next_key.plan(hub.key_path, 1000)
        async with hub.start() as node:
            words = ["rotate", "--now", "--key", str(hub.key_path)]
            result = await asyncio.to_thread(CliRunner().invoke, main, words)
            assert result.exit_code == 0, result.output
            assert key_file.load(hub.key_path) == planned
            assert hub.id in result.output
            await hub.event(EV_KEY_DUE)
            assert node.id != hub.id

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))
