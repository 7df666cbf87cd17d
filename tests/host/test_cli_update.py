"""`dsoftbus update` and `versions` among simulated boards, as a user sees them."""

import asyncio
import json
import random
import signal

import pytest

from command import quick_command
from commands import Conversation, environment, run
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus
from dsoftbus_host.address import Address
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep import next_key
from free_ports import free_port
from machines.terminal import Terminal, drawn
from portable import TIMEOUT_S
from updated_boards import GOOD, program, simulated, trusted


class Host:
    """A user of this machine, and a program to give to boards."""

    def __init__(self, folder, port: int = 0) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.key, self.trust = folder / "own.key", folder / "own.trust"
        self.port = port or free_port()
        self.public = BareBus(next_key.load(self.key)).public
        self.app = folder / "app"
        self.app.mkdir()
        self.write("app.py", GOOD)
        self.write("lib.py", b"x = 1\n" * 200)

    def write(self, name: str, data: bytes) -> None:
        (self.app / name).write_bytes(data)

    def words(self, *words: object) -> tuple:
        own = ("--key", self.key, "--trust", self.trust)
        return (*words, *own, "--interface", "127.0.0.1/8", "--discovery-port", self.port)

    async def run(self, *words: object, **more: str):
        """A command, to its end."""
        home = str(self.folder / "config")
        words = self.words(*words)
        return await asyncio.to_thread(run, *words, XDG_CONFIG_HOME=home, **more)

    def among(self, count: int, test) -> None:
        """Runs `test(boards)` among so many that this host has paired with."""

        async def main() -> None:
            async with simulated(self.folder, count, self.public, self.port) as boards:
                trusted(self.trust, boards)
                await test(boards)

        asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "boards"))
    return Host(tmp_path)


def test_a_version_there_and_back(host):
    async def test(boards):
        done = await host.run("update", "board00", host.app, "--version", "1.0")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "board00  restarting  root -> 1.0",
            "board00  updated  root -> 1.0",
        ]
        assert boards[0].version == "1.0" and boards[0].starts == 2
        done = await host.run("update", "board00", host.app, "--version", "1.0")
        assert done.stdout == "board00  up to date  1.0\n" and boards[0].starts == 2
        done = await host.run("update", "board00", host.app)  # by the time, and nothing differs
        assert done.stdout == "board00  up to date  1.0\n"
        host.write("lib.py", b"x = 2\n")
        assert (await host.run("update", "board00", host.app, "--version", "1.1")).returncode == 0
        done = await host.run("update", "board00", host.app, "--version", "1.0")
        assert done.returncode == 1 and boards[0].version == "1.1"
        assert "(update.version)" in done.stderr and "`--force`" in done.stderr
        done = await host.run("update", "board00", "--rollback", "--json")
        assert json.loads(done.stdout) == [
            {
                "peer": "board00",
                "result": "updated",
                "before": "1.1",
                "version": "1.0",
                "label": None,
                "why": None,
            }
        ]
        assert boards[0].version == "1.0"
        host.write("lib.py", b"x = 3\n")
        words = ("update", "board00", host.app, "--version", "0.1", "--force")
        assert (await host.run(*words)).returncode == 0 and boards[0].version == "0.1"

    host.among(1, test)


# What is refused


def test_words_that_make_no_sense_are_said(host):
    async def test(_boards):
        for words, said in (
            ((), "which FOLDER?"),
            ((host.app,), "which PEER?"),
            (("board00", "--all", host.app), "--all means every peer"),
            (("board00", "--rollback", "--force"), "--rollback takes"),
            (("board00", host.app, "--trial", 5), "--trial"),
        ):
            done = await host.run("update", *words)
            assert done.returncode == 2 and said in done.stderr
        for words, said in (
            (("board00", host.folder), "has no app.py"),
            (("board00", host.app / "app.py"), "is no folder"),
            (("nobody", host.app), "no such peer"),
            (("cellar*", host.app), "cellar*: nobody"),
            (("board00", host.app, "--version", "x"), "'x' is no version"),
            (("board00", "nobody", host.app), "no such peer"),
        ):
            done = await host.run("update", *words)
            assert done.returncode == 1 and said in done.stderr, done.stderr
            assert not done.stdout

    host.among(1, test)


def test_a_host_that_has_paired_with_nobody_is_told_so(host):
    async def test(_boards):
        for words in (("update", "--all", host.app), ("versions",)):
            done = await host.run(*words)
            assert done.returncode == 1 and "`dsoftbus pair` pairs" in done.stderr

    host.among(0, test)


def test_a_dry_run_asks_nobody(host):
    async def test(boards):
        done = await host.run("update", "board*", host.app, "--version", "3.0", "--dry-run")
        assert done.returncode == 0
        assert done.stdout.splitlines() == [
            f"{len(GOOD):>9}  app.py",
            "     1200  lib.py",
            f"{len(GOOD) + 1200:>9}  bytes in 2 files, 3.0",
            "to board00",
            "to board01",
        ]
        assert boards[0].version == "root"

    host.among(2, test)


def test_a_board_that_does_not_grant_it_says_which_rule(host):
    async def test(boards):
        boards[0].trust(host.public, "allow both *")
        done = await host.run("update", "board00", "board01", host.app, "--version", "1.0")
        assert done.returncode == 1
        assert "board00 does not let this node update it (update.not_allowed)" in done.stderr
        assert '--grant "allow in update"' in done.stderr
        assert [board.version for board in boards] == ["root", "1.0"]
        done = await host.run("update", "--all", host.app, "--version", "1.1")
        assert done.returncode == 0 and "1 updated, 1 takes none" in done.stdout
        boards[1].trust(host.public, "allow both *", "allow in update", "deny in update")
        done = await host.run("update", "board01", host.app)
        assert "(update.not_allowed)" in done.stderr

    host.among(2, test)


