"""Slices: every module in one of them, everything that a slice imports in what it needs."""

import ast
import re

import pytest

from dsoftbus_host.board import build, slices
from portable import ROOT


def sources() -> set:
    folders = (ROOT / "core" / "dsoftbus", ROOT / "micropython")
    return {
        file.relative_to(ROOT).as_posix() for folder in folders for file in folder.rglob("*.py")
    }


def eager(text: str) -> set:
    """The modules that a source imports as soon as it is imported itself."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found & set(every)


every = [module.removesuffix(".__init__") for module in slices.every_module()]


def test_every_module_is_in_one_slice():
    listed = [slices.path_of(m) for s in slices.SLICES.values() for m in s.modules]
    assert sorted(listed) == sorted(sources())


@pytest.mark.parametrize("name", slices.SLICES)
def test_a_slice_needs_what_its_modules_import(name):
    there = set(slices.modules((name,)))
    for module in slices.SLICES[name].modules:
        missing = eager(build.folded(module.removesuffix(".__init__"))) - there
        assert not missing, f"{module} imports {missing}"


@pytest.mark.parametrize("module", every)
def test_folding_keeps_lines_and_says_the_same(module):
    source, folded = build.source_of(module), build.folded(module)
    ast.parse(folded)
    if module not in build.PUBLIC:
        assert folded.count("\n") == source.count("\n")
    for before, after in zip(source.splitlines(), folded.splitlines(), strict=False):
        same = re.match(r"\s*(def|class|return|raise|while|for|if) ", before)
        assert not same or re.match(r"\s*", before)[0] == re.match(r"\s*", after)[0]


def test_short_names_never_meet():
    """In no module and in no class do two private names have become one."""
    for module in every:
        names = {}
        for node in ast.parse(build.source_of(module)).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self":
                        key = node.name, build.short(inner.attr)
                        assert names.setdefault(key, inner.attr) == inner.attr


def test_constants_are_folded_and_can_still_be_asked_for():
    assert "EV_OPENED" not in build.folded("dsoftbus_mpy.connection")
    assert "__getattr__" in build.folded("dsoftbus.const")
    everything = {}
    exec(build.folded("dsoftbus.const_all"), everything)
    from dsoftbus import const

    assert everything["EV_OPENED"] == const.EV_OPENED
    assert everything["PAIR_STREAM"] == const.PAIR_STREAM
