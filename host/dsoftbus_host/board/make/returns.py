"""The ends of a function's body, where that body stands in another function."""

from __future__ import annotations

import ast

from dsoftbus_host.board.make.tree import walk

Targets = list[ast.expr] | None
_OPPOSITE = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def never_goes_on(body: list[ast.stmt]) -> bool:
    """Returns whether each way through `body` ends in `return` or `raise`."""
    last = body[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and never_goes_on(last.body) and never_goes_on(last.orelse)
    return isinstance(last, ast.Return | ast.Raise)


def ended_by_assignment(body: list[ast.stmt], targets: Targets) -> list[ast.stmt] | None:
    """`body` with assignments to `targets` in place of its returns; for `targets` None, what is
    returned is dropped. None where a return stands within a loop, `try` or `with`."""
    new: list[ast.stmt] = []
    for at, statement in enumerate(body):
        if isinstance(statement, ast.Return):
            return new + _given(statement.value, targets)
        if not _returns(statement):
            new.append(statement)
            if isinstance(statement, ast.Raise):
                return new
            continue
        if not isinstance(statement, ast.If):
            return None
        last = _either(statement, body[at + 1 :], targets)
        return None if last is None else new + last
    return new + _given(None, targets)


def _returns(statement: ast.stmt) -> bool:
    return any(isinstance(part, ast.Return) for part in walk(statement))


def _given(value: ast.expr | None, targets: Targets) -> list[ast.stmt]:
    if targets is not None:
        return [ast.Assign(targets, value or ast.Constant(None))]
    plain = value is None or isinstance(value, ast.Name | ast.Constant)
    return [] if plain or value is None else [ast.Expr(value)]


def _either(statement: ast.If, rest: list[ast.stmt], targets: Targets) -> list[ast.stmt] | None:
    """An `if` with a return in it: where one branch always ends, `rest` belongs to the other."""
    if never_goes_on(statement.body):
        yes, no = statement.body, statement.orelse + rest
    elif statement.orelse and never_goes_on(statement.orelse):
        yes, no = statement.body + rest, statement.orelse
    elif not rest:
        yes, no = statement.body, statement.orelse
    else:
        return None
    done, otherwise = ended_by_assignment(yes, targets), ended_by_assignment(no, targets)
    if done is None or otherwise is None:
        return None
    if not done and not otherwise:
        return [ast.Expr(statement.test)]
    if not done:
        return [ast.If(_negated(statement.test), otherwise, [])]
    return [ast.If(statement.test, done, otherwise)]


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        opposite = _OPPOSITE.get(type(test.ops[0]))
        if opposite is not None:
            return ast.Compare(test.left, [opposite()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)
