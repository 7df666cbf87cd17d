"""A program and a command load what they need, and start without the rest."""

import subprocess
import sys

import pytest

import dsoftbus_host
from dsoftbus_host.cli import command, late_group
from dsoftbus_host.cli.board import board


def loaded_by(text: str) -> set[str]:
    """The modules of a fresh Python that has run this."""
    show = "\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text + show], capture_output=True, check=True)
    return set(done.stdout.decode().splitlines()[-1].split())


def test_a_part_of_the_package_is_not_the_whole_bus():
    found = loaded_by("import dsoftbus_host.key_file, dsoftbus_host.storage.trust_file")
    assert not found & {"asyncio", "dsoftbus_host.bus", "dsoftbus_host.bare_bus"}


def test_one_command_is_not_the_others():
    run = (
        "from dsoftbus_host.cli.command import main\nmain(['peers', '--help'], None, None, False)"
    )
    found = loaded_by(run)
    assert "dsoftbus_host.cli.trust" in found
    assert not found & {
        f"dsoftbus_host.cli.{name}" for name in ("gateway", "serving.serve", "board.board")
    }


@pytest.mark.parametrize("name", dsoftbus_host.__all__)
def test_each_name_of_the_package_is_there(name):
    assert getattr(dsoftbus_host, name) is not None and name in dir(dsoftbus_host)


def test_no_other_name_is_there():
    assert not hasattr(dsoftbus_host, "no_such_name")


@pytest.mark.parametrize("of", [command, board], ids=["dsoftbus", "dsoftbus board"])
def test_each_module_has_the_commands_that_it_is_said_to_have(of):
    for name, module in late_group.by_name(of.__package__, of._MODULES).items():
        assert late_group.command_in(module, name).name == name
