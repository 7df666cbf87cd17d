"""`dsoftbus status` and `ping`, as people and programs use them."""

import asyncio
import json
import os
import re

import pytest

from commands import Serving, run
from dsoftbus.base.sleep_times import code_of
from dsoftbus.const import ANYONE
from dsoftbus.errors import END_INTERNAL
from dsoftbus_host import address
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli import ping
from dsoftbus_host.storage import serving_note


@pytest.fixture
def own(tmp_path) -> tuple:
    return ("--key", tmp_path / "own.key", "--trust", tmp_path / "own.json")


def test_status_makes_nothing_and_says_what_is_missing(tmp_path, own):
    done = run("status", *own)
    assert done.returncode == 0, done
    assert "none yet" in done.stdout and "`dsoftbus id` makes it" in done.stdout
    assert "nobody; `dsoftbus pair` pairs" in done.stdout
    assert "no; `dsoftbus serve` serves" in done.stdout
    assert os.listdir(tmp_path) == []


def test_status_knows_of_a_serve_of_this_key_as_long_as_it_runs(tmp_path, own):
    with Serving(tmp_path / "served", "--anyone") as node:
        key = ("--key", tmp_path / "served.key", *own[2:])
        found = json.loads(run("status", *key, "--json").stdout)
        assert found["id"] == node.id
        assert found["serving"]["folder"] == str(node.folder)
        assert found["serving"]["addresses"] == [node.address]
        said = run("status", *key).stdout
        assert f"at {node.address}" in said and "as process" in said
        assert json.loads(run("status", *own, "--json").stdout)["serving"] is None
        node.interrupt()
    assert json.loads(run("status", *key, "--json").stdout)["serving"] is None
    assert not list(tmp_path.glob("*.serving"))


def test_status_knows_who_sleeps(tmp_path, own):
    with Serving(tmp_path / "served", "--anyone") as node:
        key = ("--key", tmp_path / "served.key", *own[2:])
        for question in range(100):  # the node may be slow to hear of it
            if question % 5 == 0:  # a goodbye is lost where the link is reset behind it
                device = asyncio.run(slept(node.address))
            found = json.loads(run("status", *key, "--json").stdout)["serving"].get("asleep")
            if found:
                break
        assert [(peer["name"], peer["id"]) for peer in found] == [("sensor", device)]
        assert "sensor" in (said := run("status", *key).stdout)
        assert "back in about 10 minutes" in said


async def slept(text: str) -> str:
    """A node that says goodbye for ten minutes; its id."""
    there = address.parse(text)
    async with BareBus(bytes(32), "sensor") as sensor:
        connection = await sensor.connect(there.host, there.port, there.public)
        connection.session.refuse(code_of(600000))
        connection.drive()
        return sensor.id


def test_a_killed_serve_is_none(tmp_path, own):
    beside = tmp_path / "own.key.serving"
    beside.write_text('{"pid": 1}')
    assert serving_note.read(own[1]) is None
    with serving_note.held(own[1]) as note:
        note.write(folder="x")
        with serving_note.held(own[1]) as second:  # of the same key: the first one's stays
            second.write(folder="y")
        assert serving_note.read(own[1])["folder"] == "x"
    assert not beside.exists()
    beside.mkdir()
    with serving_note.held(own[1]) as note:
        note.write(folder="x")
        assert serving_note.read(own[1]) is None


def test_ping_counts_and_times(tmp_path, own):
    with Serving(tmp_path / "served", "--anyone") as node:
        done = run("ping", node.address, "-c", 3, "--interval", 0, *own)
    assert done.returncode == 0, done
    first, *trips, last = done.stdout.splitlines()
    assert re.fullmatch(r"\S+ \([a-z2-7]{4}-[a-z2-7]{4}\) at tcp://127\.0\.0\.1:\d+", first)
    assert len(trips) == 3 and all(re.fullmatch(r"\d: \d+\.\d\d ms", trip) for trip in trips)
    assert last.startswith("3 sent, 3 answered, 0 % lost; least ")


def test_a_peer_that_refuses_says_why(tmp_path, own):
    allowed = run("id", "--key", tmp_path / "other.key").stdout.split()[-1]
    with Serving(tmp_path / "served", "--allow", allowed) as node:
        done = run("ping", node.address, *own)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not allow this node's key (session.reject.peer_not_allowed)" in done.stderr


def test_what_is_not_answered_is_lost():
    async def test():
        async with BareBus(os.urandom(32), allow=ANYONE) as peer, BareBus(os.urandom(32)) as bus:
            port = await peer.listen("127.0.0.1")
            connection = await bus.connect("127.0.0.1", port, peer.public)
            assert await ping._round_trip(connection, 5) > 0
            connection.session.keepalive.answered = lambda *_: None  # nothing comes now
            trips = [await ping._round_trip(connection, 0.01) for _ in range(2)]
            assert trips == [None, None]
            connection.abort(END_INTERNAL)
            assert await ping._round_trip(connection, 60) is None

    asyncio.run(test())
    assert ping._summary([None, 2.0, 4.0, 9.0]) == (
        "4 sent, 3 answered, 25 % lost; least 2.00, median 4.00, most 9.00 ms"
    )
    assert ping._summary([None]) == "1 sent, 0 answered, 100 % lost"
