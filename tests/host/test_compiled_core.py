"""The core as the compiler gets it, and what `DSOFTBUS_COMPILE` asks of a build."""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest

import compiled_core
from dsoftbus_host.loaded_core import loaded_core, version
from portable import ROOT, TIMEOUT_S

FILES = compiled_core.compiled()


def as_compiled(name: str) -> str:
    return compiled_core.for_the_compiler((compiled_core.CORE / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_each_line_stays_the_line_that_it_was(name):
    """A traceback of the compiled core names lines of the file beside it."""
    text = (compiled_core.CORE / name).read_text()
    changed = as_compiled(name)
    lines, others = text.split("\n"), changed.split("\n")
    assert len(lines) == len(others)
    ours, theirs = (
        [
            (type(node).__name__, node.name, node.end_lineno)
            for node in ast.walk(ast.parse(each))
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name != "const"
        ]
        for each in (text, changed)
    )
    assert ours == theirs


@pytest.mark.parametrize("name", FILES)
def test_the_compiler_meets_none_of_the_boards_words(name):
    changed = as_compiled(name)
    assert "micropython import" not in changed
    assert not re.search(r"= const\(", changed)
    assert not re.search(r"self\.\w+: [^=|]+ = .*None  # type: ignore", changed)


def twice(function: ast.FunctionDef) -> set:
    """Names that a function both imports and assigns."""
    nodes = list(ast.walk(function))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    return imported & {node.id for node in names if isinstance(node.ctx, ast.Store)}


def test_the_compiler_meets_nothing_that_it_gets_wrong():
    """mypyc 2.4 hands the constructor of a compiled base a tuple for `*words`, and an import in a
    function does not change a local of that name."""
    for name in FILES:
        text = as_compiled(name)
        assert "super().__init__(*" not in text, name
        functions = [node for node in ast.walk(ast.parse(text)) if type(node) is ast.FunctionDef]
        assert [(each.name, twice(each)) for each in functions if twice(each)] == [], name


def test_a_field_that_a_state_brings_is_optional_until_then():
    line = "        self.mux: Mux = None  # type: ignore[assignment]"
    text = f'"""A module."""\n\nclass A:\n{line}\n'
    assert '        self.mux: "Mux | None" = None\n' in compiled_core.for_the_compiler(text)


def test_what_stays_python_is_there_and_is_not_compiled():
    for name in compiled_core.PYTHON:
        assert (compiled_core.CORE / name).exists() and name not in FILES
    assert "dsoftbus/mux/mux.py" in FILES  # by which `loaded_core` judges


def test_the_version_says_which_core_is_loaded():
    assert loaded_core() in ("Python", "compiled by mypyc")
    assert version().endswith(f" (core: {loaded_core()})")


@pytest.fixture
def build(tmp_path):
    """Runs a build without mypyc, in a copy of what it needs; returns what was said."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("core", "host", "micropython", "boards", "scripts"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "without" / "mypyc").mkdir(parents=True)
    (tmp_path / "without" / "mypyc" / "__init__.py").write_text("raise ImportError('no mypyc')")

    def run(asked: str) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "DSOFTBUS_COMPILE": asked,
            "PYTHONPATH": str(tmp_path / "without"),
        }
        words = (sys.executable, "setup.py", "build_ext", "--build-lib", str(tmp_path / "lib"))
        return subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )

    return run


def test_a_build_that_may_compile_is_pure_where_it_cannot(build):
    done = build("1")
    assert not done.returncode, done.stderr
    assert "the core stays Python" in done.stdout + done.stderr


def test_a_build_that_must_compile_fails_where_it_cannot(build):
    done = build("require")
    assert done.returncode and "no mypyc" in done.stderr


def test_a_build_takes_no_other_word(build):
    done = build("yes")
    assert done.returncode and "it is 0, 1 or require" in done.stderr
