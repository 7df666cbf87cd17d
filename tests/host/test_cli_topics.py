"""`dsoftbus publish` and `watch`: from one process to another, and what they show."""

import asyncio
import json
import signal
import subprocess

import pytest
from rich.console import Console

from command import quick_command
from commands import Conversation, environment, run
from dsoftbus.base.key_file import encode_secret
from dsoftbus.service.subscriber import Update
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import crypto
from dsoftbus_host.cli.watch import Board, described, line
from dsoftbus_host.storage import serving_note
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from hostile import NAMES, is_harmless
from machines.terminal import Terminal

HALL, DESK = (bytes((n,)) * 32 for n in (2, 3))


def public(secret: bytes) -> bytes:
    return crypto.suite().keypair(secret).public


@pytest.fixture
def place(tmp_path):
    """Options of two nodes, `hall` and `desk`, that trust each other, on a network of their
    own."""
    found = {}
    port = free_port()
    for name, secret, other, theirs in (
        ("hall", HALL, "desk", DESK),
        ("desk", DESK, "hall", HALL),
    ):
        key = tmp_path / f"{name}.key"
        key.write_bytes(encode_secret(secret))
        key.chmod(0o600)
        file = StoreFile(tmp_path / f"{name}.json")
        file.store.add(Entry(public(theirs), other, [grant("allow both *")]))
        file.save()
        network = ("--interface", "127.0.0.1/8", "--discovery-port", port)
        found[name] = ("--key", key, "--trust", file.path, *network)
    return found


def test_a_state_reaches_who_watches_and_survives_its_node(place):
    async def test():
        publish = ("publish", "heat", *place["hall"], "--name", "hall")
        async with Conversation("watch", "hall", "heat", *place["desk"]) as watch:
            async with Conversation(*publish, "21.5") as hall:
                await hall.until("publishes heat")
                await watch.until("heat  21.5\n")
                hall.signal(signal.SIGINT)
                assert await hall.status() == 130
            await watch.until("hall is gone")
            async with Conversation(*publish, "22", "--every", "60") as hall:
                await watch.until("heat  22  (lost before: ?)\n")  # by another start
                watch.signal(signal.SIGINT)
                assert await watch.status() == 130
                hall.signal(signal.SIGTERM)
                assert await hall.status() == 143

    asyncio.run(test())


def test_a_table_on_a_terminal(place, tmp_path):
    around = environment(TERM="xterm-256color")
    words = [*quick_command(), "publish", "heat", "21.5", *place["hall"]]
    with (
        subprocess.Popen(list(map(str, words)), env=around, stdout=subprocess.DEVNULL) as hall,
        Terminal(
            [*quick_command(), "watch", "all", *map(str, place["desk"])], tmp_path, around, 80
        ) as watch,
    ):
        try:
            watch.find(r" peer +topic +value +updates +lost \s+ hall +heat +21\.5 +1 +0 ")
            assert watch.interrupt() == 130
        finally:
            hall.send_signal(signal.SIGINT)


def test_each_line_of_the_input_is_an_event(place):
    async def test():
        publish = ("publish", "log", "-", "--event", *place["hall"])
        async with Conversation(*publish) as hall:
            await hall.until("waiting for a subscriber")
            for i in range(30):
                hall.types(json.dumps({"line": i}))
            hall.types("no JSON")
            count = ("--json", "--count", 30)
            async with Conversation("watch", "all", "#", *count, *place["desk"]) as watch:
                assert await watch.status() == 0
                updates = [json.loads(text) for text in watch.said.splitlines()]
            assert await hall.status() == 1
        assert [update["value"]["line"] for update in updates] == list(range(30))
        assert {(update["topic"], update["event"]) for update in updates} == {("log", True)}
        assert {update["lost"] for update in updates} == {0}
        assert updates[0]["peer"] == "hall"
        assert "line 31: the value is no JSON" in hall.said

    asyncio.run(test())


