"""Every command, as a process, with names that others have chosen to deceive: what it writes acts
on no terminal, in pipes, without colours, and on terminals that can do much or little."""

import ast
import asyncio
import io
import os
import pty
import select
import subprocess
from collections import Counter
from pathlib import Path
from types import MappingProxyType

import pytest

from command import quick_command
from dsoftbus.const import (
    EV_NAME_WARNING,
    EV_PAIR_DIGITS,
    EV_PAIR_FAILED,
    LINK_STREAM,
)
from dsoftbus.errors import PAIRING_CANCELLED, BusError
from dsoftbus.mux.events import NodeEvent
from dsoftbus.service.directory import Offer
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board.console_text import Lines
from dsoftbus_host.bridge.bridge import Status
from dsoftbus_host.cli import bridge, discover, offers, person
from dsoftbus_host.cli.board import board
from dsoftbus_host.cli.common import console
from dsoftbus_host.cli.terminal.screen import Screen
from dsoftbus_host.storage.trust_file import StoreFile
from hostile import NAMES, NAMES_OF_FILES, OURS, is_harmless
from portable import PYTHON_PATH, ROOT, TIMEOUT_S

ID = BareBus(bytes(range(32))).id
TERMINALS = ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"})


def environment(**more: str) -> dict:
    return {
        **os.environ,
        "PYTHONPATH": PYTHON_PATH,
        "COLUMNS": "200",
        "TERM": "xterm-256color",
        **more,
    }


def said(words, cwd: Path, **more: str) -> str:
    """All that a command writes into pipes."""
    done = subprocess.run(
        [*quick_command(), *map(str, words)],
        env=environment(**more),
        cwd=cwd,
        input="",
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="surrogateescape")


def said_to_a_terminal(words, cwd: Path, **more: str) -> str:
    """All that a command writes to a terminal."""
    master, slave = pty.openpty()
    ends = {"stdin": slave, "stdout": slave, "stderr": slave}
    with subprocess.Popen(
        [*quick_command(), *map(str, words)], env=environment(**more), cwd=cwd, **ends
    ):
        os.close(slave)
        found = b""
        while select.select([master], [], [], TIMEOUT_S)[0]:
            try:
                found += os.read(master, 65536)
            except OSError:  # nobody is at the other end any more
                break
    os.close(master)
    return found.decode(errors="surrogateescape")


