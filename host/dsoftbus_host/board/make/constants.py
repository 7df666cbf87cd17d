"""Constants: what need not be looked up on a board, because its value stands where it is used.

A constant that a module imports costs a board three times: a name in the table of names, a place
in the globals of both modules, and a look-up at each use.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from dsoftbus_host.board.make.slices import ROOTS, every_module, source_of
from dsoftbus_host.board.make.tree import walk

Value = int | str
Target = tuple[str, str]  # a module of ours and a name in it, "" for the module itself
LARGE = 1 << 64  # an int from here on is an object of some size: better one than many


@functools.cache
def tree_of(module: str) -> ast.Module:
    """The parsed source of one of the project's modules: for reading, not for changing."""
    return ast.parse(source_of(module))


@functools.cache
def families() -> dict[str, str]:
    """Maps the name of each class of ours to one that stands for all that it is related to."""
    trees = [tree_of(module) for module in every_module()]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    found = {node.name: node.name for node in classes}
    for node in classes:
        for base in node.bases:
            old, new = found[node.name], found.get(ast.unparse(base), node.name)
            found = {name: new if stands == old else stands for name, stands in found.items()}
    return found


def is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in ROOTS


@functools.cache
def is_module(name: str) -> bool:
    return name in every_module()


@functools.cache
def constants(module: str) -> dict[str, Value]:
    """Names in capitals that `module` assigns once, at its top, an int or a text; and those that
    it imports to hand them on (`import A as A`)."""
    known = _imported(module)
    own = {name: known[name] for name in _handed_on(module) if name in known}
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            value = _value(node.value, known) if name.isupper() else None
            if value is not None:
                own[name] = known[name] = value
    return own


def _imported(module: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and is_ours(node.module):
            theirs = constants(node.module)
            for alias in node.names:
                if alias.name in theirs:
                    found[alias.asname or alias.name] = theirs[alias.name]
    return found


def _handed_on(module: str) -> Iterator[str]:
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname == alias.name)


def _value(node: ast.expr, known: dict[str, Value]) -> Value | None:
    """An int, a sum of such and of names already known, either in const(), or a text."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "const":
        node = node.args[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    simple = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
    for part in walk(node):
        if isinstance(part, ast.Name):
            if not isinstance(known.get(part.id), int):
                return None
        elif not isinstance(part, simple):
            return None
    number = eval(ast.unparse(node), {}, dict(known))  # numbers, and names of such
    return number if type(number) is int and abs(number) < LARGE else None


def imports(body: list[ast.stmt]) -> Iterator[tuple[str, Target]]:
    """Yields our names that these statements import: the name here, and its target."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and is_ours(node.module or ""):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                target = (inner, "") if is_module(inner) else (node.module or "", alias.name)
                yield alias.asname or alias.name, target
