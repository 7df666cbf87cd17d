"""A shell offers peers from the store, scenarios, and files."""

from pathlib import Path

import click.shell_completion as shells
import pytest

from dsoftbus.identity import device_id
from dsoftbus.trust.store import Entry
from dsoftbus_host.cli.command import main
from dsoftbus_host.storage.names_used import NamesUsed
from dsoftbus_host.storage.trust_file import StoreFile

HALL = device_id(b"\1" * 32)


@pytest.fixture
def trust(tmp_path):
    file = StoreFile(tmp_path / "trust.json")
    file.store.add(Entry(b"\1" * 32, "hall"))
    file.store.add(Entry(b"\2" * 32, "attic"))
    file.save()
    return str(file.path)


def offered(*words: str) -> list:
    """Returns the offers for the last of these words."""
    *before, last = words
    offers = shells.ShellComplete(main, {}, "dsoftbus", "_DSOFTBUS_COMPLETE")
    return [(item.type, item.value) for item in offers.get_completions(before, last)]


def names(*words: str) -> set:
    return {value for kind, value in offered(*words) if kind == "plain"}


@pytest.mark.parametrize(
    "command", [("ping",), ("call",), ("offers",), ("ls",), ("time",), ("pair",), ("unpair",)]
)
def test_peers_are_offered(trust, command):
    words = (*command, "--trust", trust)
    assert names(*words, "") == {"hall", "attic"}
    assert names(*words, "h") == {"hall"} | {d for d in (HALL,) if d.startswith("h")}
    assert HALL in names(*words, HALL[:4])


def test_rules_are_for_peers_and_for_more(trust):
    assert names("allow", "--trust", trust, "") == {"hall", "attic", "paired", "*"}


def test_rules_speak_of_calls_topics_and_streams(trust):
    used = NamesUsed(Path(trust))
    for name in ("call/light", "topic/heat", "lamp"):
        used.note(name)
    used.save()
    words = ("allow", "--trust", trust, "hall")
    assert names(*words, "") >= {
        "call/light",
        "topic/heat",
        "lamp",
        "share/*",
        "call/dsoftbus/time",
    }
    assert names(*words, "topic/") == {"topic/heat"}


def test_what_is_watched_may_be_all(trust):
    assert names("watch", "--trust", trust, "") == {"hall", "attic", "all"}
    assert names("watch", "--trust", trust, "al") == {"all"}


def test_calls_that_were_made_are_offered(trust):
    used = NamesUsed(Path(trust))
    for name in ("call/light/set", "call/log", "light"):
        used.note(name)
    used.save()
    assert names("call", "--trust", trust, "hall", "l") == {"light/set", "log"}
    assert names("call", "--trust", trust, "hall", "li") == {"light/set"}


def test_files_come_first_and_then_the_peer(trust):
    assert offered("send", "--trust", trust, "a") == [("file", "a")]
    assert ("plain", "attic") in offered("send", "--trust", trust, "photo.jpg", "a")
    assert names("fetch", "--trust", trust, "a") == set()
    assert names("fetch", "--trust", trust, "photo.jpg", "a") >= {"attic"}


def test_scenarios_and_commands_are_offered():
    assert "good" in names("sim", "g") or names("sim", "")
    assert {"send", "serve", "status"} <= names("s")


def test_what_is_damaged_or_absent_is_offered_nothing_of_and_left_as_it_is(trust, tmp_path):
    assert names("ping", "--trust", str(tmp_path / "none"), "") == set()
    (tmp_path / "bad").write_bytes(b"\xff{")
    assert names("ping", "--trust", str(tmp_path / "bad"), "") == set()
    assert (tmp_path / "bad").read_bytes() == b"\xff{"
