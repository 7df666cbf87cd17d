"""Slices: every module in one of them, and what becomes of them when they are linked."""

import ast
import builtins
import json
import subprocess
import symtable

import pytest

import linked_once
from dsoftbus.errors import PeerError, Unsupported
from dsoftbus.session.datagram_session import DatagramSession
from dsoftbus.session.stream_session import StreamSession
from dsoftbus_host.board.make import compiler, constants, public_names, rare, short_names, slices
from dsoftbus_host.board.make.rare_methods import RARE, SELDOM
from dsoftbus_mpy.base.overlay import _FOR_A_WHILE
from dsoftbus_mpy.device.board_node import _STARTED
from portable import ROOT, micropython

# By their modules: each worker collects these tests, and linking takes seconds.
LINKED = [name for name in slices.SLICES if set(slices.modules_of(name)) - set(slices.LOOSE)]


# What only people and mypy read.
CONTRACTS = {"core/dsoftbus_aio/runtime.py", "core/dsoftbus_aio/services/share_files.py"}
# What hosts have: their sessions are many, and move.
HUBS = {
    "core/dsoftbus/base/deadlines.py",
    "core/dsoftbus/hub.py",
    "core/dsoftbus/session/hub_endpoint.py",
    "core/dsoftbus/session/mover.py",
    "core/dsoftbus_aio/hub_port.py",
    "core/dsoftbus_aio/moving.py",
}
# Of no slice: it starts whatever version there is.
BOOT = "micropython/dsoftbus_mpy/device/dsoftbus_boot.py"


def sources() -> set:
    folders = (ROOT / "core" / "dsoftbus", ROOT / "core" / "dsoftbus_aio", ROOT / "micropython")
    files = (file for folder in folders for file in folder.rglob("*.py"))
    return {file.relative_to(ROOT).as_posix() for file in files} - {*CONTRACTS, *HUBS, BOOT}


def test_every_module_is_in_one_slice():
    listed = [slices.path_of(m) for s in slices.SLICES.values() for m in s.modules]
    assert sorted(listed) == sorted(sources())


def test_lists_name_modules_and_slices_that_are_there():
    assert set(slices.LOOSE) <= set(slices.every_module())
    assert set(slices.MACHINE_CODE) <= set(slices.SLICES)


def top_imports(text: str) -> set:
    return {node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("name", LINKED)
def test_a_slice_needs_what_its_modules_import(name):
    there = {
        compiler.home(m) for n in slices.closure((name,), late=False) for m in slices.modules_of(n)
    }
    mine = {module for module in top_imports(compiler.linked_source(name)) if "dsoftbus" in module}
    assert {module.removesuffix("_rare") for module in mine} <= there - {compiler.unit(name)}


@pytest.mark.parametrize("file", sorted((ROOT / "boards").rglob("*.py")), ids=str)
def test_a_board_s_program_imports_what_programs_may(file):
    tree = ast.parse(file.read_text())
    asked = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules = {
        f"{n.module}.{a.name}"
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom)
        for a in n.names
    }
    ours = {module for module in asked | modules if constants.is_module(module)}
    assert ours <= {*public_names.public_modules(), *slices.LOOSE}


# Linking


