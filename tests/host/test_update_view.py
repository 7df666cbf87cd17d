"""The view of updates: rows that matter on a terminal, lines in a pipe, a report."""

import asyncio
import io
import json
import re

import pytest

from dsoftbus.errors import NOT_PAIRED, LocalError
from dsoftbus_host.cli import update_view
from dsoftbus_host.cli.terminal.screen import Screen
from dsoftbus_host.cli.update_view import Watched
from dsoftbus_host.update import one_update as steps
from dsoftbus_host.update.errors import TAKEN_BACK, UpdateError
from dsoftbus_host.update.one_update import Job, OneUpdate
from hostile import NAMES, OURS, is_harmless
from updated_peer import Time, UpdatedPeer, put

JOB = Job(None, put, "app")


@pytest.fixture
def screens(monkeypatch):
    """The standard output and error, as terminals of 60 columns or as pipes."""

    def make(terminal: bool, height: int = 24) -> tuple:
        made = []
        for name in ("console", "errors"):
            file = io.StringIO()
            screen = Screen(file=file, force_terminal=terminal, width=60, height=height)
            monkeypatch.setattr(update_view, name, screen)
            made.append(file)
        return tuple(made)

    return make


def one(watched: Watched, name: str, step: str, error=None, version: str = "2.0") -> OneUpdate:
    update = OneUpdate(name, UpdatedPeer, Time(), JOB, watched.on_change)
    watched.updates.append(update)
    update.before, update.version, update.size = "1.0", version, 2000
    if error is not None:
        update.fail(error)
    elif step != steps.WAITING:
        update.step = step
        watched.on_change(update)
    return update


def test_a_pipe_gets_a_line_for_what_matters(screens):
    out, complaints = screens(False)
    watched = Watched(False)
    one(watched, "hall", steps.SENDING)
    one(watched, "attic", steps.RESTARTING)
    one(watched, "porch", steps.UPDATED)
    one(watched, "cellar", steps.SAME)
    one(watched, "shed", "", UpdateError(TAKEN_BACK, "it raised"))
    assert not watched.report()
    assert out.getvalue().splitlines() == [
        "attic  restarting  1.0 -> 2.0",
        "porch  updated  1.0 -> 2.0",
        "cellar  up to date  2.0",
        "shed  went back  1.0",
        "5 peers: 1 updated, 1 up to date, 1 went back, 1 sending, 1 restarting",
    ]
    assert complaints.getvalue().splitlines()[0] == (
        "shed tried it, and came back with the version before: it raised (update.taken_back)"
    )


def test_each_advice_is_said_once(screens):
    _, complaints = screens(False)
    watched = Watched(False)
    for name in ("hall", "attic"):
        one(watched, name, "", LocalError(NOT_PAIRED))
    watched.report()
    said = complaints.getvalue()
    assert said.count("`dsoftbus pair`") == 1 and said.count("not_paired") == 2
    assert "hall has not paired with this node" in said


def test_one_peer_has_no_sum(screens):
    out, _ = screens(False)
    watched = Watched(False)
    one(watched, "hall", steps.UPDATED)
    assert watched.report()
    assert out.getvalue() == "hall  updated  1.0 -> 2.0\n"


def test_json_has_all_and_nothing_else_is_said(capsys):
    watched = Watched(True)
    one(watched, "hall", steps.UPDATED)
    one(watched, "a@1.2.3.4:5", "", LocalError(NOT_PAIRED))
    assert not watched.report()
    good = {"peer": "hall", "result": "updated", "before": "1.0", "version": "2.0"}
    found = json.loads(capsys.readouterr().out)
    assert found[0] == {**good, "label": None, "why": None}
    assert found[1]["peer"] == "1.2.3.4:5" and found[1]["label"] == "trust.reject.not_paired"


@pytest.mark.parametrize("height", [6, 24])
def test_a_table_shows_those_that_matter(screens, height):
    out, moving = screens(True, height)
    watched = Watched(False)
    for i in range(40):
        one(watched, f"done{i:02}", steps.UPDATED)
    one(watched, "broken", "", UpdateError(TAKEN_BACK))
    going = one(watched, "going", steps.SENDING)
    going.done = 500

    async def main() -> None:
        async with watched.shown():
            while "going" not in moving.getvalue():
                await asyncio.sleep(0.001)

    asyncio.run(main())
    drawn = moving.getvalue()
    assert "broken" in drawn and "25 %" in drawn and "40 updated" in drawn
    assert len(set(re.findall(r"done\d\d", drawn))) <= height
    assert not watched.report()
    report = out.getvalue()
    assert report.count("done") == 40 and report.index("done39") < report.index("broken")
    assert max(len(line) for line in report.splitlines() if "\x1b" not in line) <= 60


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_names_and_words_of_peers_are_text(screens, terminal, name):
    out, complaints = screens(terminal)
    watched = Watched(False)
    one(watched, name, steps.UPDATED, version=name)
    one(watched, "hall", "", UpdateError(TAKEN_BACK, name))
    watched.report()
    for said in (out.getvalue(), complaints.getvalue()):
        assert is_harmless(OURS.sub("", said))
