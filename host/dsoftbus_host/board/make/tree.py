"""Walks through parsed source, which takes most of the time of linking."""

from __future__ import annotations

import ast


def walk(node: ast.AST) -> list[ast.AST]:
    """Returns `node` and all below it in the order of `ast.walk`, in a third of its time. Contexts
    of names (`ast.Load`), which say nothing that `node.ctx` does not, are left out."""
    found = [node]
    for each in found:  # which grows meanwhile
        for field in each._fields:
            value = getattr(each, field, None)
            if value.__class__ is list:
                found += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST) and field != "ctx":
                found.append(value)
    return found
