"""The core as extension modules of CPython: what `DSOFTBUS_COMPILE` has a build of a wheel do.

mypyc compiles copies of the core's own files. A copy differs by what a compiler wants to know and
MicroPython has no words for, and each of its lines stays the line that it was:

- numbers and texts of a module's top are final, so that they stand where they are used;
- a field that a state brings is optional until then (docs/decisions.md, Linters);
- what a class only declares is looked up where it is used: heirs give it, or know more of it;
- classes may have heirs in Python, as tests and programs have them.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core"
COPY = ROOT / "build" / "compiled" / "core"
OPTIMIZE = "2"
GROUP = "dsoftbus"  # the library of them all is dsoftbus__mypyc
PACKAGE = "dsoftbus"

# The rooms that a message passes. What runs once in a session, or waits for people, stays Python.
ROOMS = ("base", "handshake", "line", "mux", "noise", "packet", "record", "session")
# Of these rooms stays Python, too:
PYTHON = {
    "dsoftbus/const.py": "programs inherit from its profiles and change their numbers",
    "dsoftbus/errors.py": "what an error is about may be of any type",
    "dsoftbus/hub.py": "a node, of those that stay Python",
    "dsoftbus/node.py": "what programs give it may be of any type, and it says so by labels",
    "dsoftbus/packet/rtt.py": "an heir changes numbers of its class",
    "dsoftbus/session/point_to_point.py": "a class of it stands for a method",
    "dsoftbus/session/shared_network.py": "its heir takes functions from another class",
}

_CONST = re.compile(
    r"try:\n    from micropython import const\nexcept ImportError:\n\n"
    r"    def const\(value: int\) -> int:\n        return value\n"
)
_NUMBER = re.compile(r"^(_?[A-Z][A-Z0-9_]*) = const\((.*?)\)( *#.*)?$", re.MULTILINE)
_FINAL = re.compile(r"^(_?[A-Z][A-Z0-9_]*) = ", re.MULTILINE)
_LATER = re.compile(r"^( +self\.\w+): \"?([^\"=]+?)\"? = (.*)  # type: ignore\[assignment\]", re.M)
_ASKED = re.compile(r"^    \w+: \"[^\"]+\"(  #.*)?$", re.M)
_WORDS = "if False: from mypy_extensions import mypyc_attr; from typing import Final"
_HEIRS = "@mypyc_attr(allow_interpreted_subclasses=True)"


def compiled() -> list[str]:
    """The files that are compiled, relative to `core`."""
    folders = [CORE / PACKAGE, *(CORE / PACKAGE / room for room in ROOMS)]
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    names = [path.relative_to(CORE).as_posix() for path in paths if path.stem != "__init__"]
    return [name for name in names if name not in PYTHON]


def for_the_compiler(text: str) -> str:
    """The source as the compiler gets it: line by line the same."""
    text = _CONST.sub(lambda found: "\n" * found.group().count("\n"), text)
    text = _NUMBER.sub(r"\1 = \2\3", text)
    text = _FINAL.sub(r'\1: "Final" = ', text)
    text = _LATER.sub(r'\1: "\2 | None" = \3', text)
    text = _ASKED.sub("", text)
    lines = text.split("\n")
    for at, words in _insertions(text, lines):
        lines[at] = words
    return "\n".join(lines)


def _insertions(text: str, lines: list[str]) -> Iterator[tuple[int, str]]:
    """(index of an empty line, what stands there instead)"""
    tree = ast.parse(text)
    yield lines.index("", tree.body[0].end_lineno or 0), _WORDS
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            at = node.lineno - 1
            while lines[at]:
                at -= 1
            yield at, _HEIRS


def copy() -> None:
    """Writes all of the core, as the compiler gets it, into `COPY`."""
    for path in CORE.rglob("*.py*"):
        there = COPY / path.relative_to(CORE)
        there.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            there.write_text(for_the_compiler(path.read_text()))
        elif path.suffix == ".pyi":
            shutil.copy(path, there)


def extensions() -> list[Any]:
    """The `Extension`s that setuptools is to build. Raises ImportError without mypy, SystemExit
    for a fault of the types."""
    from mypyc.build import mypycify

    copy()
    words = ["--config-file", str(ROOT / "mypy-compiled.ini")]
    files = [str(COPY / path) for path in compiled()]
    made = mypycify(
        [*words, *files],
        opt_level=OPTIMIZE,
        debug_level="0",
        group_name=GROUP,
        target_dir=str(COPY.parent / "c"),
    )
    return list(made)
