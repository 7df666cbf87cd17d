"""`dsoftbus call`, `offers` and `time`: values there and back, lists, errors, and how they end."""

import asyncio
import json
import signal

import pytest

from commands import Conversation, run
from dsoftbus.errors import LocalError
from dsoftbus.service import status
from dsoftbus.service.clock import ClockSample
from dsoftbus.service.status import CallError
from dsoftbus_host.address import Address
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.cli.call import _call
from dsoftbus_host.cli.offers import _offers, described, table
from dsoftbus_host.cli.peer_time import sentence
from dsoftbus_host.cli.reach import Place
from dsoftbus_host.cli.terminal import words
from hostile import NAMES, is_harmless
from nodes import KEY


class Answering:
    """A node in this process that answers calls; `running` of them are under way."""

    def __init__(self) -> None:
        self.bus = BareBus(KEY, "hall", allow=ANYONE)
        self.running = 0
        self.cancelled = asyncio.Event()
        self.began = asyncio.Event()
        for name in ("same", "count", "own", "slow"):
            self.bus.call(name)(getattr(self, name))

    async def __aenter__(self) -> "Answering":
        self.address = str(
            Address(self.bus.public, "127.0.0.1", await self.bus.listen("127.0.0.1"))
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self.bus.close()

    @staticmethod
    def same(_connection, value):
        return value

    @staticmethod
    async def count(_connection, end):
        for i in range(end):
            yield {"at": i}

    @staticmethod
    def own(_connection, text):
        raise CallError(7, text)

    async def slow(self, _connection, _value):
        self.began.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "key", tmp_path / "trust", (), None, (), (), None)


def called(place, name, value, timeout=60):
    """Calls a node of its own, in this process."""

    async def main():
        async with Answering() as node:
            await _call(node.address, name, value, timeout, place)

    asyncio.run(main())


def test_an_answer_is_a_line_of_json(place, capsys):
    for value in (None, 21.5, ["a", {"k": b"\0"}], "x" * 300, {1: 2}):
        called(place, "same", value)
    assert capsys.readouterr().out.splitlines() == [
        "null",
        "21.5",
        '["a", {"k": {"$base64": "AA=="}}]',
        '"' + "x" * 300 + '"',
        '{"$map": [[1, 2]]}',
    ]


def test_parts_are_a_line_each(place, capsys):
    called(place, "count", 20)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["at"] for line in lines] == list(range(20))


def test_a_call_outside_its_limits_is_refused(place):
    for name, value in (("x" * 60, None), ("same", "x" * 2_000_000), ("same", "\ud800")):
        with pytest.raises(LocalError):
            called(place, name, value)


def test_the_time_is_up(place):
    with pytest.raises(CallError) as late:
        called(place, "slow", None, 0.05)
    assert late.value.code == status.LATE


@pytest.mark.parametrize("name", NAMES)
def test_what_a_peer_answers_acts_on_no_terminal(place, capsys, name):
    called(place, "same", [name, {name: name}])
    said = capsys.readouterr().out
    assert is_harmless(said)
    assert said.count("\n") == 1
    assert json.loads(said) == [name, {name: name}]


# Offers


def offered(place, texts=()):
    """Shows what a node of its own offers, in this process."""

    async def main():
        async with Answering() as node:
            for name, about in texts:
                node.bus.call(name, about=about)(node.same)
            return await _offers(node.address, place)

    return asyncio.run(main())


def test_offers_come_by_name(place):
    found = offered(place, texts=(("light/set", "the lamp"),))
    assert [offer.name for offer in found] == ["count", "light/set", "own", "same", "slow"]
    assert described(found[1]) == {
        "kind": "call",
        "name": "light/set",
        "about": "the lamp",
        "unit": "",
        "shape": "",
    }


def test_a_table_has_the_columns_that_say_something(place):
    found = offered(place, texts=(("light", "the lamp"),))
    assert [column.header for column in table(found).columns] == ["kind", "name", "about"]
    assert [column.header for column in table(found[:1]).columns] == ["kind", "name"]


def test_a_node_without_a_directory_says_so(place):
    async def main():
        async with Answering() as node:
            node.bus.calls.clear()
            node.bus.answers = False
            with pytest.raises(CallError) as refused:
                await _offers(node.address, place)
            assert refused.value.code == status.NO_METHOD
            assert "no directory" in words.said(refused.value, "hall")

    asyncio.run(main())


# Time


@pytest.mark.parametrize(
    ("offset_us", "delay_us", "said"),
    [
        (100, 250, "hall has the time of this node, within 0.12 ms"),
        (12_345, 500, "hall is 12.35 ms ahead of this node, within 0.25 ms"),
        (-3_600_000_000, 2_000_000, "hall is 3600.000 s behind this node, within 1.000 s"),
        (86_400_000_000 * 365, 0, "hall is 365.0 days ahead of this node, within 0.00 ms"),
    ],
)
def test_time_in_words(offset_us, delay_us, said):
    assert sentence("hall", ClockSample(offset_us, delay_us)) == said


# As processes


def test_as_a_process(tmp_path):
    """Statuses, the standard input, and what is said of errors."""
    own = ("--key", tmp_path / "key")

    async def main():
        async with Answering() as node:

            async def said(*words, **more):
                return await asyncio.to_thread(run, "call", *own, node.address, *words, **more)

            done = await said("same", "-5")
            assert (done.returncode, done.stdout, done.stderr) == (0, "-5\n", "")
            done = await said("own", '"wa\\u001bit"')
            assert (done.returncode, done.stdout) == (3, "")
            assert "answered with error 7: wa\\u001bit (call.error)" in done.stderr
            assert done.stderr.count("\n") == 1
            done = await said("none")
            assert (done.returncode, done.stderr.count("(call.no_method)")) == (3, 1)
            done = await said("same", "on")
            assert done.returncode == 1
            assert "in quotes" in done.stderr
            done = await said("same", "-", typed='{"a":\n[1]}')
            assert (done.returncode, done.stdout) == (0, '{"a": [1]}\n')
            done = await asyncio.to_thread(run, "offers", *own, node.address, "--json")
            assert [offer["name"] for offer in json.loads(done.stdout)] == [
                *("count", "own", "same", "slow")
            ]
            done = await asyncio.to_thread(run, "time", *own, node.address, "--json", "-c", 2)
            found = json.loads(done.stdout)
            assert abs(found["offset_us"]) <= found["delay_us"]  # one machine has one clock

    asyncio.run(main())


def test_ctrl_c_cancels_the_call(tmp_path):
    async def main():
        async with Answering() as node:
            words = ("call", "--key", tmp_path / "key", "--timeout", 0, node.address, "slow")
            async with Conversation(*words) as typed:
                await node.began.wait()
                typed.signal(signal.SIGINT)
                assert await typed.status() == 130
                await node.cancelled.wait()
                assert typed.said == ""

    asyncio.run(main())
