"""Short private names: what a board's table of names need not hold.

MicroPython keeps each distinct name once, with its bytes, a hash and a place in a table: about 25
bytes of heap. Nobody outside of the project uses private names, so two of them may share a short
one, as long as no object and no module has both. A traceback still gives file and line.
"""

from __future__ import annotations

import ast
from collections import defaultdict

FOREIGN = frozenset({"_io_queue"})  # a private name of MicroPython's own asyncio


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def short_names(sources: dict[str, str]) -> dict[str, str]:
    """From every private name in `sources` (texts by module) to the short one in its place."""
    groups = _groups({module: ast.parse(text) for module, text in sources.items()})
    neighbours: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        for name in group:
            neighbours[name] |= group
    chosen: dict[str, int] = {}
    for name in sorted(neighbours, key=lambda name: (-len(neighbours[name]), name)):
        taken = {chosen[other] for other in neighbours[name] if other in chosen}
        chosen[name] = next(number for number in range(len(taken) + 1) if number not in taken)
    return {name: _spelled(number) for name, number in chosen.items()}


def _spelled(number: int) -> str:
    digits = "abcdefghijklmnopqrstuvwxyz"
    head, tail = divmod(number, len(digits))
    return f"_{digits[head - 1] if head else ''}{digits[tail]}"


def _groups(trees: dict[str, ast.Module]) -> list[set[str]]:
    """Sets of names that may meet: in the globals of one module, or on one object."""
    classes = [
        node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)
    ]
    related = _families(classes)
    families: dict[str, set[str]] = defaultdict(set)
    for node in classes:
        families[related[node.name]] |= _names([node], attributes=True)
    return [_names(tree.body, attributes=False) for tree in trees.values()] + [*families.values()]


def _families(classes: list[ast.ClassDef]) -> dict[str, str]:
    """From a class's name to one that stands for all that it is related to."""
    family = {node.name: node.name for node in classes}
    for node in classes:
        for base in node.bases:
            old, new = family[node.name], family.get(ast.unparse(base), node.name)
            family = {name: new if stands == old else stands for name, stands in family.items()}
    return family


def _names(nodes: list, attributes: bool) -> set[str]:
    """Private names in these nodes: those of globals, or those of attributes and methods."""
    found = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Attribute) and attributes:
            found.add(node.attr)
        elif isinstance(node, ast.Name | ast.arg):
            found.add(node.id if isinstance(node, ast.Name) else node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if is_private(name)} - FOREIGN
