"""Names of peers and of streams do nothing to a terminal, a log or a table."""

import re
import threading
import time

import pytest

from attack import text
from attack.owner import Owner, run, store_with
from attack.victim import BOTH, HostVictim, MicroPythonVictim
from attack.wire import public_of
from command import quick_command
from free_ports import free_port
from support import Random

SECRET = Random(301)(32)
# What a terminal program writes of its own: colours, the cursor, and erasing of lines.
OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\[[0-79;]*m|\r")


def discover(folder, port: int) -> tuple:
    files = ("--key", folder / "own.key", "--trust", folder / "own.json")
    where = ("--interface", "127.0.0.1/8", "--discovery-port", port)
    return ("discover", "--seconds", "1.5", *files, *where)


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_the_table_of_nodes_on_a_terminal(tmp_path, environment):
    port = free_port()
    command = [*quick_command(), *map(str, discover(tmp_path, port))]
    more = {"COLUMNS": "250", **environment}
    shown = text.on_a_terminal(command, more, lambda: text.shout(port))
    assert text.HARMLESS in shown  # they were heard
    assert not text.found_in(OWN.sub("", shown))
    assert "\x1b[8m" not in shown and "\x1b[2J" not in shown


def test_the_table_of_nodes_in_a_pipe(tmp_path):
    port = free_port()
    over = threading.Event()

    def shout():
        while not over.is_set():
            text.shout(port)
            time.sleep(0.05)

    shouting = threading.Thread(target=shout)
    shouting.start()
    shown = run(*discover(tmp_path, port))
    over.set()
    shouting.join()
    assert text.HARMLESS in shown
    assert not text.found_in(shown)


def printing(kind, tmp_path):
    """A victim that prints what happens, with one peer that it trusts."""
    folder = tmp_path / "node"
    folder.mkdir()
    peers = (public_of(SECRET), "attic", ["allow out share/*"])
    trust = store_with(folder / "trust.json", peers)
    if kind is MicroPythonVictim:
        return Owner(kind, tmp_path / "served", trust).victim
    files = ("--key", folder / "own.key", "--trust", trust, "--dir", tmp_path / "served")
    loopback = ("--host", "127.0.0.1", "--interface", "127.0.0.1/8")
    where = (*loopback, "--discovery-port", free_port())
    return HostVictim.running(tmp_path / "served", "serve", "--port", 0, *files, *where)


@pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)
def test_what_a_node_prints_of_its_peers(kind, tmp_path):
    """Denials and errors, of a stranger and of a peer that is let in."""
    with printing(kind, tmp_path) as victim:
        for secret in (None, SECRET):
            text.Streams(victim, secret=secret).run()
        shown = "\n".join(victim.lines)
        told = " ".join(victim.report()["errors"])
    assert "denied" in shown
    assert not text.found_in(shown + told)