@pytest.mark.parametrize("name", LINKED)
def test_every_global_of_a_linked_slice_is_defined_in_it(name):
    text = compiler.linked_source(name)
    top = symtable.symtable(text, name, "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    bound |= {child.get_name() for child in top.get_children()}
    known = bound | set(dir(builtins)) | {"ptr8", "ptr32", "uint", "__name__"}
    assert unbound(top) <= known


@pytest.mark.parametrize("name", RARE)
def test_rare_methods_have_left_their_classes_and_know_their_globals(name):
    apart = compiler.rare_sources(name)
    bound = {each for text in apart for each in globals_known(text, name)}
    methods = [method for text in apart for method in names_in(text, "Rare")]
    begins = [begin for text in apart for begin in names_in(text, "Begin")]
    assert len(methods) == len(set(methods))
    linked = ast.parse(compiler.linked_source(name))
    for path, names in RARE[name].items():
        module, _, known_as = path.rpartition(".")
        if path in slices.every_module():
            gone = {short_names.globals_of(path)[function] for function in names.split()}
            assert gone <= bound and not gone & {getattr(n, "name", "") for n in linked.body}
            continue
        short = short_names.globals_of(module)[known_as]
        gone = {short_names.attribute(method) for method in names.split()}
        assert "__init__" not in gone or short in begins
        assert gone - {"__init__"} <= set(methods)
        assert not gone & set(names_in(compiler.linked_source(name), short))


def globals_known(text, name) -> set:
    """The globals of a module, which are all that its functions ask for."""
    top = symtable.symtable(text, name, "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    assert unbound(top) <= bound | set(dir(builtins)) | {"__name__"}
    return bound


def names_in(text, name) -> list:
    return [node.name for node in class_in(text, name).body if hasattr(node, "name")]


@pytest.mark.parametrize("name", SELDOM)
def test_methods_that_no_start_calls_are_by_themselves(name):
    seldom = {short_names.attribute(method) for method in SELDOM[name].split()}
    often, rest = compiler.rare_sources(name)
    assert seldom == set(names_in(rest, "Rare")) and not seldom & set(names_in(often, "Rare"))


ASKED = """
import sys
sys.path[:] = [{folder!r}, ".frozen"]
from {unit} import {owner}
class Owner({owner}):
    def __init__(self): pass
for name in {names}:
    found = hasattr(Owner(), name)
    print(name, found, sorted(name for name in sys.modules if name.endswith("_rare")))
"""
ONE, BOTH = ["dsoftbus_asyncio_rare"], ["dsoftbus_asyncio_rare", "dsoftbus_asyncio_seldom_rare"]


@pytest.mark.parametrize(
    "slice_of, module, owner, names, said",
    [
        (
            *("asyncio", "dsoftbus_mpy.bare_bus", "BareBus", ("listen", "logs", "nothing")),
            f"listen True {ONE}\nlogs True {BOTH}\nnothing False {BOTH}\n",
        ),
        (
            *("core", "dsoftbus.session.session", "Session", ("ping", "nothing")),
            "ping True ['dsoftbus_core_rare']\nnothing False ['dsoftbus_core_rare']\n",
        ),
    ],
)
def test_a_call_loads_what_has_the_method_and_nothing_has_what_is_not_there(
    slice_of, module, owner, names, said, tmp_path
):
    for path, data in compiler.files((slice_of,), ""):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    program = ASKED.format(
        folder=str(tmp_path),
        unit=compiler.unit(slice_of),
        owner=short_names.globals_of(module)[owner],
        names=names,
    )
    run = subprocess.run((*micropython(), "-c", program), capture_output=True, text=True)
    assert run.stdout == said, run.stderr


# What `base.overlay` and `device.board_node` let go of; `program` runs where there is memory.
GOES = {*_FOR_A_WHILE.split(), *(unit.removeprefix("dsoftbus_") for unit in _STARTED), "program"}


@pytest.mark.parametrize("name", LINKED)
def test_what_stays_keeps_nothing_that_is_rare(name):
    """A function that it imported at its top would keep all of that module in the heap."""
    if name.replace("-", "_") not in GOES:
        asked = top_imports(compiler.linked_source(name))
        assert not {module for module in asked if (module or "").endswith("_rare")}


@pytest.mark.parametrize("name", RARE)
def test_a_rare_beginning_leaves_no_function_behind(name):
    """An object that kept one would keep all of that module in the heap."""
    inner = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)
    for text in compiler.rare_sources(name):
        for node in class_in(text, "Begin").body:
            assert not [
                part for part in ast.walk(node) if part is not node and isinstance(part, inner)
            ]


def test_a_rare_method_that_an_heir_asks_for_is_refused(monkeypatch):
    text = compiler.linked_source("core")
    session = {"core": {"dsoftbus.session.session.Session": "link_lost"}}
    monkeypatch.setattr(rare, "RARE", session)
    with pytest.raises(ValueError, match="asked for by super"):
        rare.parted(text, "core", "dsoftbus_core", "dsoftbus_core")


def class_in(text, name) -> ast.ClassDef:
    body = ast.parse(text).body
    return next(node for node in body if isinstance(node, ast.ClassDef) and node.name == name)


def unbound(table) -> set:
    """Globals that the functions of a table ask for, but for instructions of an assembler."""
    if "label" in table.get_identifiers():
        return set()
    found = {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    for child in table.get_children():
        found |= unbound(child)
    return found


@pytest.mark.parametrize("name", LINKED)
def test_a_linked_slice_defines_a_base_before_its_heirs(name):
    body = ast.parse(compiler.linked_source(name)).body
    later = {node.name for node in body if isinstance(node, ast.ClassDef)}
    for node in body:
        if isinstance(node, ast.ClassDef):
            assert not later & {ast.unparse(base) for base in node.bases}
            later.discard(node.name)


@pytest.mark.parametrize("name", LINKED)
def test_a_linked_slice_binds_each_name_once(name):
    tree = ast.parse(compiler.linked_source(name))
    bound = [node.name for node in tree.body if hasattr(node, "name")]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            bound += [t.id for t in node.targets if isinstance(t, ast.Name)]
        if isinstance(node, ast.ImportFrom):
            bound += [alias.asname or alias.name for alias in node.names]
    assert len(bound) == len(set(bound))


def test_no_two_attributes_of_a_class_have_become_one():
    for module in slices.every_module():
        for node in constants.tree_of(module).body:
            if isinstance(node, ast.ClassDef):
                mine = set(short_names.of_class(node))
                assert len({short_names.attribute(name) for name in mine}) == len(mine), node.name


def test_no_two_attributes_of_related_classes_have_become_one():
    """A class has what its bases in other modules have."""
    for kind in (DatagramSession, StreamSession, PeerError, Unsupported):
        bases = [base for base in kind.__mro__ if constants.is_ours(base.__module__)]
        mine = {name for base in bases for name in short_names.of_class(class_of(base))}
        assert len({short_names.attribute(name) for name in mine}) == len(mine)


@pytest.mark.parametrize("name", LINKED)
def test_what_is_asked_for_by_its_name_has_the_name_of_a_board(name):
    """Else a board would say of each attribute of ours that it is not there."""
    for node in ast.walk(ast.parse(compiler.linked_source(name))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            asked = getattr(node.args[1], "value", "")
            assert asked == "trial" or short_names.attribute(asked) == asked  # of no linked file


def class_of(kind) -> ast.ClassDef:
    body = constants.tree_of(kind.__module__).body
    return next(n for n in body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)


def test_what_a_class_binds_with_a_type_has_its_short_name():
    """As `session.roster` does: its objects are asked for it by that name."""
    bound = {
        part.target.id
        for module in slices.every_module()
        for node in constants.tree_of(module).body
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.AnnAssign)
    }
    assert "evicted" in bound and short_names.attribute("evicted") != "evicted"
    text = "".join(compiler.linked_source(name) for name in LINKED)
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    parts = [part for node in classes for part in node.body]
    assert not [part for part in parts if isinstance(part, ast.AnnAssign)]
    held = {target.id for part in parts if isinstance(part, ast.Assign) for target in part.targets}
    assert not {name for name in bound if short_names.attribute(name) != name} & held


DIR = """
import json, sys
found = set()
for name in "%s".split():
    try:
        module = __import__(name)
    except ImportError:
        continue
    for key in dir(module):
        found.add(key)
        value = getattr(module, key)
        if isinstance(value, type):
            found.update(dir(value))
for kind in (list, dict, bytes, bytearray, memoryview, str, int, tuple, set, OSError):
    found.update(dir(kind))
print(json.dumps(list(found)))
"""


def test_no_short_name_stands_for_what_is_not_ours():
    """Names of MicroPython's own modules and types stay as they are."""
    modules = "builtins asyncio select socket io time os sys gc micropython struct array machine"
    run = subprocess.run(
        (*micropython(), "-c", DIR % f"{modules} errno json hashlib binascii collections ssl tls"),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = set(json.loads(run.stdout))
    assert len(theirs) > 400
    assert theirs & set(short_names.attributes()) == set()


def test_constants_are_folded_and_can_still_be_asked_for():
    assert "EV_OPENED" not in compiler.linked_source("asyncio")
    files = dict(compiler.files(("core",), ""))
    assert {"dsoftbus_core.mpy", "dsoftbus/errors.mpy", "dsoftbus/errors_all.mpy"} <= set(files)
    assert "dsoftbus/noise/handshake_state.mpy" not in files


def test_a_large_number_stays_one_object():
    assert "_ONES" not in constants.constants("dsoftbus.crypto.chachapoly")
    assert all(
        abs(v) < constants.LARGE
        for v in constants.constants("dsoftbus.crypto.chachapoly").values()
    )


def test_the_tests_link_a_slice_once_for_all_their_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(linked_once, "FOLDER", tmp_path)
    made = []

    def link(name):
        made.append(name)
        return f"[{len(made)}]", name

    for _ in range(2):
        assert linked_once.shared(link, "parts")("core") == ("[1]", "core")
    monkeypatch.setattr(linked_once, "digest", lambda: "of other sources")
    assert linked_once.shared(link, "parts")("core") == ("[2]", "core")
    assert [folder.name for folder in tmp_path.iterdir()] == ["of other sources"]


def test_the_methods_of_a_driver_keep_their_names():
    """Those of `network.WLAN`, which the project's own attributes may share."""
    tree = ast.parse((ROOT / "tests/micropython/wlan.py").read_text())
    driver = next(node for node in tree.body if getattr(node, "name", "") == "Wlan")
    methods = {node.name for node in driver.body if isinstance(node, ast.FunctionDef)}
    asked = {name for name in methods if name[0] != "_"} - {"make"}  # a board's profile does that
    assert "active" in asked and asked <= short_names.kept()
