"""The rules of the house that a machine can see: DESIGN section 1, and sizes of code."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from portable import ROOT

CORE = ROOT / "core" / "dsoftbus"
FOLDERS = ("core", "host", "micropython", "boards", "bench", "scripts", "tests")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
CORE_SOURCES = [file for file in SOURCES if CORE in file.parents]

OUTSIDE = {"struct", "binascii", "hashlib", "collections", "array", "errno", "json", "micropython"}
# Rooms by floor, the lowest first; what a floor needs of its own is spelled out as floors.
FLOORS = (
    {"errors", "const", "ticks", "pace", "backoff", "names"},
    {"codec", "labels", "file_names", "shares"},
    {"crypto"},
    {"cipher"},
    {"noise", "identity", "secret"},
    {"link"},
    {"session"},
    {"discovery", "trust"},
    {"service"},
    {"node", "pump", "datagram_pump", "line_link"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
BACKENDS = ("dsoftbus_sim", "dsoftbus_host", "dsoftbus_mpy")
# The command line shows people the simulator; the backend under it does not use it.
SHOWS_THE_SIMULATOR = ROOT / "host/dsoftbus_host/cli_sim.py"
FUNCTION_LINES = 60
FILE_LINES = 550
# Kernels: one function of straight code each, because unrolling and a single call pay
# (docs/decisions.md).
UNROLLED = {
    ROOT / "micropython/dsoftbus_mpy" / name
    for name in (
        "blake2s.py",
        "chacha20.py",
        "field.py",
        "poly1305.py",
        "thumb_chacha20.py",
        "thumb_field.py",
        "thumb_poly1305.py",
    )
}


def name_of(file: Path) -> str:
    """The dotted name of a module below its import root."""
    parts = file.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(part for part in parts if part != "__init__")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that the file imports, with their lines; `from a import b` gives a and a.b."""
    package = name_of(file).split(".") + ["x"] * (file.name == "__init__.py")
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            assert base or not node.level, f"{file}:{node.lineno}: relative import out of the root"
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield origin, node.lineno
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def room_of(module: str) -> str:
    """`dsoftbus.link.records` stands in the room `link`."""
    return module.split(".")[1] if "." in module else ""


def guarded(tree: ast.Module) -> set:
    """The import nodes that stand in a `try`."""
    return {node for block in ast.walk(tree) if isinstance(block, ast.Try) for node in block.body}


def ids(file) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", CORE_SOURCES, ids=ids)
def test_the_core_imports_nothing_of_the_os(file):
    roots = {(module.split(".")[0], line) for module, line in imports(file)}
    strangers = {(root, line) for root, line in roots if root not in OUTSIDE | {"dsoftbus"}}
    assert not strangers, f"{ids(file)} imports {strangers}"


@pytest.mark.parametrize("file", CORE_SOURCES, ids=ids)
def test_the_core_guards_what_only_a_board_has(file):
    tree = ast.parse(file.read_text())
    for node in set(ast.walk(tree)) - guarded(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert "micropython" not in names, f"{ids(file)}:{node.lineno}: outside a try"


@pytest.mark.parametrize("file", CORE_SOURCES, ids=ids)
def test_a_room_imports_only_from_floors_below_it(file):
    room = room_of(name_of(file))
    for module, line in imports(file):
        other = room_of(module) if module.split(".")[0] == "dsoftbus" else ""
        if other and other != room:
            assert other in FLOOR_OF, f"{ids(file)}:{line}: {other} is not a room with a floor"
            below = FLOOR_OF[other] < FLOOR_OF[room]
            assert below, f"{ids(file)}:{line}: {room} must not import {other}"


def test_every_room_has_its_floor():
    rooms = {room_of(name_of(file)) for file in CORE_SOURCES} - {""}
    assert rooms <= set(FLOOR_OF), f"no floor is written down for {rooms - set(FLOOR_OF)}"


def test_modules_of_the_core_do_not_import_in_a_circle():
    names = {name_of(file) for file in CORE_SOURCES}
    graph = {
        name_of(file): {name for name, _ in imports(file)} & names - {"dsoftbus", name_of(file)}
        for file in CORE_SOURCES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("file", SOURCES, ids=ids)
def test_backends_do_not_reach_into_each_other(file):
    home = name_of(file).split(".")[0]
    if home in ("dsoftbus", *BACKENDS):
        used = {module.split(".")[0] for module, _ in imports(file)} & set(BACKENDS)
        allowed = {home, "dsoftbus_sim"} if file == SHOWS_THE_SIMULATOR else {home}
        assert used <= allowed, f"{ids(file)} imports {used}"


@pytest.mark.parametrize("file", sorted(set(SOURCES) - UNROLLED), ids=ids)
def test_files_and_functions_are_short(file):
    text = file.read_text()
    assert text.count("\n") <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES, f"{ids(file)}:{node.lineno}: {node.name}: {lines}"


# Written so that this file does not match.
ADDRESSES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npm|npmjs\.(org|com)|deb\.debian\.org"
    r"|/(home|Users)/\w+/|/roo[t]/"
)


def test_no_file_holds_an_address_of_a_registry_or_a_path_of_a_machine():
    texts = [ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run")]
    texts += ROOT.glob("*.md")
    for folder in (*FOLDERS, "docs"):
        texts += (file for file in (ROOT / folder).rglob("*") if file.is_file())
    for file in texts:
        if file.suffix != ".pyc":  # a cache holds its own path, and is not checked in
            text = file.read_text(errors="replace")
            found = ADDRESSES.search(text)
            assert not found, f"{ids(file)} holds {found[0]}"
            assert f"{ROOT}/" not in text, f"{ids(file)} holds the path of this checkout"
