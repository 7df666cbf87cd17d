"""The trust store under several processes: nothing is lost, nothing removed comes back."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsoftbus.const import HOST
from dsoftbus.errors import STORE_BUSY, STORE_DAMAGED, STORE_FULL, LocalError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry
from dsoftbus.trust.store_text import decode
from dsoftbus_host.bus import Bus
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage import file_lock, trust_file
from dsoftbus_host.storage.atomic_file import writing
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from portable import PYTHON_PATH

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 120
ENVIRONMENT = {**os.environ, "PYTHONPATH": PYTHON_PATH}
NAMES = "abcdefgh"


def key(name: str) -> bytes:
    return name.encode() * 32


def ident(name: str) -> str:
    return device_id(key(name))


@pytest.fixture
def path(tmp_path):
    """A store with the peers a to h."""
    file = StoreFile(tmp_path / "trust.json")
    for name in NAMES:
        file.store.add(Entry(key(name), f"peer-{name}", [grant("allow in echo")], 1700000000))
    file.save()
    return file.path


def names(path) -> str:
    return "".join(sorted(entry.name[-1] for entry in StoreFile(path).store))


def start(*command, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *command],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def dsoftbus(path, *words) -> subprocess.Popen:
    return start("-m", "dsoftbus_host.cli.command", *words, "--trust", str(path))


def ended(processes) -> list:
    """The exit status of each."""
    outputs = [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]
    return [(process.returncode, said) for process, said in zip(processes, outputs, strict=True)]


def test_six_commands_at_once_all_take_effect(path, tmp_path):
    other = StoreFile(tmp_path / "other.json")
    other.store.add(Entry(key("z"), "peer-z"))
    other.save()
    commands = (
        ("unpair", "peer-a"),
        ("unpair", "peer-b"),
        ("allow", "peer-c", "x"),
        ("deny", "peer-d", "y"),
        ("trust", "import", "--yes", str(other.path)),
        ("unpair", ident("e")),
    )
    for status, said in ended([dsoftbus(path, *words) for words in commands]):
        assert status == 0, said
    assert names(path) == "cdfghz"
    rules = {str(own) for own in StoreFile(path).store.rules}
    assert rules == {f"allow in {ident('c')} x", f"deny in {ident('d')} y"}


# A process that has the store in memory and saves it as often as it can, as a node does whose peer
# keeps it busy; and one that takes a peer away, adds one, and adds a rule, one change at a time.
BUSY = """
import sys
import time
from pathlib import Path
from dsoftbus_host.storage.trust_file import StoreFile
file = StoreFile(Path(sys.argv[1]))
print("ready", flush=True)
n = 0
while not Path(sys.argv[2]).exists():
    n += 1
    for entry in file.store:
        entry.next_public, entry.next_for_s = bytes((n % 200 + 1,)) * 32, n
    file.store.touch()
    file.save(60)
    time.sleep(0.01)
"""
CHANGES = """
import sys
from pathlib import Path
from dsoftbus.trust.acl import rule
from dsoftbus.trust.store import Entry
from dsoftbus_host.storage.trust_file import StoreFile
path, name = Path(sys.argv[1]), sys.argv[2]
for n in range(10):
    with StoreFile(path).change() as store:
        store.add(Entry(bytes((ord(name), n)) * 16, f"new-{n}-{name}"))
    with StoreFile(path).change() as store:
        store.add_rule(rule(f"allow in * {name}{n}"))
with StoreFile(path).change() as store:
    store.remove(store.find("peer-" + name).id)
for n in range(0, 10, 2):
    with StoreFile(path).change() as store:
        store.remove(store.find(f"new-{n}-{name}").id)
