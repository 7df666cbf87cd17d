"""Two people who pair by name, in any order, and how their prompts end: real processes."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest

from commands import Conversation, agree, environment, run
from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIRED
from dsoftbus.mux.events import NodeEvent
from dsoftbus.trust.acl import grant
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli import person
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from portable import TIMEOUT_S


class Person:
    """One with a key and a trust store of their own, who gives commands."""

    def __init__(self, folder, name: str, port: int) -> None:
        self.trust = folder / f"{name}.json"
        files = ("--key", folder / f"{name}.key", "--trust", self.trust)
        self.id = run("id", *files[:2]).stdout.split()[1]
        self.options = (*files, "--interface", "127.0.0.1/8", "--discovery-port", port)

    def pair(self, *words: object) -> Conversation:
        return Conversation("pair", *words, *self.options)

    def trusts(self) -> list:
        return [entry.id for entry in StoreFile(self.trust).store]


def people(folder, test, count: int = 2) -> None:
    port = free_port()
    each = [Person(folder, f"person{n}", port) for n in range(count)]
    asyncio.run(asyncio.wait_for(test(*each), 2 * TIMEOUT_S))


@pytest.mark.parametrize("turn", range(3))
def test_two_who_give_the_command_at_once_meet(tmp_path, turn):
    async def test(one, other):
        async with one.pair(other.id) as first, other.pair(one.id) as second:
            await agree(first, second)
        assert (one.trusts(), other.trusts()) == ([other.id], [one.id])

    people(tmp_path, test)


def test_two_who_give_the_command_one_after_the_other_meet(tmp_path):
    async def test(one, other):
        async with one.pair(other.id) as first:
            await first.until("was heard of yet; waiting")
            async with other.pair(one.id) as second:
                await agree(first, second)
        assert (one.trusts(), other.trusts()) == ([other.id], [one.id])

    people(tmp_path, test)


def test_one_who_waits_for_anyone_is_met_by_name(tmp_path):
    async def test(one, other):
        async with one.pair() as first, other.pair(one.id) as second:
            await agree(first, second)

    people(tmp_path, test)


def test_after_the_answer_it_says_what_is_awaited(tmp_path):
    async def test(one, other):
        async with one.pair() as first, other.pair(one.id) as second:
            for asked in (first, second):
                await asked.until("[y/N]: ")
            first.types("y")
            await first.until("waiting for the person at ")
            second.types("y")
            for asked in (first, second):
                await asked.until("paired with ")
                assert await asked.status() == 0

    people(tmp_path, test)


AWAITED = "waiting for the person at attic to agree, too"


@pytest.mark.parametrize("answered", [True, False])
def test_nobody_is_awaited_whose_answer_has_come(answered, monkeypatch):
    """Events that wait are taken before any time passes, however busy the machine."""
    events: asyncio.Queue = asyncio.Queue()
    paired = NodeEvent(EV_PAIRED, "a" * 26, "attic")
    about = SimpleNamespace(pairing=SimpleNamespace(digits="402917", ended=False))
    events.put_nowait(NodeEvent(EV_PAIR_DIGITS, "a" * 26, "attic", 0, about))

    said = []

    def says(text: str = "", **_) -> None:
        said.append(text)
        if text == AWAITED:
            events.put_nowait(paired)

    class Guard:
        store: ClassVar = {paired.peer: "attic"}

        def confirm(self, digits: str) -> None:
            if answered:
                events.put_nowait(paired)

    class Node:
        guard = Guard()
        watch = SimpleNamespace(persist=lambda: None)

        def connections(self, device: str) -> list:
            return []

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setattr(person, "_MOMENT_S", 0)
    monkeypatch.setattr(person.console, "print", says)
    asyncio.run(person.Person(Node(), events, None).follow())
    assert any("paired with attic" in each for each in said)
    assert (AWAITED in said) is not answered


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_prompt_ends_when_the_peer_is_gone_and_says_so(tmp_path, number):
    """Nobody types a key: not the one who is gone, nor the one who is left."""

    async def test(one, other):
        async with one.pair(other.id) as first, other.pair(one.id) as second:
            for asked in (first, second):
                await asked.until("[y/N]: ")
            first.signal(number)
            assert await first.status(typing=False) == 128 + number
            await second.until(" gave up")
            await second.until("trust.reject.pairing_cancelled")
            assert await second.status(typing=False) == 1
        assert (one.trusts(), other.trusts()) == ([], [])

    people(tmp_path, test)


def test_a_peer_that_dies_ends_the_prompt_too(tmp_path):
    async def test(one, other):
        async with one.pair(other.id) as first:
            async with other.pair(one.id) as second:
                for asked in (first, second):
                    await asked.until("[y/N]: ")
            await first.until(" gave up")
            assert await first.status(typing=False) == 1

    people(tmp_path, test)


def test_no_input_is_no_agreement(tmp_path):
    async def test(one, other):
        async with one.pair(other.id) as first, other.pair(one.id) as second:
            await first.until("[y/N]: ")
            assert await first.status() == 1
            assert await second.status(typing=False) == 1
        assert (one.trusts(), other.trusts()) == ([], [])

    people(tmp_path, test)


def test_a_peer_that_takes_no_pairings_is_waited_for(tmp_path):
    async def test(one):
        nearby = other_node(tmp_path, one)
        async with nearby, one.pair("shed") as asking:
            await asking.until("shed takes no pairings yet; waiting")
            assert "dsoftbus board token PORT" in asking.said  # should it be a board
            nearby.take_pairings()
            await asking.until("[y/N]: ")
            asking.types("y")
            await asking.until("paired with shed")
            assert await asking.status() == 0

    people(tmp_path, test, 1)


def test_a_peer_that_takes_its_token_only_says_where_that_is_shown(tmp_path):
    async def test(one):
        nearby = other_node(tmp_path, one)
        async with nearby:
            nearby.take_token(bytes(16))
            async with one.pair("shed") as asking:
                assert await asking.status() == 1
            assert "`dsoftbus pair -` asks for its invitation" in asking.said
            assert "`dsoftbus board token PORT`" in asking.said

    people(tmp_path, test, 1)


def other_node(folder, person: Person) -> Bus:
    """A node that agrees to whatever is shown."""

    def on_event(event) -> None:

        if event.kind == EV_PAIR_DIGITS:
            nearby.guard.confirm(event.about.pairing.digits)

    nearby = Bus(
        "shed",
        key=os.urandom(32),
        trust=StoreFile(folder / "shed.json"),
        on_event=on_event,
        grants=[grant("allow in *")],
        host="127.0.0.1",
        interfaces=[LOOPBACK],
        discovery_port=person.options[-1],
    )
    return nearby


LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal is this session's
os.execv(sys.executable, (sys.executable, "-m", "dsoftbus_host.cli.command", *sys.argv[1:]))
"""


