"""Private functions that a single place calls are written out there.

On a board a function costs about 45 bytes of heap beside what it does: its object, its entry in a
table, the head of its bytecode, and what is lost where an allocation ends. A call takes time, too.
So linking undoes what was parted for readers alone. A function stays where it could not be
undone without a change in what is evaluated, and in which order.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from dsoftbus_host.board.make.constants import families, tree_of
from dsoftbus_host.board.make.expressions import with_expressions
from dsoftbus_host.board.make.rare_methods import RARE
from dsoftbus_host.board.make.returns import ended_by_assignment, never_goes_on
from dsoftbus_host.board.make.slices import every_module, source_of
from dsoftbus_host.board.make.tree import placed, walk

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOCALS_MAX = 16  # each use of one beyond takes two bytes
# Modules whose functions are parted so that their frames let go of what they have loaded.
_FRAMES = ("dsoftbus_mpy.device.board_node", "dsoftbus_mpy.device.startup")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_INNER = (*_SCOPES, ast.Yield, ast.YieldFrom)
_HIDDEN = (*_INNER, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Place(NamedTuple):
    """A call: in function `caller`, whose `block` has at `at` the statement that it is in. `whole`
    is the call, or the `await` of it."""

    caller: Function
    block: list[ast.stmt]
    at: int
    call: ast.Call
    whole: ast.expr


def inlined(module: str) -> ast.Module:
    """The parsed source of `module`, of its own, in which such functions are gone."""
    tree = with_expressions(ast.parse(source_of(module)))
    if module in _FRAMES:
        return placed(tree)
    return written_out(tree, _shared(module))


def written_out(tree: ast.Module, shared: frozenset[str]) -> ast.Module:
    """The same for a tree, which it changes. `shared` are names that others ask for."""
    stays: set[str] = set(shared)
    while found := list(_candidates(tree, stays)):
        for body, function in found:
            stays.add(function.name)
            place = _place_of(tree, function)
            if place is not None and _move(function, place):
                body.remove(function)
                if not body:
                    body.append(ast.Pass())
    return placed(tree)


def _candidates(tree: ast.Module, stays: set[str]) -> Iterator[tuple[list[ast.stmt], Function]]:
    """The private functions that are named once, and the bodies that they stand in."""
    used = Counter(_names(tree))
    for body in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in body:
            if not isinstance(node, Function) or node.name in stays or used[node.name] != 1:
                continue
            if _is_plain(node):
                yield body, node


def _names(tree: ast.AST) -> Iterator[str]:
    """Every use of a name, as a variable, an attribute or a text; a second definition is one."""
    defined = set()
    for node in walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, Function):
            if node.name in defined:
                yield from (node.name, node.name)
            defined.add(node.name)


def _is_plain(node: Function) -> bool:
    """Returns whether it is private, without decorators, inner functions, generators and
    arguments of other kinds than names."""
    arguments = node.args
    if node.name[0] != "_" or node.name.startswith("__") or node.decorator_list:
        return False
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        return False
    if not all(isinstance(default, ast.Constant) for default in arguments.defaults):
        return False
    inner = [part for statement in node.body for part in walk(statement)]
    return not any(isinstance(part, _INNER) or _is_super(part) for part in inner)


def _is_super(part: ast.AST) -> bool:
    return isinstance(part, ast.Name) and part.id == "super"


@functools.cache
def _shared(module: str) -> frozenset[str]:
    """Names that stay: of rare methods, and those that another module of ours names, too, where a
    class of it is related to one here."""
    found = {name for of in RARE.values() for names in of.values() for name in names.split()}
    for other in every_module():
        if other != module and _families(module) & _families(other):
            found |= _all_names(other)
    return frozenset(found)


@functools.cache
def _all_names(module: str) -> frozenset[str]:
    tree = tree_of(module)
    defined = (node.name for node in walk(tree) if isinstance(node, Function))
    return frozenset((*_names(tree), *defined))


@functools.cache
def _families(module: str) -> frozenset[str]:
    classes = [node for node in tree_of(module).body if isinstance(node, ast.ClassDef)]
    return frozenset(families()[node.name] for node in classes)


# Where it is called


def _place_of(tree: ast.Module, function: Function) -> Place | None:
    """The only call of `function`, where it may be written out, or None."""
    for caller in _outer_functions(tree):
        if caller is function or _is_machine_code(caller):
            continue
        for block in _blocks(caller.body):
            for at, statement in enumerate(block):
                whole = _call_in(statement, function)
                if whole is not None:
                    call = whole.value if isinstance(whole, ast.Await) else whole
                    return Place(caller, block, at, call, whole)  # type: ignore[arg-type]
    return None


def _outer_functions(tree: ast.Module) -> Iterator[Function]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (part for part in node.body if isinstance(part, Function))


def _is_machine_code(node: Function) -> bool:
    text = " ".join(map(ast.unparse, node.decorator_list))
    return "viper" in text or "asm" in text or "native" in text


def _blocks(block: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """`block`, and all blocks within its statements, but for those of inner functions."""
    yield block
    for statement in block:
        if not isinstance(statement, _INNER):
            for part in _inner_blocks(statement):
                yield from _blocks(part)


def _inner_blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        if getattr(statement, name, None):
            yield getattr(statement, name)
    yield from (handler.body for handler in getattr(statement, "handlers", ()))


def _call_in(statement: ast.stmt, function: Function) -> ast.expr | None:
    """The call of `function`, or its `await`, in what `statement` itself evaluates."""
    if isinstance(statement, _INNER):
        return None
    asynchronous = isinstance(function, ast.AsyncFunctionDef)
    todo: list[ast.AST] = [part for part in ast.iter_child_nodes(statement) if _is_own(part)]
    while todo:
        node = todo.pop()
        inner = node.value if asynchronous and isinstance(node, ast.Await) else node
        if isinstance(inner, ast.Call) and _is_named(inner.func, function.name):
            return node if asynchronous == isinstance(node, ast.Await) else None  # type: ignore[return-value]
        if not isinstance(node, _HIDDEN):
            todo += ast.iter_child_nodes(node)
    return None


def _is_own(part: ast.AST) -> bool:
    return not isinstance(part, ast.stmt | ast.ExceptHandler)


def _is_named(node: ast.expr, name: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == name and isinstance(node.value, ast.Name)
    return isinstance(node, ast.Name) and node.id == name


# Writing it out


def _move(function: Function, place: Place) -> bool:
    """Puts the body of `function` into `place`. Returns False, with nothing changed, where that
    cannot be."""
    values = _arguments(function, place.call)
    if values is None or not _fits(function, place):
        return False
    before = _locals(place.caller)
    statement = place.block[place.at]
    new = _in_place(statement, place.whole, _renamed(function, values, place))
    if not new:
        return False
    place.block[place.at : place.at + 1] = new
    _note_locals(place.caller, statement, new, _locals(place.caller) - before)
    return True


def _in_place(statement: ast.stmt, whole: ast.expr, body: list[ast.stmt]) -> list[ast.stmt]:
    """`statement` with `body` in the place of the call in it, or []."""
    if not body:
        return []
    if getattr(statement, "value", None) is whole:
        if isinstance(statement, ast.Return):
            return body if never_goes_on(body) else [*body, ast.Return(None)]
        if isinstance(statement, ast.Expr):
            return ended_by_assignment(body, None) or []
        if isinstance(statement, ast.Assign):
            return ended_by_assignment(body, statement.targets) or []
    return _before(statement, whole, body)


def _note_locals(
    caller: Function, statement: ast.stmt, new: list[ast.stmt], added: set[str]
) -> None:
    """Notes where locals live that have come from other functions: elsewhere their places are
    free again."""
    ended = getattr(caller, "ended", frozenset()) | added
    caller.ended = ended  # type: ignore[union-attr] # a note for `_known`
    used = {part.id for one in new for part in walk(one) if isinstance(part, ast.Name)}
    alive = getattr(statement, "alive", frozenset()) | (ended & used)
    for one in new:
        for part in walk(one):
            if isinstance(part, ast.stmt):
                part.alive = alive  # type: ignore[attr-defined] # as above


def _arguments(function: Function, call: ast.Call) -> dict[str, ast.expr] | None:
    """The value of each argument; None where the call passes them in a way that is not known."""
    names = [argument.arg for argument in function.args.args]
    given = list(call.args)
    if isinstance(call.func, ast.Attribute):
        given = [call.func.value, *given]
    if any(isinstance(value, ast.Starred) for value in given):
        return None
    values = dict(zip(names, given, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            return None
        values[keyword.arg] = keyword.value
    defaults = function.args.defaults
    for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
        values.setdefault(name, default)
    return values if len(values) == len(names) else None


def _fits(function: Function, place: Place) -> bool:
    """Returns whether no global that `function` uses is a local of the caller."""
    mine, theirs = _locals(function), _locals(place.caller)
    used = {part.id for part in walk(function) if isinstance(part, ast.Name)} - mine
    return not used & theirs


def _locals(function: Function) -> set[str]:
    found = {argument.arg for argument in function.args.args}
    for part in walk(function):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in part.names}
    return found


def _renamed(function: Function, values: dict[str, ast.expr], place: Place) -> list[ast.stmt]:
    """The body without its docstring, as it may stand in `place`, and before it what its arguments
    are, where that is more than a name or a constant; [] where there are too many locals."""
    body = copy.deepcopy(function.body)
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]
    known = _known(function, values, place)
    if known is None:
        return []
    heads: list[ast.stmt] = []
    for name, value in values.items():  # in the order of the call
        here = known[name]
        if here is not value and isinstance(here, ast.Name):
            heads.append(ast.Assign([ast.Name(here.id, ast.Store())], value))
    return heads + [_Renamed(known).visit(part) for part in body]


def _known(
    function: Function, values: dict[str, ast.expr], place: Place
) -> dict[str, ast.expr] | None:
    """Each local of `function` as it is in the caller: the value of an argument that is a name or
    a constant, a local of another function that has ended there, or one more. None for too many.
    """
    caller, statement = place.caller, place.block[place.at]
    alive: frozenset[str] = getattr(statement, "alive", frozenset())
    ended = sorted(getattr(caller, "ended", frozenset()) - alive)
    stored = {p.id for p in walk(function) if isinstance(p, ast.Name) and _is_stored(p)}
    names = _locals(caller)
    taken = names | {part.id for part in walk(caller) if isinstance(part, ast.Name)}
    known: dict[str, ast.expr] = {}
    for name in sorted(_locals(function)):
        value = values.get(name)
        simple = isinstance(value, ast.Constant) or getattr(value, "id", "") in names
        if value is not None and simple and name not in stored:
            known[name] = value
        else:
            new = ended.pop(0) if ended else _unlike(name, taken)
            taken.add(new)
            known[name] = ast.Name(new, ast.Load())
    mine = {here.id for here in known.values() if isinstance(here, ast.Name)} - names
    if mine and isinstance(caller, ast.AsyncFunctionDef):
        return None  # they would live as long as it waits
    return known if len(mine | names) <= _LOCALS_MAX else None


def _unlike(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


class _Renamed(ast.NodeTransformer):
    """Locals by other names, or as the values that they have throughout."""

    def __init__(self, known: dict[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        new = self._known.get(node.id)
        if isinstance(new, ast.Name):
            return ast.Name(new.id, node.ctx)
        return copy.deepcopy(new) if new is not None else node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        node.name = self._name(node.name) if node.name else None
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        for alias in node.names:
            here = self._name(alias.asname or alias.name)
            alias.asname = here if here != alias.name else None
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            here = self._name(alias.asname or alias.name)
            alias.asname = here if here != alias.name else None
        return node

    def _name(self, name: str) -> str:
        new = self._known.get(name)
        return new.id if isinstance(new, ast.Name) else name


# A call within an expression


def _before(statement: ast.stmt, whole: ast.expr, body: list[ast.stmt]) -> list[ast.stmt]:
    """`body` before `statement`, and its value in the place of the call; [] where the call is not
    the first thing that `statement` evaluates, or has no single end."""
    last = body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        return []
    if any(isinstance(part, ast.Return) for one in body[:-1] for part in walk(one)):
        return []
    if len(body) > 1 and not _is_first(statement, whole):
        return []
    _Put(whole, last.value).visit(statement)
    return [*body[:-1], statement]


class _Put(ast.NodeTransformer):
    """One expression in the place of another."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else super().generic_visit(node)