"""


def test_many_writers_and_nodes_that_save_all_the_time(path, tmp_path):
    stop = tmp_path / "stop"
    busy = [start("-c", BUSY, str(path), str(stop)) for _ in range(2)]
    for node in busy:
        assert node.stdout.readline() == "ready\n"
    for status, said in ended([start("-c", CHANGES, str(path), name) for name in "abcd"]):
        assert status == 0, said
    stop.touch()
    for status, said in ended(busy):
        assert status == 0, said
    store = StoreFile(path).store
    expected = {f"new-{n}-{name}" for n in range(1, 10, 2) for name in "abcd"}
    expected |= {f"peer-{name}" for name in "efgh"}
    assert {entry.name for entry in store} == expected
    assert {str(own) for own in store.rules} == {
        f"allow in * {name}{n}" for n in range(10) for name in "abcd"
    }
    assert [entry for entry in store.promises() if entry.name == "peer-e"]  # what they did, too


# Kills itself at the n-th call that touches a file.
KILLED = """
import os, signal, sys
from pathlib import Path
left = int(sys.argv[2])
def count(call):
    def run(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return run
from dsoftbus_host.storage import atomic_file, trust_file
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.storage.file_lock import held
for name in ("open", "fsync", "replace", "close", "listdir", "write", "fdopen"):
    setattr(os, name, count(getattr(os, name)))
atomic_file.place.__defaults__ = (os.replace,)
with StoreFile(Path(sys.argv[1])).change() as store:
    store.remove(store.find("peer-a").id)
left = 10 ** 6
print("done")
"""


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_writer_that_is_killed_at_any_step_leaves_the_old_store_or_the_new(path):
    whole = path.read_bytes()
    seen = set()
    for step in range(100):
        path.write_bytes(whole)
        ((status, said),) = ended([start("-c", KILLED, str(path), str(step))])
        seen.add(decode(path.read_text(), HOST).get(ident("a")) is None)
        with StoreFile(path).change() as store:  # nobody is locked out
            store.add_rule(rule("allow in * x"))
        assert sorted(os.listdir(path.parent)) == ["trust.json", "trust.json.lock"]
        if status == 0:
            assert said == "done\n"
            break
        assert "done" not in said
    assert status == 0
    assert step > 8
    assert seen == {False, True}


def test_remains_of_others_are_theirs(path):
    foreign = [
        ".trust.json.swp",
        ".trust.json.abcdefgh",
        ".trust.json.abcdefgh.dsoftbus-tmp~",
        ".trust.json.places.abcdefgh.dsoftbus-tmp",
        "trust.json.abcdefgh.dsoftbus-tmp",
        ".other.json.abcdefgh.dsoftbus-tmp",
    ]
    for name in foreign:
        (path.parent / name).write_text("mine")
    (path.parent / ".trust.json.aaaaaaaa.dsoftbus-tmp").mkdir()
    own = path.parent / ".trust.json.abcdefgh.dsoftbus-tmp"
    own.write_text("cut")
    with writing(path):
        StoreFile(path)  # while somebody saves, nothing is certainly left behind
        own.write_text("being written")
        StoreFile(path)
        assert own.exists()
    StoreFile(path)
    assert not own.exists()
    for name in foreign:
        assert (path.parent / name).read_text() == "mine"


def test_a_lock_that_another_holds_is_waited_for_and_then_said(path, monkeypatch):
    file = StoreFile(path)
    file.store.remove(ident("a"))
    holder = "import sys, time\nfrom pathlib import Path\n"
    holder += "from dsoftbus_host.storage.file_lock import held\n"
    holder += "with held(Path(sys.argv[1]), 1):\n print('held', flush=True)\n sys.stdin.read()\n"
    process = start("-c", holder, str(path), stdin=subprocess.PIPE)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LocalError) as refused:
        file.save(0)
    assert refused.value.code == STORE_BUSY
    assert "a" in names(path)  # and reading needs no lock
    clock = iter(range(1000))
    monkeypatch.setattr(file_lock.time, "monotonic", lambda: next(clock))
    with pytest.raises(LocalError):
        file.save(20)
    assert 20 <= next(clock) < 30
    monkeypatch.undo()
    process.kill()  # a lock ends with its holder
    process.communicate()
    file.save()
    assert "a" not in names(path)


# A file that somebody else writes while a node runs


@pytest.fixture
def clock(monkeypatch):
    """Returns the clock of the store's file; it stands still by itself."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(trust_file.time, "monotonic", lambda: Clock.now)
    return Clock


def busy(file, code=STORE_DAMAGED) -> None:
    with pytest.raises(LocalError) as caught:
        file.reread()
    assert caught.value.code == code


def test_a_restore_in_two_halves_is_waited_for(path, clock):
    file = StoreFile(path)
    before = file.store.encode()
    changed = StoreFile(path)
    changed.store.remove(ident("a"))
    new = changed.store.encode().encode()
    for at in (0, 10, len(new) // 2, len(new) - 1):
        path.write_bytes(new[:at])
        for _ in range(3):
            busy(file)
            clock.now += 100
        assert file.store.encode() == before
        assert path.read_bytes() == new[:at]
        assert sorted(os.listdir(path.parent)) == ["trust.json", "trust.json.lock"]
    path.write_bytes(new)
    assert file.reread() is not None
    assert file.store.encode().encode() == new
    assert file.reread() is None


def test_a_file_that_is_away_for_a_moment_ends_nothing(path, clock):
    file = StoreFile(path)
    text = path.read_bytes()
    path.unlink()
    busy(file, STORE_BUSY)
    clock.now += 0.5
    busy(file, STORE_BUSY)
    path.write_bytes(text)
    file.reread()
    assert len(file.store) == len(NAMES)
    path.unlink()
    busy(file, STORE_BUSY)
    clock.now += 2  # and one that stays away was taken away
    assert len(file.reread()) == 0
    assert len(file.store) == 0
    file.save()
    assert not path.exists()


def test_a_save_waits_while_the_file_is_being_written_and_then_keeps_what_was_there(path, clock):
    file = StoreFile(path)
    file.store.remove(ident("a"))
    path.write_bytes(b"half of")
    editor = path.open("ab")
    for _ in range(2):
        with pytest.raises(LocalError) as caught:
            file.save()
        assert caught.value.code == STORE_BUSY
        assert path.read_bytes() == b"half of"
    clock.now += 2
    file.save()
    assert names(path) == "bcdefgh"
    editor.write(b" something")
    editor.close()
    assert file.damaged.read_bytes() == b"half of something"
    assert names(path) == "bcdefgh"


def test_a_file_that_is_away_is_not_written_back_with_those_who_were_in_it(path, clock):
    file = StoreFile(path)
    file.store.add(Entry(key("z"), "peer-z"))
    path.unlink()
    with pytest.raises(LocalError):
        file.save()
    clock.now += 2
    file.save()
    assert names(path) == "z"


def test_a_file_that_is_being_written_at_the_start_is_no_damage(path, monkeypatch):
    whole = path.read_bytes()
    parts = [whole[:10], whole[: len(whole) // 2], whole]
    path.write_bytes(b"")
    monkeypatch.setattr(trust_file.time, "sleep", lambda _: path.write_bytes(parts.pop(0)))
    file = StoreFile(path)
    assert len(file.store) == len(NAMES)
    assert file.damaged is None
    assert parts == []


def test_a_file_that_never_stands_still_is_said_at_the_start(path, monkeypatch):
    def scribble(_):
        path.write_bytes(path.read_bytes() + b"x")

    scribble(0)
    monkeypatch.setattr(trust_file.time, "sleep", scribble)
    with pytest.raises(LocalError) as caught:
        StoreFile(path)
    assert caught.value.code == STORE_BUSY
    assert path.exists()


def test_a_change_that_fails_changes_nothing(path):
    file = StoreFile(path)
    text = path.read_text()
    with pytest.raises(ZeroDivisionError), file.change() as store:
        store.remove(ident("a"))
        _ = 1 / 0
    assert path.read_text() == file.store.encode() == text
    file.save()
    assert path.read_text() == text


def test_what_could_not_be_written_is_merged_later(path, monkeypatch):
    file = StoreFile(path)
    file.store.remove(ident("a"))

    def full(*_):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(trust_file, "place", full)
        with pytest.raises(OSError):
            file.save()
    with StoreFile(path).change() as store:
        store.remove(ident("b"))
    assert file.reread() is not None
    assert {entry.name[-1] for entry in file.store} == set("cdefgh")
    file.save()
    assert names(path) == "cdefgh"


def test_a_write_that_failed_brings_nobody_back(path, monkeypatch):
    file = StoreFile(path)
    file.store.remove(ident("a"))
    with StoreFile(path).change() as store:
        store.remove(store.find("peer-b").id)

    def full(*_):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(trust_file, "place", full)
        for _ in range(3):
            with pytest.raises(OSError):
                file.save()
            file.reread()
    assert file.store.get(ident("b")) is None  # which holds in memory at once
    file.save()
    assert names(path) == "cdefgh"


def test_who_came_from_another_process_can_be_taken_away_here(path):
    file = StoreFile(path)
    with StoreFile(path).change() as store:
        store.add(Entry(key("y"), "peer-y"))
        store.add_rule(rule("allow in * y"))
    assert file.reread() is not None
    assert file.reread() is None
    assert file.store.remove(ident("y"))
    assert file.store.remove_rule(rule("allow in * y"))
    file.save()
    assert names(path) == "abcdefgh"
    assert StoreFile(path).store.rules == []


def test_more_than_fits_takes_nothing_over(path):
    class Nine(HOST):
        trusted = 9

    file = StoreFile(path, Nine)
    file.store.add(Entry(key("y"), "peer-y"))
    with StoreFile(path).change() as store:
        store.remove(ident("a"))
        for name in "stu":
            store.add(Entry(key(name), f"peer-{name}"))
    before = path.read_bytes()
    for _ in range(3):
        for take in (file.save, file.reread):
            with pytest.raises(LocalError) as caught:
                take()
            assert caught.value.code == STORE_FULL
    assert path.read_bytes() == before
    with StoreFile(path).change() as store:
        for name in "stu":
            store.remove(ident(name))
    file.save()
    assert names(path) == "bcdefghy"


# A node that runs


async def until(condition):
    async def look():
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), TIMEOUT_S)


def node(folder, name: str, port: int) -> Bus:
    return Bus(
        name,
        key=key(name),
        trust=StoreFile(folder / f"{name}.json"),
        on_event=lambda event: None,
        host=LOOPBACK.address,
        interfaces=[LOOPBACK],
        discovery_port=port,
    )


def test_unpairing_lasts_although_the_node_saves_all_the_time(tmp_path):
    async def story():
        port = free_port()
        hub, peer = node(tmp_path, "h", port), node(tmp_path, "p", port)
        for own, other in ((hub, peer), (peer, hub)):
            store = own.guard.store
            store.add(Entry(other.public, other.node.local.name, [grant("allow both *")]))
        path = tmp_path / "h.json"
        saving = True

        async def save_on():
            while saving:  # as at each next key of a peer
                hub.guard.store.touch()
                hub.watch.wake()
                await asyncio.sleep(0.002)

        async with hub, peer:
            task = asyncio.create_task(save_on())
            session = await peer.connect(LOOPBACK.address, hub.port, hub.public)
            process = await asyncio.to_thread(lambda: ended([dsoftbus(path, "unpair", "p")]))
            assert process[0][0] == 0, process
            assert len(StoreFile(path).store) == 0
            await asyncio.wait_for(session.ended(), TIMEOUT_S)
            await until(lambda: hub.guard.store.get(peer.id) is None)
            saving = False
            await task
        assert len(StoreFile(path).store) == 0

    asyncio.run(story())


def test_a_rule_of_another_process_resets_live_streams(tmp_path):
    async def story():
        port = free_port()
        hub, peer = node(tmp_path, "h", port), node(tmp_path, "p", port)
        for own, other in ((hub, peer), (peer, hub)):
            store = own.guard.store
            store.add(Entry(other.public, other.node.local.name, [grant("allow both *")]))
        async with hub, peer:
            for name in ("echo", "other"):
                hub.on_stream(name, hold)
            session = await peer.connect(LOOPBACK.address, hub.port, hub.public)
            lost, kept = await session.open("echo"), await session.open("other")
            (result,) = await asyncio.to_thread(
                lambda: ended([dsoftbus(tmp_path / "h.json", "deny", "p", "echo")])
            )
            assert result[0] == 0, result
            with pytest.raises(Exception, match="outside_acl"):
                await asyncio.wait_for(lost.read(1), TIMEOUT_S)
            assert not session.released
            await kept.write(b"x")

    async def hold(connection, stream):
        await stream.read(1)
        await asyncio.sleep(3600)

    asyncio.run(story())


def test_a_node_says_once_what_it_does_and_leaves_the_file_alone(tmp_path, monkeypatch, caplog):
    async def story():
        hub = node(tmp_path, "h", free_port())
        hub.guard.store.add(Entry(key("a"), "a"))
        path = tmp_path / "h.json"
        async with hub:
            await until(path.exists)
            text = path.read_bytes()
            path.write_bytes(text[:50])
            for _ in range(10):
                hub.watch._follow_file()
            assert caplog.text.count("stays as it was") == 1
            assert path.read_bytes() == text[:50]
            assert hub.guard.store.get(ident("a"))
            path.write_bytes(text)
            hub.watch._follow_file()
            assert caplog.text.count("can be used again") == 1

    asyncio.run(story())
