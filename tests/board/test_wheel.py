"""`dsoftbus board` out of an installed wheel, far from the project's folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.board import boards, install, slices
from portable import ROOT, TIMEOUT_S

PARTS = ("core", "host", "micropython", "boards")


def run(*command: str, **more) -> str:
    done = subprocess.run(
        (sys.executable, *command),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        **more,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the wheel's packages, and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    local = ("--no-deps", "--no-index", "--no-build-isolation")
    copy = folder / "source"  # setuptools leaves folders of its own beside what it builds
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, copy)
    run(*pip, "wheel", *local, "--wheel-dir", str(folder), str(copy))
    (wheel,) = folder.glob("*.whl")
    run(*pip, "install", *local, "--target", str(folder / "site"), str(wheel))
    return folder / "site"


def dsoftbus(site: Path, *words: str) -> str:
    program = "from dsoftbus_host.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return run("-c", program, *words, cwd=site, env=environment)


def test_every_module_and_board_is_in_the_wheel(installed):
    for module in slices.every_module():
        assert (installed / slices.path_of(module).split("/", 1)[1]).exists()
    for package in ("dsoftbus_host", "dsoftbus_sim"):
        root = next(ROOT.glob(f"*/{package}"))
        for file in root.rglob("*.py"):
            assert (installed / package / file.relative_to(root)).exists()
    said = dsoftbus(installed, "board", "list")
    assert all(name in said for name in boards.every())


def test_the_wheel_installs_the_same_node(installed, tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    with Supervisor(folder, heap="320k") as board:
        said = dsoftbus(installed, "board", "install", board.port, "--board", "unix")
    assert "line on the console" in said
    for path, data in install.files_for(boards.find("unix"), "x64").items():
        assert (folder / path).read_bytes() == data
