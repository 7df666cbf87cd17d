"""Every block of the README and of the tutorial is run, and says what the page shows.

    make docs-story

writes into the pages what the machines say now.
"""

import json
import os
import re
import shlex
from pathlib import Path

import click
import pytest

from board import test_wheel
from board.supervisor import Supervisor
from dsoftbus.base.key_file import encode_secret
from dsoftbus_host.board.make import boards
from dsoftbus_host.cli.command import main
from machines.pages import blocks, commands, rewritten
from machines.story import Story, secret_of
from portable import ROOT

PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
WRITE = "DSOFTBUS_WRITE_PAGES"  # in the environment: into the pages, instead of comparing
page_of = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
LAMP = {"name": "lamp", "discovery": True}
LINES_MAX = 16  # of a program that say something


@pytest.fixture
def board(tmp_path):
    """The port of a board that has a node from its sources: `lamp`."""
    flash = tmp_path / "flash"
    (flash / "lib").mkdir(parents=True)
    unix = boards.find("unix")
    for package in ("core/dsoftbus", "core/dsoftbus_aio", "micropython/dsoftbus_mpy"):
        (flash / "lib" / Path(package).name).symlink_to(ROOT / package)
    (flash / "lib" / "dsoftbus_profile.py").symlink_to(ROOT / "boards/unix/dsoftbus_profile.py")
    (flash / "lib" / f"{boards.BOOT}.py").symlink_to(ROOT / boards.boot_path())
    (flash / "main.py").write_bytes(unix.main)
    (flash / "config.json").write_text(json.dumps({**json.loads(unix.config), **LAMP}))
    (flash / "dsoftbus.key").write_bytes(encode_secret(secret_of(LAMP["name"])))
    with Supervisor(flash, heap="2M") as supervisor:
        yield supervisor.port


@page_of
def test_a_page_shows_what_the_machines_say(network, board, page):
    text = page.read_text()
    told = rewritten(text, Story(network, {"/dev/ttyACM0": board}).tell(text))
    if os.environ.get(WRITE):
        page.write_text(told)
    assert told == text


@page_of
def test_every_block_is_one_that_is_run(page):
    """Programs are started by a command that follows; of the rest tests elsewhere say that they
    run them."""
    found = blocks(page.read_text())
    shown = [
        command.line for block in found if block.kind == "console" for command in commands(block)
    ]
    assert shown
    for block in found:
        assert block.kind in ("python", "console", "sh"), block
        if block.kind == "python":
            file = block.place.partition("/")[2]
            assert re.search(
                rf"^(python|dsoftbus board put .*) {file}\b", "\n".join(shown), re.M
            ), file
            assert len([line for line in block.lines if line]) <= LINES_MAX
        if block.kind == "sh":
            assert [line for line in block.lines if not is_run(line)] == []


def is_run(line: str) -> bool:
    """By `make test` itself, or by the test of the wheel."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["make"]:
        return f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    return " ".join(words) in ("pip install .", test_wheel.WHEEL, test_wheel.INSTALL)


def listed(page: Path) -> list[str]:
    """The lines of lists of commands, which stand set in."""
    return re.findall(r"^    (dsoftbus (?![a-z2-7]{26})[^\n]+)$", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.stem
)
def test_listed_commands_are_there_with_their_options(page):
    for line in listed(page):
        words = re.split(r"  +", line)[0].split()[1:]
        command, context = main, click.Context(main)
        while isinstance(command, click.Group) and words:
            below = command.get_command(context, words[0])
            if below is None:
                break
            command = below
            del words[0]
        known = {option for each in command.params for option in each.opts} | {"--help"}
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        assert command is not main and set(options) <= known, line