def at_a_terminal(words, until: bytes, key: bytes) -> tuple:
    """(exit status, what was shown) of a command at which a person types `key` at `until`."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, *map(str, words)],
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    while until not in shown:
        shown += os.read(master, 1000)
    os.write(master, key)
    with contextlib.suppress(OSError):  # the other end is closed
        while chunk := os.read(master, 1000):
            shown += chunk
    os.close(master)
    return process.wait(TIMEOUT_S), shown


def test_ctrl_c_at_the_digits_ends_at_once(tmp_path):
    """On a terminal, with no Enter behind it."""

    async def test(one, other):
        async with other.pair() as waiting:
            await waiting.until("waiting for a peer")
            words = ("pair", other.id, *one.options)
            status, shown = await asyncio.to_thread(at_a_terminal, words, b"[y/N]: ", b"\x03")
            assert status == 130
            assert shown.endswith(b"\r\n")
            await waiting.until("did not pair: a person said no")
            waiting.signal(signal.SIGINT)
            assert await waiting.status(typing=False) == 130

    people(tmp_path, test)


def test_what_was_typed_before_the_question_is_no_answer(tmp_path):
    async def test(one, other):
        async with other.pair() as waiting:
            await waiting.until("waiting for a peer")
            master, slave = os.openpty()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "dsoftbus_host.cli.command"),
                *map(str, ("pair", other.id, *one.options)),
                env=environment(),
                stdin=slave,
                stdout=subprocess.PIPE,
            )
            os.write(master, b"y\n")  # before it has even begun
            while b"[y/N]: " not in (said := await process.stdout.read(4096)):
                assert said
            await waiting.until("[y/N]: ")
            waiting.types("y")
            await waiting.until("waiting for the person at ")
            os.write(master, b"y\n")
            await waiting.until("paired with ")
            assert await process.wait() == 0
            os.close(slave)
            os.close(master)

    people(tmp_path, test)
