"""The tree, and marks in the sources, say which names programs may use.

The top level of a package is public, a folder is the project's own. Two comments say otherwise of
what stands below them in the same block, be it a module, a class or a method: one that begins with
`# Public`, and one that begins with `# Ours`, for words that the project's own objects have for
each other. A name that begins with an underscore never is. An attribute is what the statement is
that binds it first.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from dsoftbus_host.board.make.constants import tree_of
from dsoftbus_host.board.make.heirs import is_base
from dsoftbus_host.board.make.slices import every_module, path_of, source_of
from dsoftbus_host.board.make.tree import walk

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MARKS = {"# Public": True, "# Ours": False}
_BY_NAME = ("dsoftbus_aio.", "dsoftbus_mpy.")  # their arguments may be passed by name


class Marks:
    """The marks of one source: which line in which column says what."""

    def __init__(self, text: str) -> None:
        self._found = [
            (number, len(line) - len(line.lstrip()), says)
            for number, line in enumerate(text.splitlines(), 1)
            for mark, says in _MARKS.items()
            if line.lstrip().startswith(mark)
        ]

    def say(self, block: ast.stmt | None, node: ast.stmt, otherwise: bool) -> bool:
        """Returns whether `node` stands below a mark of `block` (None: the module) that lets
        programs have it; `otherwise` is what holds where there is none."""
        first = block.lineno if block else 0
        for number, column, says in reversed(self._found):
            if first < number < node.lineno and column == node.col_offset:
                return says
        return otherwise


# Classes


def members(marks: Marks, kind: ast.ClassDef) -> dict[str, bool]:
    """The attributes and methods of a class, each with whether programs may have it."""
    found: dict[str, bool] = {}
    for part in kind.body:
        public = marks.say(kind, part, True)
        for name in bound_in(part):
            found.setdefault(name, public and name[0] != "_")
        for statement in part.body if isinstance(part, Function) else []:
            inner = marks.say(part, statement, public)
            for name in set_on_self(statement):
                found.setdefault(name, inner and name[0] != "_")
    return found


def bound_in(node: ast.stmt) -> list[str]:
    """The names that a statement of a class or of a module binds there."""
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):  # what is handed on
        return [alias.name for alias in node.names if alias.asname == alias.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def set_on_self(node: ast.stmt) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield from [inner.attr] if ast.unparse(inner.value) == "self" else []


# Modules


def public_of(tree: ast.Module, marks: Marks, otherwise: bool = True) -> Iterator[ast.stmt]:
    """Yields the statements of a module that bind what programs may have."""
    for node in tree.body:
        if any(name[0] != "_" for name in bound_in(node)) and marks.say(None, node, otherwise):
            yield node


def public_in(module: str) -> Iterator[ast.stmt]:
    """The same of a module of a slice."""
    is_at_top = path_of(module).split("/")[-2] == module.split(".")[0]
    return public_of(tree_of(module), Marks(source_of(module)), is_at_top)


@functools.cache
def public_modules() -> frozenset[str]:
    """The modules of boards that have something for programs."""
    return frozenset(module for module in every_module() if any(public_in(module)))


@functools.cache
def public_names() -> frozenset[str]:
    """The attributes and methods that programs on a board may ask for; and the arguments of what
    is meant for programs more than for the project itself."""
    return frozenset(
        name
        for module in public_modules()
        for node in public_in(module)
        for name in _names_of(module, node)
    )


def _names_of(module: str, node: ast.stmt) -> Iterator[str]:
    called = [node]
    if isinstance(node, ast.ClassDef):
        may = members(Marks(source_of(module)), node)
        yield from (name for name, public in may.items() if public)
        called = [part for part in node.body if may.get(getattr(part, "name", ""), False)]
        if not is_base(node.name):  # which no program makes
            called += [part for part in node.body if getattr(part, "name", "") == "__init__"]
    if module.startswith(_BY_NAME):
        functions = (part for part in called if isinstance(part, Function))
        yield from (argument.arg for part in functions for argument in part.args.args)
