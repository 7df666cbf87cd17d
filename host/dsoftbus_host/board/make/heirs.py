"""A base and its only heir, as one class: where all ports share a base, a board has one of them.

On a board a class costs about 150 bytes beside its methods, and each call of `super()` some more.
"""

from __future__ import annotations

import ast


def is_base(name: str) -> bool:
    """Returns whether a class of this name has one heir on each platform, and no other use."""
    return name.startswith("Base")


def with_heirs(body: list[ast.stmt], bases: set[str]) -> list[ast.stmt]:
    """The statements of a module, in which each of `bases` has become part of its heir."""
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    for heir in classes.values():
        for base in (ast.unparse(base) for base in heir.bases):
            if base in bases and base in classes:
                _inherit(heir, classes[base])
    return [node for node in body if getattr(node, "name", "") not in bases]


def _inherit(heir: ast.ClassDef, base: ast.ClassDef) -> None:
    """Merges `base` into `heir`. A method that both have is called by another name where the heir
    asks for its base's."""
    asked: dict[str, str] = {}
    own = {name for part in heir.body for name in _names(part)}
    calls = _Super(asked, own)
    mine = [calls.visit(part) for part in heir.body]
    inherited = []
    for part in base.body:
        name = getattr(part, "name", "")
        if name in asked:
            part.name = asked[name]  # type: ignore[attr-defined] # a method
        elif own & set(_names(part)):
            continue
        inherited.append(part)
    heir.bases = base.bases
    heir.body = inherited + mine


def _names(part: ast.stmt) -> list[str]:
    if isinstance(part, ast.Assign):
        return [target.id for target in part.targets if isinstance(target, ast.Name)]
    return [part.name] if hasattr(part, "name") else []


class _Super(ast.NodeTransformer):
    """`super().name` becomes `self.name`, by the name that the base's has now."""

    def __init__(self, asked: dict[str, str], own: set[str]) -> None:
        self._asked = asked
        self._own = own

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        if ast.unparse(node.value) == "super()":
            node.value = ast.Name("self", ast.Load())
            if node.attr in self._own:
                node.attr = self._asked.setdefault(node.attr, f"_{len(self._asked)}")
        return node
