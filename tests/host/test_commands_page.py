"""The page of commands has the help of every one, as it is."""

import re

import pytest
from click.testing import CliRunner

import command_help
from dsoftbus_host.cli.command import main


def test_the_page_of_commands_is_not_stale():
    text = command_help.PAGE.read_text()
    assert text == command_help.page(text), "run `make docs-commands`"


def test_every_command_is_there_once():
    found = re.findall(r"^<!-- help: ([a-z ]+) -->$", command_help.PAGE.read_text(), re.MULTILINE)
    assert sorted(found) == sorted(command_help.helps())


@pytest.mark.parametrize("words", sorted(command_help.helps()))
@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits(words, columns):
    done = CliRunner().invoke(main, [*words.split(), "-h"], terminal_width=columns)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= columns
    long = CliRunner().invoke(main, [*words.split(), "--help"], terminal_width=columns)
    assert long.stdout == done.stdout