def test_offers_are_watched_while_their_node_comes_and_goes(place):
    async def test():
        publish = ("publish", *place["hall"], "--name", "hall", "--unit", "C")
        async with Conversation("offers", "hall", "--watch", *place["desk"]) as offers:
            async with Conversation(*publish, "heat", "21.5") as hall:
                await offers.until("here  state  heat  C\n")
                hall.signal(signal.SIGINT)
                await hall.status()
            async with Conversation(*publish, "cold", "1", "--event", "--every", "60") as hall:
                await offers.until("gone  state  heat  C\nhere  event  cold  C\n")
                offers.signal(signal.SIGINT)
                assert await offers.status() == 130
                hall.signal(signal.SIGINT)
                await hall.status()

    asyncio.run(test())


def test_who_is_refused_and_told_so(place):
    """The rules of the publisher decide, and both sides say it."""
    hall, trust = place["hall"], place["hall"][3]
    assert run("deny", "desk", "topic/heat", "--trust", trust).returncode == 0

    async def test():
        async with Conversation("publish", "heat", "1", *hall) as publisher:
            await publisher.until("publishes heat")
            done = await asyncio.to_thread(run, "watch", "hall", "heat", *place["desk"])
            assert done.returncode == 1
            assert "hall does not allow this node that topic" in done.stderr
            assert "as `topic/NAME`" in done.stderr
            await publisher.until("stream topic/heat: no rule grants it that")
            publisher.signal(signal.SIGINT)
            assert await publisher.status() == 130

    asyncio.run(test())


def test_what_is_wrong_is_said_before_anything_begins(place):
    own = place["hall"]
    done = run("publish", "heat", "-", "--every", "1", *own)
    assert done.returncode == 2
    done = run("publish", "a/+", "1", *own)
    assert done.returncode == 1
    assert "(local.bad_argument)" in done.stderr
    done = run("watch", "hall", "a/#/b", *place["desk"])
    assert done.returncode == 1
    assert "no filter of topics" in done.stderr
    done = run("watch", "nobody", *own)
    assert done.returncode == 1
    assert "no such peer" in done.stderr


def test_one_node_of_a_key_publishes_and_status_says_so(place):
    key, trust = place["hall"][1], place["hall"][3]
    with serving_note.held(key) as note:
        note.write(since="today", publishes="heat")
        done = run("publish", "heat", "1", *place["hall"])
        assert done.returncode == 1
        assert "publishes heat with this key" in done.stderr
        said = run("status", "--key", key, "--trust", trust).stdout
        assert "it publishes heat, since today" in said


# What is shown


class Peer:
    id = "q" * 26
    name = "hall"


def update(topic, value, lost=0, name="hall") -> Update:
    made = Update(topic, value, lost, False)
    made.peer = Peer()
    made.peer.name = name
    return made


def drawn(board: Board) -> str:
    screen = Console(width=100, file=None, record=True, quiet=False)
    with screen.capture() as captured:
        screen.print(board.table())
    return captured.get()


def test_a_line_has_the_value_in_json():
    assert line(update("heat", 21.5), False) == "heat  21.5"
    assert (
        line(update("heat", b"\0", 3), True) == 'hall  heat  {"$base64": "AA=="}  (lost before: 3)'
    )
    assert line(update("heat", None, None), False) == "heat  null  (lost before: ?)"
    assert described(update("heat", {1: 2})) == {
        "peer": "hall",
        "id": "q" * 26,
        "topic": "heat",
        "value": {"$map": [[1, 2]]},
        "lost": 0,
        "event": False,
    }


def test_the_table_has_the_last_value_of_each_topic():
    board = Board(True)
    assert board.changed
    board.put(update("heat", 1))
    board.put(update("door", "x" * 5000))
    board.put(update("heat", 2, 4))
    board.put(update("heat", 3, None))
    board.note("hall is gone")
    rows = drawn(board).splitlines()
    heat = next(row for row in rows if " heat " in row)
    assert heat.split() == ["hall", "heat", "3", "3", "4+"]
    assert sum(row.count("x") for row in rows) <= 210
    assert "hall is gone" in rows[-1]
    assert not board.changed


@pytest.mark.parametrize("name", NAMES)
def test_what_others_publish_acts_on_no_terminal(name):
    board = Board(True)
    board.put(update(name, {name: [name]}, name=name))
    board.note(name)
    text = drawn(board)
    assert is_harmless(text)
    assert is_harmless(json.dumps(described(update(name, name, name=name))))