def test_this_side_s_own_rule_is_named(host):
    async def test(boards):
        store = StoreFile(host.trust)
        store.store.add(Entry(boards[0].public, "board00", [grant("allow both call/*")]))
        store.save()
        done = await host.run("update", "board00", host.app)
        assert done.returncode == 1 and "(update.own_rules)" in done.stderr
        assert "`dsoftbus allow PEER update --direction out`" in done.stderr

    host.among(1, test)


def test_a_node_that_takes_no_updates_says_so(host):
    async def test(boards):
        async with BareBus(b"k" * 32, "other", allow=[host.public]) as other:
            port = await other.listen("127.0.0.1")
            address = Address(other.public, "127.0.0.1", port)
            done = await host.run("update", address, host.app)
            assert done.returncode == 1 and "(update.no" in done.stderr
            done = await host.run("versions", address)
            assert done.returncode == 1 and "127.0.0.1" in done.stdout

    host.among(0, test)


def test_a_peer_that_is_away_is_said_and_the_others_are_updated(host):
    async def test(boards):
        await boards[0].end()
        words = ("--version", "1.0", "--wait", 1)
        done = await host.run("update", "board*", host.app, *words)
        assert done.returncode == 1
        assert "board00" in done.stderr and done.stderr.count("\n") <= 2
        assert boards[1].version == "1.0"
        assert "1 updated, 1 failed" in done.stdout

    host.among(2, test)


# Updaters that end, and two at once


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_updater_that_is_ended_leaves_a_board_that_is_updated_again(host, number):
    host.write("big.bin", random.Random(1).randbytes(3_000_000))

    async def test(boards):
        board = boards[0]
        words = host.words("update", "board00", host.app, "--version", "1.0")
        async with Conversation(*words) as first:
            while len(board.flash.files.get("app_a/big.bin", b"")) < 300_000:
                await asyncio.sleep(0.01)
            first.signal(number)
            assert await first.status() == (130 if number == signal.SIGINT else -9)
        if number == signal.SIGINT:
            assert "board00  stopped" in first.said and "same command" in first.said
        assert board.version == "root" and board.starts == 1
        held = len(board.flash.files["app_a/big.bin"])
        assert 0 < held < 3_000_000
        done = await host.run("update", "board00", host.app, "--version", "1.0", "--json")
        assert done.returncode == 0 and board.version == "1.0"

    host.among(1, test)


def test_two_updaters_at_once_end_well(host):
    """The other one has begun, and sends nothing; it ends with its session."""
    other = b"o" * 32
    begin = {"track": "app", "version": "9.0", "size": 1, "count": 1, "digest": "0" * 64}

    async def test(boards):
        board = boards[0]
        board.trust(BareBus(other).public, "allow both *", "allow in update")
        async with BareBus(other) as bus:
            session = await bus.connect("127.0.0.1", board.port, board.public)
            assert await session.call("dsoftbus/update/begin", begin) == {"slot": "a"}
            done = await host.run("update", "board00", host.app, "--version", "1.0")
            assert done.returncode == 1 and "(update.busy)" in done.stderr
            assert "later" in done.stderr and board.version == "root"
        done = await host.run("update", "board00", host.app, "--version", "1.0")
        assert done.returncode == 0 and board.version == "1.0"

    host.among(1, test)


# Terminals


def test_versions_in_a_pipe_and_as_json(host):
    async def test(boards):
        await host.run("update", "board00", host.app, "--version", "1.0")
        done = await host.run("versions", COLUMNS="60")
        assert done.returncode == 0 and max(map(len, done.stdout.splitlines())) <= 60
        assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
            ["board00", "1.0", "root"],
            ["board01", "root", "root"],
        ]
        found = json.loads((await host.run("versions", "board0[0-8]", "--json")).stdout)
        assert [one["version"] for one in found] == ["1.0", "root"]
        assert found[0]["label"] is None and found[0]["trial"] is False

    host.among(2, test)


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_terminal_a_table_moves_and_a_table_stays(host, columns):
    def shown(words: tuple) -> tuple:
        environ = environment(TERM="xterm-256color", XDG_CONFIG_HOME=str(host.folder / "config"))
        environ.pop("COLUMNS")
        command = [*quick_command(), *map(str, words)]
        with Terminal(command, host.folder, environ, columns) as screen:
            while screen.read():
                pass
            return screen.raw.decode(), screen.process.wait(TIMEOUT_S)

    async def test(boards):
        host.write("app.py", program([boards[1]]))
        words = host.words("update", "board0*", host.app, "--version", "2.0", "--trial", 30)
        raw, status = await asyncio.to_thread(shown, words)
        assert status == 1 and "restarting" in raw
        lines = [line.rstrip() for line in drawn(raw).splitlines()]
        assert max(map(len, lines)) <= columns or "(update.taken_back)" in raw
        assert lines[:3] == [
            " peer                version  sent",
            " board00  updated    2.0      1.3 kB",
            " board01  went back  root     1.3 kB",
        ]
        assert "2 peers: 1 updated, 1 went back" in lines

    host.among(2, test)
