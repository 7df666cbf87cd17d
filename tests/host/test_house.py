"""The rules of the house that a machine can see: what may import what, and sizes of code."""

import ast
import functools
import re
import statistics
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import floors
from dsoftbus_host.board.make.tree import walk
from portable import ROOT

CORE = ROOT / "core" / "dsoftbus"
LAYER = ROOT / "core" / "dsoftbus_aio"
PACKAGES = {path.split("/")[1]: ROOT / path for story in floors.PACKAGES for path in story}
FOLDERS = ("core", "host", "micropython", "boards", "bench", "examples", "scripts", "tests")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
CORE_SOURCES = [file for file in SOURCES if CORE in file.parents]
OURS = [file for file in SOURCES if set(PACKAGES.values()) & set(file.parents)]

OUTSIDE = {"struct", "binascii", "hashlib", "collections", "array", "errno", "json", "micropython"}
FUNCTION_LINES = 60
MEDIAN_LINES = 10
FILE_LINES = 550
HOST_FLOORS = 6
# Kernels: one function of straight code each, because unrolling and a single call pay
# (docs/decisions.md).
UNROLLED = {
    ROOT / "micropython/dsoftbus_mpy/kernels" / name
    for name in (
        "blake2s.py",
        "chacha20.py",
        "field25519.py",
        "poly1305.py",
        "thumb_chacha20.py",
        "thumb_field25519.py",
        "thumb_poly1305.py",
    )
}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # what a statement has of others
SELF = ("self", "cls", "super()")


def name_of(file: Path) -> str:
    """The dotted name of a module below its import root."""
    parts = file.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(part for part in parts if part != "__init__")


class Facts(NamedTuple):
    """A file of ours, as the rules ask for it: trees of all files would take too much memory."""

    imports: list[tuple[str, int]]
    types: list[ast.stmt]  # the imports for annotations
    unguarded: list[int]  # lines
    private: list[str]
    lengths: list[tuple[str, int, int]]  # of functions


@functools.cache
def facts(file: Path) -> Facts:
    tree = ast.parse(file.read_text())
    nodes = walk(tree)
    own = set(nodes) - for_types(tree)
    types = [node for node in for_types(tree) if isinstance(node, ast.ImportFrom)]
    return Facts(
        list(_imports(file, own)),
        types,
        list(_unguarded(set(nodes) - guarded(nodes))),
        list(_private(file, nodes)),
        list(_lengths(tree)),
    )


def imports(file: Path) -> list[tuple[str, int]]:
    """Dotted names that the file imports, with their lines; `from a import b` gives a and a.b."""
    return facts(file).imports


def _imports(file: Path, nodes: set[ast.AST]) -> Iterator[tuple[str, int]]:
    package = name_of(file).split(".") + ["x"] * (file.name == "__init__.py")
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            assert base or not node.level, f"{file}:{node.lineno}: relative import out of the root"
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield origin, node.lineno
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def room_of(module: str) -> str:
    """`dsoftbus.record.records` stands in the room `record`."""
    return module.split(".")[1] if "." in module else ""


def for_types(tree: ast.Module) -> set:
    """Returns the imports under `if False:`: names for annotations, which no interpreter loads."""
    blocks = (node for node in tree.body if isinstance(node, ast.If))
    unused = (block for block in blocks if ast.unparse(block.test) == "False")
    return {node for block in unused for node in ast.walk(block)}


def guarded(nodes: list[ast.AST]) -> set:
    """The import nodes that stand in a `try`."""
    return {node for block in nodes if isinstance(block, ast.Try) for node in block.body}


def ids(file) -> str:
    return file.relative_to(ROOT).as_posix()


# Each rule is one test, which names every place where it is broken: a test for each of a thousand
# files would cost as much again as the rules do.


def test_the_core_imports_nothing_of_the_os():
    assert not [
        f"{ids(file)}:{line}: {module}"
        for file in CORE_SOURCES
        for module, line in imports(file)
        if module.split(".")[0] not in OUTSIDE | {"dsoftbus"}
    ]


def test_the_core_takes_its_types_from_its_contracts():
    assert not [
        f"{ids(file)}:{node.lineno}: {node.module}"
        for file in CORE_SOURCES
        for node in facts(file).types
        if node.module.split(".")[0] not in ("dsoftbus", "collections")
    ]


def test_the_core_guards_what_only_a_board_has():
    places = [(file, line) for file in CORE_SOURCES for line in facts(file).unguarded]
    assert not [f"{ids(file)}:{line}: outside a try" for file, line in places]


def _unguarded(nodes: set[ast.AST]) -> Iterator[int]:
    for node in nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        if "micropython" in names:
            yield node.lineno


def test_a_room_imports_only_from_floors_below_it():
    assert not [place for file in OURS for place in from_above(file)]


