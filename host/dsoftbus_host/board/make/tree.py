"""Walks through parsed source, which takes most of the time of linking."""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
from collections.abc import Iterator

# Texts, and the contexts of names: below them is nothing.
_TEXTS = ("ctx", "id", "attr", "arg", "name", "asname", "module", "level", "kind", "type_comment")


def walk(node: ast.AST) -> list[ast.AST]:
    """Returns `node` and all below it in the order of `ast.walk`, and faster. Contexts of names
    (`ast.Load`), which say nothing that `node.ctx` does not, are left out."""
    found = [node]
    for each in found:  # which grows meanwhile
        for field in _fields(type(each)):  # type: ignore[arg-type] # a class can be hashed
            value = getattr(each, field, None)
            if value.__class__ is list:
                found += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


@functools.cache
def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node that may hold others."""
    return tuple(field for field in kind._fields if field not in _TEXTS)


def placed(tree: ast.Module) -> ast.Module:
    """The same tree, whose statements have the place that `ast.unparse` asks for."""
    for node in walk(tree):
        if isinstance(node, ast.stmt):
            node.lineno = 0
    return tree


def unparsed(tree: ast.Module) -> str:
    """The source of a module."""
    return ast.unparse(placed(tree)) + "\n"


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Trees have no cycles: a collection would go through all of them for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
