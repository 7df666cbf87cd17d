"""`dsoftbus logs`: what a peer has said, as lines and as JSON, and over its restarts."""

import asyncio
import json
import logging
import os

from click.testing import CliRunner

from dsoftbus.const import HOST
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_aio.services.log_watch import LogRecord
from dsoftbus_host import BareBus
from dsoftbus_host.address import Address
from dsoftbus_host.cli import logs
from dsoftbus_host.cli.reach import Place
from dsoftbus_host.key_file import load_or_make
from hostile import NAMES, is_harmless
from nodes import KEY


class Talking:
    """A node in this process, whose log the command's node may read."""

    def __init__(self, place: Place, *grants: str) -> None:
        store = TrustStore(HOST)
        public = BareBus(load_or_make(place.key_path)).public
        store.add(Entry(public, "laptop", [grant(text) for text in grants]))
        self.bus = BareBus(KEY, "hall", guard=Guard(store, os.urandom))
        self.port = 0

    async def __aenter__(self) -> "Talking":
        self.bus.logs()
        self.port = await self.bus.listen("127.0.0.1", self.port)
        self.address = str(Address(self.bus.public, "127.0.0.1", self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bus.close()


def a_place(tmp_path) -> Place:
    return Place(tmp_path / "key", tmp_path / "trust", (), None, (), (), None)


def shown(tmp_path, capsys, level="debug", as_json=False, *texts) -> str:
    place = a_place(tmp_path)

    async def main() -> None:
        async with Talking(place, "allow in logs") as node:
            for text in texts:
                node.bus.log("warning", text)
            logging.getLogger("of.a.program").error("failed: %d", 5)
            await asyncio.sleep(0)
            await logs.show(place, node.address, level, False, as_json)

    asyncio.run(main())
    return capsys.readouterr().out


def test_lines_have_seconds_level_and_text(tmp_path, capsys):
    lines = shown(tmp_path, capsys, "debug", False, "careful").splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["warning", "careful"],
        ["error", "failed:", "5"],
    ]
    assert all(0 <= float(line.split()[0]) < 100 for line in lines)


def test_a_level_leaves_out_what_is_below(tmp_path, capsys):
    assert "careful" not in shown(tmp_path, capsys, "error", False, "careful")


def test_json_is_a_line_for_each_record(tmp_path, capsys):
    said = [json.loads(line) for line in shown(tmp_path, capsys, "debug", True, "a").splitlines()]
    assert [record["text"] for record in said] == ["a", "failed: 5"]
    assert set(said[0]) == {"start", "sequence", "at_ms", "level", "text", "lost"}


def test_what_a_peer_says_is_text(capsys):
    for name in NAMES:
        logs.say(LogRecord(1, 1, 0, "info", name))
        assert is_harmless(capsys.readouterr().out), repr(name)


def test_who_follows_sees_the_next_start(tmp_path, capsys):
    place = a_place(tmp_path)

    async def said(text: str) -> None:
        found = ""
        while text not in found:
            await asyncio.sleep(0.01)
            found += capsys.readouterr().out

    async def main() -> None:
        first = Talking(place, "allow in logs")
        async with first:
            first.bus.log("info", "before")
            task = asyncio.create_task(logs.show(place, first.address, "debug", True))
            await said("before")
        second = Talking(place, "allow in logs")
        second.port = first.port
        async with second:
            second.bus.log("info", "after")
            await said("after")
        task.cancel()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_peer_that_grants_no_logs_says_so(tmp_path):
    place = a_place(tmp_path)

    async def main() -> str:
        async with Talking(place, "allow both *") as node:
            words = ["logs", node.address, "--key", str(place.key_path)]
            return await asyncio.to_thread(_run, [*words, "--trust", str(place.trust_path)])

    said = asyncio.run(main())
    assert "trust.reject.outside_acl" in said
    assert 'does not grant "allow in logs"' in " ".join(said.split())


def _run(words: list[str]) -> str:
    from dsoftbus_host.cli.command import main

    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1, result.output
    return result.output
