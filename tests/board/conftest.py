"""Boards for tests: bare ones, and such that a node lies on already."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from board.supervisor import Supervisor
from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards
from dsoftbus_host.cli.command import main

HEAP = "320k"  # of 64-bit words: about what 160 KB are to a board


@pytest.fixture
def bare(tmp_path):
    """A board with nothing on it."""
    folder = tmp_path / "board"
    folder.mkdir()
    with Supervisor(folder, heap=HEAP) as supervisor:
        yield supervisor


@pytest.fixture
def stocked(image, bare):
    """The same, with the modules of a node: an installation has little to send."""
    shutil.copytree(image / "lib", bare.folder / "lib")
    return bare


def put(name: str, folder: Path) -> Path:
    """Writes the files that an installation for the board `name` leaves on the flash."""
    board = boards.find(name)
    files = install.files_for(board, "x64") | {"main.py": board.main, "config.json": board.config}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    return put("unix", tmp_path_factory.mktemp("image"))


@pytest.fixture
def flash(image, tmp_path):
    """The file system of a board that a node lies on; for `Supervisor`."""
    folder = tmp_path / "board"
    shutil.copytree(image, folder)
    return folder


@pytest.fixture
def flash_of(tmp_path):
    """The same for another board."""
    return lambda name: put(name, tmp_path / "board")


@pytest.fixture
def board(flash):
    """A board that runs a node."""
    with Supervisor(flash, heap=HEAP) as supervisor:
        yield supervisor


@pytest.fixture
def command(tmp_path):
    """`command(*words)`: runs `dsoftbus board ...`; what it printed, and its exit status."""
    host = ("--key", str(tmp_path / "host.key"), "--trust", str(tmp_path / "host.trust"))

    def run(*words: str) -> tuple[str, int]:
        own = host if words[0] == "token" else ()
        result = CliRunner().invoke(main, ["board", *words, *own])
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        return result.output, result.exit_code

    return run
