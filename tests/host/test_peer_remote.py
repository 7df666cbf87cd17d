"""A board over the bus may say what no board says: a host tells so, within bounds."""

import os

import pytest

from dsoftbus.const import HOST
from dsoftbus.errors import LocalError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import BareBus
from dsoftbus_host.address import Address
from dsoftbus_host.board import peer_remote
from dsoftbus_host.cli.reach import Place, lasting
from dsoftbus_host.event_loop import Background
from dsoftbus_host.key_file import load_or_make
from nodes import KEY


class Liar:
    """Answers every source with the parts that `parts(source)` gives."""

    def __init__(self, parts):
        self._parts = parts

    def handler(self, _name):
        return self._answer

    async def _answer(self, _connection, value):
        for part in self._parts(value):
            yield part

    def close(self):
        pass


class Board:
    """A node that grants its console to the host with the key of `place`; `parts` answers."""

    def __init__(self, place: Place, parts) -> None:
        self._place = place
        self._parts = parts
        self._loop = Background()

    def __enter__(self) -> str:
        self._loop.__enter__()
        return self._loop.run(self._begin())

    async def _begin(self) -> str:
        store = TrustStore(HOST)
        public = BareBus(load_or_make(self._place.key_path)).public
        store.add(Entry(public, "laptop", [grant("allow in console")]))
        self._bus = BareBus(KEY, "liar", guard=Guard(store, os.urandom))
        self._bus.begun["console"] = Liar(self._parts)
        port = await self._bus.listen("127.0.0.1")
        return str(Address(self._bus.public, "127.0.0.1", port))

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._bus.close())
        self._loop.__exit__()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "key", tmp_path / "trust", (), None, (), (), None)


def refused(place, parts, do, match: str) -> None:
    with (
        Board(place, parts) as address,
        peer_remote.connected(lasting(place, address)) as there,
        pytest.raises(LocalError, match=match),
    ):
        do(there)


def endless(part):
    def parts(_value):
        while True:
            yield part

    return parts


@pytest.mark.parametrize("part", [1, None, [], [1], ["a", "b"], {"a": 1}])
def test_what_is_no_answer_of_a_console(place, part):
    refused(place, lambda _value: [part], lambda there: there.run("x"), "no answer of a console")


def test_output_without_an_end(place):
    refused(place, endless("x" * 60000), lambda there: there.run("x"), "no answer of a console")


def test_results_without_an_end(place):
    refused(place, endless(b""), lambda there: there.run("x"), "no answer of a console")


def test_values_that_are_none(place):
    for said in ("nonsense(", "__import__('os')", "(" * 500, ""):
        refused(place, lambda _value, said=said: [said], lambda there: there.folder, "no value")


def test_a_file_of_a_size_that_none_has(place):
    def huge(value):
        return ["1" + "0" * 20] if "stat" in str(value) else []

    refused(place, huge, lambda there: there.read("x"), "no file of it has")


def test_a_file_that_is_longer_than_it_says(place):
    def parts(value):
        if "stat" in str(value):
            return ["1000"]
        return [bytes(600)] if "result" in str(value) else []

    refused(place, parts, lambda there: there.read("x"), "more than it has said")


def test_an_error_of_the_board_is_text_of_others(place):
    refused(
        place,
        lambda _value: [["OSError: 28"]],
        lambda there: there.run("x"),
        "the board's flash is full",
    )
