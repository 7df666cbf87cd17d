"""Marks in the sources, and the tree, say which names programs may use; no list does."""

import ast
import inspect
import re
import textwrap

import pytest

from dsoftbus_host.board.make import compiler, constants, public_names, short_names, slices
from dsoftbus_mpy import _HOME

SOURCE = textwrap.dedent(
    '''
    """A module."""

    class First:
        """# Ours is no mark in the midst of a line."""
        # Ours
        held = None
        # Public
        limit = 1

        def __init__(self):
            self.name = ""
            self._hidden = 1
            # Ours: a driver's
            self.state = 0

        def send(self):
            self.state = self.sent = 1

        # Ours

        def turn(self):
            self.name = self.turned = ""

    # Ours

    def begin(): ...

    # Public

    def run(): ...
    '''
)


def test_a_name_is_what_the_marks_above_it_in_its_block_say():
    tree, marks = ast.parse(SOURCE), public_names.Marks(SOURCE)
    assert [node.name for node in public_names.public_of(tree, marks)] == ["First", "run"]
    assert [node.name for node in public_names.public_of(tree, marks, False)] == ["run"]
    may = public_names.members(marks, tree.body[1])
    ours = {"held", "__init__", "_hidden", "state", "turn", "turned"}
    assert may == dict.fromkeys(("limit", "name", "send", "sent"), True) | dict.fromkeys(
        ours, False
    )


def test_the_top_level_of_a_package_is_public_and_a_folder_is_not():
    found = public_names.public_modules()
    assert {"dsoftbus.const", "dsoftbus.node", "dsoftbus_mpy.bare_bus"} <= found
    assert not {"dsoftbus.mux.mux", "dsoftbus.base.codec", "dsoftbus_mpy.base.rare"} & found
    unmarked = {
        module
        for module in slices.every_module()
        if slices.path_of(module).count("/") == 2
        and "." in module
        and not re.search("^# (Ours|Public)", slices.source_of(module), re.MULTILINE)
    }
    assert len(unmarked) > 20 and unmarked <= found


@pytest.mark.parametrize("name, home", _HOME.items())
def test_what_the_face_of_boards_lists_is_public(name, home):
    public = public_names.public_in(f"dsoftbus_mpy.{home}")
    assert name in [bound for node in public for bound in public_names.bound_in(node)]


def test_a_program_finds_a_public_module_by_its_name():
    found = {module for module in slices.every_module() if list(compiler.by_name(module))}
    assert found == public_names.public_modules() | {*slices.LOOSE}


def test_what_a_public_call_returns_is_public():
    """A board's program could not ask it for anything else."""
    modules = public_names.public_modules()
    hidden = {module: found for module in modules if (found := hidden_results(module))}
    assert not hidden


def hidden_results(module) -> set:
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(constants.tree_of(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    words = {word for call in calls(module) for word in re.findall(r"\w+", result(call))}
    returned = {imported[word] for word in words & set(imported)}
    ours = {(home, name) for home, name in returned if home in slices.every_module()}
    return ours - {(home, node.name) for home, _ in ours for node in definitions(home)}


def definitions(module) -> list:
    return [node for node in public_names.public_in(module) if hasattr(node, "name")]


def calls(module) -> list:
    """Functions for programs, methods of their classes, and what `async for` gives of those."""
    marks, found = public_names.Marks(slices.source_of(module)), []
    for node in definitions(module):
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        may = public_names.members(marks, node) if isinstance(node, ast.ClassDef) else {}
        found += [
            part
            for part in inner
            if isinstance(part, public_names.Function)
            and may.get(part.name, part is node or part.name == "__anext__")
        ]
    return found


def result(call) -> str:
    return ast.unparse(call.returns) if call.returns else ""


def test_no_list_of_names_is_left():
    """The modules that read what is public name nothing of what they read."""
    said = set()
    for module in (public_names, short_names):
        tree = ast.parse(inspect.getsource(module))
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        said |= {text for text in texts if isinstance(text, str)}
    assert not said & {*short_names.attributes(), *slices.every_module()}