def _is_first(statement: ast.stmt, whole: ast.expr) -> bool:
    """Returns whether `statement` evaluates `whole` once, before anything else that matters."""
    if isinstance(statement, ast.If):
        node: ast.AST | None = statement.test
    elif isinstance(statement, ast.For):
        node = statement.iter
    elif isinstance(statement, ast.Return | ast.Assign | ast.Expr):
        node = statement.value
    else:
        return False
    while node is not whole:
        node = _first_of(node)
        if node is None:
            return False
    return True


def _first_of(node: ast.AST | None) -> ast.AST | None:
    """The part of an expression that is evaluated first, names and constants left out."""
    if isinstance(node, ast.UnaryOp):
        return node.operand
    if isinstance(node, ast.BoolOp):
        return node.values[0]
    if isinstance(node, ast.Compare | ast.BinOp):
        parts = [node.left, *(node.comparators if isinstance(node, ast.Compare) else [node.right])]
        return next((part for part in parts if not _is_plain_value(part)), None)
    if isinstance(node, ast.IfExp):
        return node.test
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Await):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return next((part for part in node.args if not _is_plain_value(part)), None)
    if isinstance(node, ast.Tuple | ast.List):
        return next((part for part in node.elts if not _is_plain_value(part)), None)
    return None


def _is_plain_value(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Constant)
