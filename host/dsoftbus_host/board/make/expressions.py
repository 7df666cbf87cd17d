"""Properties and methods that are one expression, and that only the project asks for, stand as
that expression where they are asked for.

On a board a property is two objects, an entry in a table and a call each time. One is written out
where its name says which it is, because no other class has that name, and where that takes less
room than the property did.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
from collections import Counter
from typing import NamedTuple

from dsoftbus_host.board.make.constants import constants, tree_of
from dsoftbus_host.board.make.rare_methods import RARE
from dsoftbus_host.board.make.short_names import kept, of_class
from dsoftbus_host.board.make.slices import every_module
from dsoftbus_host.board.make.tree import walk

_OBJECTS = 60  # bytes of a method: its object, its entry, its bytecode's head and end
_PROPERTY = 16  # bytes of the object around it
_NODE = 2  # bytes of bytecode for each part of an expression, about


class Expression(NamedTuple):
    """The value of the method `name` with `arguments`, the first of which is its object."""

    name: str
    arguments: tuple[str, ...]
    value: ast.expr
    is_property: bool


def with_expressions(tree: ast.Module, known: dict[str, Expression] | None = None) -> ast.Module:
    """The same tree, which it changes, in which the properties and methods that are `known` are
    gone: by default all of the project's own."""
    known = expressions() if known is None else known
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            left = [part for part in node.body if getattr(part, "name", "") not in known]
            node.body = left or [ast.Pass()]
    return _WrittenOut(known).visit(tree)  # type: ignore[no-any-return] # a module


class _WrittenOut(ast.NodeTransformer):
    """`x.name` and `x.name(...)` as the expressions that they are; they may hold others."""

    def __init__(self, known: dict[str, Expression]) -> None:
        self._known = known

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        found = self._known.get(node.attr)
        self.generic_visit(node)
        return node if found is None else self._of(found, [node.value])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        found = self._known.get(node.func.attr) if isinstance(node.func, ast.Attribute) else None
        if found is None or found.is_property:
            self.generic_visit(node)
            return node
        values = [node.func.value, *node.args]  # type: ignore[attr-defined] # an attribute
        return self._of(found, [self.visit(value) for value in values])

    def _of(self, found: Expression, values: list[ast.expr]) -> ast.expr:
        own = dict(zip(found.arguments, values, strict=True))
        return self.visit(_Filled(own).visit(copy.deepcopy(found.value)))  # type: ignore[no-any-return] # an expression


class _Filled(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._values.get(node.id)
        return node if value is None else copy.deepcopy(value)


@functools.cache
def expressions() -> dict[str, Expression]:
    """All that are written out, by name."""
    rare = {name for of in RARE.values() for names in of.values() for name in names.split()}
    trees = {tree_of(module): constants(module) for module in every_module()}
    return found_in(trees, rare | kept())


def found_in(
    trees: dict[ast.Module, dict[str, int | str]], stays: frozenset[str] | set[str]
) -> dict[str, Expression]:
    """The same for these modules, each with its constants; what `stays` has is left out."""
    classes = [
        (node, known)
        for tree, known in trees.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    owners = Counter(name for node, _ in classes for name in set(of_class(node)))
    found = {}
    for node, known in classes:
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name not in stays:
                each = _expression(part, known)
                if each is not None and owners[part.name] == 1 and part.name[:2] != "__":
                    found[part.name] = each
    asked = _asked(list(trees), found)
    return {name: each for name, each in found.items() if _is_worth(each, asked.get(name, []))}


def _expression(node: ast.FunctionDef, known: dict[str, int | str]) -> Expression | None:
    """The expression that a method is, None for one that is more, or that needs a global."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    plain = ast.arguments([], node.args.args, None, [], [], None, [])
    if decorators not in ([], ["property"]) or ast.dump(node.args) != ast.dump(plain):
        return None
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    arguments = tuple(argument.arg for argument in node.args.args)
    if value is None or not _is_simple(value):
        return None
    own = {name: ast.Constant(value) for name, value in known.items()}
    value = _Filled(own).visit(copy.deepcopy(value))  # type: ignore[arg-type] # constants
    used = {part.id for part in walk(value) if isinstance(part, ast.Name)}
    return (
        Expression(node.name, arguments, value, bool(decorators))
        if used - set(arguments) <= set(dir(builtins))
        else None
    )


_SIMPLE = (
    *(ast.Attribute, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.Call, ast.Subscript, ast.IfExp, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    ast.expr_context,
)


def _is_simple(value: ast.expr) -> bool:
    return all(isinstance(part, _SIMPLE) for part in walk(value))


# Where they are asked for


def _asked(
    trees: list[ast.Module], known: dict[str, Expression]
) -> dict[str, list[list[ast.expr] | None]]:
    """Per name, the values of the arguments in each place; None for a use of another kind."""
    found: dict[str, list[list[ast.expr] | None]] = {}
    for tree in trees:
        calls = {id(node.func): node for node in walk(tree) if isinstance(node, ast.Call)}
        for node in walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in known:
                values = _values(known[node.attr], node, calls.get(id(node)))
                found.setdefault(node.attr, []).append(values)
            elif isinstance(node, ast.Constant) and node.value in known:
                found.setdefault(str(node.value), []).append(None)
    return found


def _values(each: Expression, node: ast.Attribute, call: ast.Call | None) -> list[ast.expr] | None:
    if not isinstance(node.ctx, ast.Load):
        return None
    if each.is_property:
        return [node.value]
    return [node.value, *call.args] if call is not None and not call.keywords else None


def _is_worth(each: Expression, asked: list[list[ast.expr] | None]) -> bool:
    """Returns whether it may stand in all these places, and takes less room there."""
    parts = _parts(each.value)
    more = 0
    for values in asked:
        if values is None or not _may_be(each, values):
            return False
        more += (
            parts
            - 2
            + sum(
                _parts(value) * (_times(each, name) - 1)
                for name, value in zip(each.arguments, values, strict=True)
            )
        )
    saved = _OBJECTS + _PROPERTY * each.is_property + _NODE * parts
    return bool(asked) and _NODE * more < saved


def _parts(value: ast.expr) -> int:
    return sum(isinstance(part, ast.expr) for part in walk(value))


def _times(each: Expression, name: str) -> int:
    return sum(isinstance(p, ast.Name) and p.id == name for p in walk(each.value))


def _may_be(each: Expression, values: list[ast.expr]) -> bool:
    """Returns whether the same is evaluated: names, constants and their attributes may stand
    anywhere, one other value where the expression has it once."""
    if len(values) != len(each.arguments):
        return False
    more = [
        _times(each, name)
        for name, value in zip(each.arguments, values, strict=True)
        if not _is_plain(value)
    ]
    return more in ([], [1])


def _is_plain(value: ast.expr) -> bool:
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name | ast.Constant)
