"""Slices: every module in one of them, and what becomes of them when they are linked."""

import ast
import builtins
import json
import subprocess
import symtable

import pytest

from dsoftbus.errors import PeerError, Unsupported
from dsoftbus.session.over_datagram import DatagramSession
from dsoftbus.session.over_stream import StreamSession
from dsoftbus_host.board import build, fold, names, slices
from portable import ROOT, micropython

LINKED = [name for name in slices.SLICES if build.linked_source(name)]


def sources() -> set:
    folders = (ROOT / "core" / "dsoftbus", ROOT / "micropython")
    return {
        file.relative_to(ROOT).as_posix() for folder in folders for file in folder.rglob("*.py")
    }


def test_every_module_is_in_one_slice():
    listed = [slices.path_of(m) for s in slices.SLICES.values() for m in s.modules]
    assert sorted(listed) == sorted(sources())


def test_lists_name_modules_and_slices_that_are_there():
    assert set(slices.PUBLIC) | set(slices.LOOSE) <= set(slices.every_module())
    assert set(slices.MACHINE_CODE) <= set(slices.SLICES)


def top_imports(text: str) -> set:
    return {node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("name", LINKED)
def test_a_slice_needs_what_its_modules_import(name):
    there = {
        build.home(m) for n in slices.closure((name,), late=False) for m in slices.modules_of(n)
    }
    mine = {module for module in top_imports(build.linked_source(name)) if "dsoftbus" in module}
    assert mine <= there - {build.unit(name)}


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
    ours = {module for module in asked | modules if fold.is_module(module)}
    assert ours <= {*slices.PUBLIC, *slices.LOOSE}


# Linking


@pytest.mark.parametrize("name", LINKED)
def test_every_global_of_a_linked_slice_is_defined_in_it(name):
    text = build.linked_source(name)
    top = symtable.symtable(text, name, "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    bound |= {child.get_name() for child in top.get_children()}
    known = bound | set(dir(builtins)) | {"ptr8", "ptr32", "uint", "__name__"}
    assert unbound(top) <= known


def unbound(table) -> set:
    """Globals that the functions of a table ask for, but for instructions of an assembler."""
    if "label" in table.get_identifiers():
        return set()
    found = {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    for child in table.get_children():
        found |= unbound(child)
    return found


@pytest.mark.parametrize("name", LINKED)
def test_a_linked_slice_binds_each_name_once(name):
    tree = ast.parse(build.linked_source(name))
    bound = [node.name for node in tree.body if hasattr(node, "name")]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            bound += [t.id for t in node.targets if isinstance(t, ast.Name)]
        if isinstance(node, ast.ImportFrom):
            bound += [alias.asname or alias.name for alias in node.names]
    assert len(bound) == len(set(bound))


def test_no_two_attributes_of_a_class_have_become_one():
    for module in slices.every_module():
        for node in fold.tree_of(module).body:
            if isinstance(node, ast.ClassDef):
                mine = set(names.of_class(node))
                assert len({names.attribute(name) for name in mine}) == len(mine), node.name


def test_no_two_attributes_of_related_classes_have_become_one():
    """A class has what its bases in other modules have."""
    for kind in (DatagramSession, StreamSession, PeerError, Unsupported):
        bases = [base for base in kind.__mro__ if fold.is_ours(base.__module__)]
        mine = {name for base in bases for name in names.of_class(class_of(base))}
        assert len({names.attribute(name) for name in mine}) == len(mine)


def class_of(kind) -> ast.ClassDef:
    body = fold.tree_of(kind.__module__).body
    return next(n for n in body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)


def test_what_a_class_binds_with_a_type_has_its_short_name():
    """As `session.roster` does: its objects are asked for it by that name."""
    bound = {
        part.target.id
        for module in slices.every_module()
        for node in fold.tree_of(module).body
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.AnnAssign)
    }
    assert "evicted" in bound and names.attribute("evicted") != "evicted"
    text = "".join(build.linked_source(name) for name in LINKED)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            assert not any(isinstance(part, ast.AnnAssign) for part in node.body), node.name
    assert not any(f" {name} = " in text for name in bound if names.attribute(name) != name)


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
    """What MicroPython's own modules and types have is called as they call it."""
    modules = "builtins asyncio select socket io time os sys gc micropython struct array machine"
    run = subprocess.run(
        (micropython(), "-c", DIR % f"{modules} errno json hashlib binascii collections ssl tls"),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = set(json.loads(run.stdout))
    assert len(theirs) > 400
    assert theirs & set(names.attributes()) == set()


def test_constants_are_folded_and_can_still_be_asked_for():
    assert "EV_OPENED" not in build.linked_source("asyncio")
    files = dict(build.files(("core",), ""))
    assert {"dsoftbus_core.mpy", "dsoftbus/errors.mpy", "dsoftbus/errors_all.mpy"} <= set(files)
    assert "dsoftbus/noise.mpy" not in files


def test_a_large_number_stays_one_object():
    assert "_ONES" not in fold.constants("dsoftbus.crypto.chachapoly")
    assert all(abs(v) < fold.LARGE for v in fold.constants("dsoftbus.crypto.chachapoly").values())