def from_above(file: Path) -> Iterator[str]:
    package, _, room = name_of(file).partition(".")
    room = room.split(".")[0]
    allowed = floors.below(package) | {package} | floors.ALSO.get(name_of(file), set())
    floor_of = floors.floor_of(package)
    for module, line in imports(file):
        origin, other = module.split(".")[0], room_of(module)
        if origin in PACKAGES and origin not in allowed:
            yield f"{ids(file)}:{line}: {module}"
        beside = room and origin == package and other in floor_of and other != room
        if beside and floor_of[other] >= floor_of[room]:
            yield f"{ids(file)}:{line}: {room} must not import {other}"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_table_of_floors_has_all_rooms_and_no_others(package):
    table = " ".join(floors.FLOORS[package]).split()
    assert sorted(table) == sorted(floors.rooms(PACKAGES[package]))


def test_a_host_has_six_floors():
    assert len(floors.FLOORS["dsoftbus_host"]) <= HOST_FLOORS


@pytest.mark.parametrize("package", PACKAGES)
def test_the_modules_of_a_package_do_not_import_in_a_circle(package):
    files = {name_of(file): file for file in OURS if PACKAGES[package] in file.parents}
    # A folder's own `__init__` is loaded before what is in it.
    graph = {
        name: {other for other, _ in imports(file) if not f"{name}.".startswith(f"{other}.")}
        for name, file in files.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_page_of_architecture_shows_the_floors():
    assert floors.PAGE.read_text(encoding="utf-8") == floors.page(), "run `make docs-floors`"


@pytest.mark.parametrize("package", ("dsoftbus_host", "dsoftbus_mpy"))
def test_a_link_knows_neither_bus_nor_connection(package):
    """Not for types either: it gets callbacks from the runtime of its port."""
    unknown = {f"{package}.bus", f"{package}.connection"}
    for file in (PACKAGES[package] / "links").rglob("*.py"):
        assert not unknown & {module for module, _ in imports(file)}, ids(file)


def test_the_asyncio_layer_imports_the_core_and_asyncio():
    for file in LAYER.rglob("*.py"):
        roots = {module.split(".")[0] for module, _ in imports(file)}
        assert roots <= {"asyncio", "hashlib", "dsoftbus", "dsoftbus_aio"}, ids(file)


# What is no attribute of ours, and has no other name.
FOREIGN = {"_replace", "_fields", "_io_queue", "_task_queue"}  # of named tuples, of asyncio there


def test_no_room_reads_what_another_keeps_to_itself():
    """A name with an underscore belongs to the objects of the file that sets it."""
    assert not [place for file in OURS for place in facts(file).private]


def _private(file: Path, nodes: list[ast.AST]) -> Iterator[str]:
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    attributes = [node for node in attributes if re.match("_[a-z]", node.attr)]
    own = {node.name for node in nodes if isinstance(node, FUNCTIONS)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name)}
    own |= {node.attr for node in attributes if ast.unparse(node.value) in SELF}
    for node in attributes:
        if node.attr not in own | FOREIGN:
            yield f"{ids(file)}:{node.lineno}: {ast.unparse(node)}"


def programs() -> Iterator[tuple[str, str]]:
    """The programs that we show: where they stand, and their text."""
    for folder in ("examples", "boards"):
        yield from ((ids(file), file.read_text()) for file in (ROOT / folder).rglob("*.py"))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        yield from ((ids(page), block) for block in blocks if "import " in block)


def test_programs_import_from_the_top_of_a_package():
    """A module there is public; a folder is the project's own."""
    seen = 0
    for where, text in programs():
        found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        for node in (node for node in found if node.module.split(".")[0] in PACKAGES):
            package, *inner = node.module.split(".")
            public = set(floors.rooms(PACKAGES[package])) - folders(PACKAGES[package])
            asked = inner or [alias.name for alias in node.names]
            assert len(inner) <= 1 and not set(asked) & folders(PACKAGES[package]), where
            seen += not inner or inner[0] in public
    assert seen > 20


def folders(package: Path) -> set[str]:
    return {name for name, file in floors.rooms(package).items() if file.stem == "__init__"}


def test_half_of_all_functions_have_ten_lines_or_less():
    for package, folder in PACKAGES.items():
        files = [file for file in OURS if folder in file.parents]
        lengths = [lines for file in files for _, _, lines in functions(file)]
        assert statistics.median(lengths) <= MEDIAN_LINES, package


def test_files_and_functions_are_short():
    assert not [place for file in sorted(set(SOURCES) - UNROLLED) for place in long(file)]


def long(file: Path) -> Iterator[str]:
    if file.read_text().count("\n") > FILE_LINES:
        yield ids(file)
    for name, line, lines in functions(file):
        if lines > FUNCTION_LINES:
            yield f"{ids(file)}:{line}: {name}: {lines}"


def functions(file: Path) -> Iterable[tuple[str, int, int]]:
    """The functions: (name, line, how many lines)."""
    ours = not set(PACKAGES.values()).isdisjoint(file.parents)
    return facts(file).lengths if ours else _lengths(ast.parse(file.read_text()))


def _lengths(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Looks through statements alone: no expression holds a function that has lines of its own."""
    blocks: list[ast.AST] = [tree]
    for block in blocks:  # which grows meanwhile
        if isinstance(block, FUNCTIONS):
            yield block.name, block.lineno, block.end_lineno - block.lineno + 1
        for field in BLOCKS:
            blocks += getattr(block, field, ())


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