def check(text: str, lines: int = 1000) -> None:
    ours = OURS.sub("", text.replace("\r\n", "\n"))
    assert is_harmless(ours), ascii(text)
    assert ours.count("\n") <= lines, ascii(text)


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder with the trust store of a node that trusted peers before names had a rule."""
    store = StoreFile(tmp_path / "trust.json")
    for i, name in enumerate(NAMES):
        public = BareBus(bytes((i, *range(1, 32)))).public
        store.store.add(Entry(public, name[:12], [grant("allow both \x1b[8m*")], 0))
    store.store.add_rule(rule("allow in * a\nb\u202ec"))
    store.save()
    return tmp_path


FILES = ("--key", "node.key", "--trust", "trust.json")
LOOKS = ("--interface", "127.0.0.1/8", "--discovery-port", "1")
TRUST = ("--trust", "trust.json")
# Who logs; and who reads the log of a program, for peers that ask for it.
LOGGING = ("display.py", "logging_source.py")


@pytest.mark.parametrize("terminal", TERMINALS, ids=str)
def test_who_is_trusted(own, terminal):
    lines = 2 * len(NAMES) + 10  # not one more for a name
    check(said(("peers", *TRUST), own, **terminal), lines)
    check(said_to_a_terminal(("peers", *TRUST), own, **terminal), lines)
    check(said_to_a_terminal(("trust", "export", "-", *TRUST), own, **terminal))


def test_an_export_is_exact_where_it_is_no_terminal(own):
    done = subprocess.run(
        [*quick_command(), "trust", "export", *TRUST],
        env=environment(),
        cwd=own,
        capture_output=True,
    )
    assert done.stdout == (own / "trust.json").read_bytes()


COMMANDS_ON_NAMES = (
    ("unpair", "{}", *TRUST),
    ("allow", "{}", "echo", *TRUST),
    ("deny", "paired", "{}", *TRUST),
    ("deny", "--remove", "paired", "{}", *TRUST),
    ("fetch", "file", "{}", *FILES, *LOOKS),
    ("fetch", "{}", "x@127.0.0.1:1", *FILES),
    ("send", "{}", "x@127.0.0.1:1", *FILES),
    ("pair", "dsoftbus:{}", *FILES, *LOOKS),
    ("ping", "{}", *FILES, *LOOKS),
    ("call", "{}", "{}", *FILES, *LOOKS),
    ("offers", "{}", *FILES, *LOOKS),
    ("time", "{}", *FILES, *LOOKS),
    ("watch", "{}", "{}", *FILES, *LOOKS),
    ("publish", "{}", "{}", *FILES, *LOOKS),
    ("call", "x@127.0.0.1:1", "x", "{}", *FILES),
    ("status", "--trust", "{}", *FILES[:2]),
    ("serve", "--allow", "{}", *FILES),
    ("serve", "--dir", "{}", *FILES),
    ("id", "--key", "{}/node.key"),
    ("id", "--{}"),
    ("{}",),
    ("sim", "{}"),
    ("trust", "import", "{}", *TRUST),
    ("board", "run", "{}"),
    ("board", "install", "port", "--board", "{}"),
    ("board", "{}"),
    ("bridge", "--interface", "{}", "port"),
    ("discover", "--seconds", "0.1", "--interface", "{}", *FILES),
)


@pytest.mark.parametrize("words", COMMANDS_ON_NAMES, ids=" ".join)
def test_words_of_a_command_line_are_text(own, words):
    for name in ("\x1b]52;c;ZQ==\x07\x1b[8m\u202ex\u200b\x9b2J", "a\npaired with hub\r[/x]"):
        told = [word.format(name) for word in words]
        check(said_to_a_terminal(told, own), 20)


def test_names_of_files(own):
    """File names of a disk may hold bytes that are no text. Folders in folders, for a process
    takes its time."""
    for i in range(0, len(NAMES_OF_FILES), 5):
        names = (name.replace("/", "-").replace("\0", "0") for name in NAMES_OF_FILES[i : i + 5])
        path = own.joinpath(*(name[:100] for name in names))
        path.mkdir(parents=True)
        check(said(("serve", "--host", "nowhere.invalid", "--dir", path, *FILES), own), 10)
        key = path / "node.key"
        key.write_text("damaged")
        key.chmod(0o644)
        check(said(("id", "--key", key), own), 3)


# What only a peer brings


@pytest.fixture
def told(capsys):
    """Returns the text that has been written since."""

    def since() -> str:
        found = capsys.readouterr()
        return found.out + found.err

    return since


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_of_a_pairing_shows_the_id(told, name, monkeypatch):
    class Attempt:
        digits = "402917"
        ended = False

    class About:
        pairing = Attempt()

    events = asyncio.Queue()

    class Guard:
        def cancel(self):
            events.put_nowait(NodeEvent(EV_PAIR_FAILED, ID, name, PAIRING_CANCELLED))

    class Bus:
        guard = Guard()

    known = Entry(bytes(32), name[:12])
    events.put_nowait(NodeEvent(EV_NAME_WARNING, ID, name, 0, known))
    events.put_nowait(NodeEvent(EV_PAIR_DIGITS, ID, name, 0, About()))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(BusError) as failed:
        asyncio.run(person.Person(Bus(), events, ID).follow())
    console.print_lines(failed.value)
    text = told()
    assert f"({ID})" in text
    check(text, 4 + name.count("\n"))


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_peers_and_bridges(told, name):
    class Peer:
        id = name
        public = bytes(32)
        flags = 0
        online = True
        services = (name, name)

        def routes(self):
            return [(LINK_STREAM, name, 7), (9, name, 7)]

    Peer.name = name

    class Guard:
        store = MappingProxyType({})

    class Bus:
        peers = (Peer(),)

        guard = Guard()

    console.print(discover._peer_table(Bus()))
    check(told(), 5)
    discover._Changes(Bus()).say()
    check(told(), 1)
    fields = {"path": name, "plugged": True, "name": name, "id": name, "drops": Counter({name: 1})}
    status = Status(**dict.fromkeys(Status._fields, 7) | fields)
    console.print(bridge.table([status]))
    check(told(), 5)
    for text in (bridge._where(status), bridge._summary(status)):
        bridge._print(text)
        check(told(), 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_of_offers(told, name):
    """A list with such texts is refused; this holds where one comes from somewhere else."""
    Screen(width=200).print(offers.table([Offer("call", name, name, name, name)]))
    check(told(), 2)


@pytest.mark.parametrize("name", NAMES)
def test_ports_and_what_they_say_of_themselves(told, name, monkeypatch):
    class Port:
        device = name
        description = name

    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [Port()])
    board.list_boards.callback(as_json=False)
    check(told(), 20)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_board_prints(told, name):
    for line in Lines().feed(b"\0" + name.encode() + b"\nstarted\n"):
        console.print(line)
    check(told(), 3)


def test_nothing_else_writes_to_a_terminal():
    """All that is printed here goes through `Screen`, and all that is logged through `display`."""
    for file in (ROOT / "host/dsoftbus_host").rglob("*.py"):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            where = f"{file.name}:{getattr(node, 'lineno', 0)}: {called}"
            assert called not in ("print", "click.echo", "click.secho"), where
            assert not called.startswith(("sys.stdout.", "sys.stderr.")), where
            assert called != "Console", where
            assert called != "logging.getLogger" or file.name in LOGGING, where
        assert "rich.markup" not in text, file
        assert "markup=True" not in text, file
