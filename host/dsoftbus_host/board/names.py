"""Short names: what a board's table of names need not hold.

MicroPython keeps each distinct name once, with its bytes, a hash and a place in a table: about 25
bytes of heap. So whatever only the project itself calls by its name gets a short one, and two
names share it where they never meet: no object has both. What programs may use keeps its name, and
so does everything that is not ours.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import functools
import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from dsoftbus_host.board.fold import constants, imports, tree_of
from dsoftbus_host.board.slices import (
    BETWEEN_US,
    LOOSE,
    PUBLIC,
    SLICES,
    every_module,
    modules_of,
)

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Key = TypeVar("Key", str, tuple[str, str])

# What MicroPython's modules and types have, and CPython's of the same name have not.
_FOREIGN = """
    _io_queue any asm_thumb buffer cur_task deinit feed idle ifconfig init ipoll irq isconnected
    kbd_intr mem32 mem_alloc mem_free native off on push queue_read queue_write read_u16 readinto
    scan schedule set sleep_ms status threshold ticks_add ticks_cpu ticks_diff ticks_ms ticks_us
    txdone unique_id value viper wait_for_ms
"""
_MODULES = (
    "array asyncio binascii collections errno gc hashlib io json os select socket struct sys time"
)
_TYPES = (list, dict, bytes, bytearray, memoryview, str, int, tuple, set, range, OSError)


def spelled(number: int) -> str:
    """0: A, 25: Z, 26: AA ...: in capitals, which no local variable of the project is."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, len(DIGITS))
        text = DIGITS[digit] + text
    return text


# Names that stay


@functools.cache
def kept() -> frozenset[str]:
    """Names that stay as they are: of what is not ours, keywords of calls, and the public ones."""
    found = {*_FOREIGN.split(), *dir(builtins)}
    for theirs in map(__import__, _MODULES.split()):
        found |= set(dir(theirs))
        for kind in filter(inspect.isclass, vars(theirs).values()):
            found |= set(dir(kind))
    for kind in (*_TYPES, asyncio.Task, asyncio.Event):
        found |= set(dir(kind))
    for tree in map(tree_of, every_module()):
        found |= _keywords(tree)
    for module in PUBLIC:
        found |= set(_public(module)) - BETWEEN_US
    return frozenset(found)


def _keywords(tree: ast.Module) -> set[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}


def _public(module: str) -> Iterator[str]:
    """Attributes and methods without an underscore; and the arguments of what is meant for
    programs more than for the project itself, since programs may pass them by name."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ClassDef):
            yield from (name for name in of_class(node) if name[0] != "_")
        if isinstance(node, Function) and module.startswith("dsoftbus_mpy."):
            called = node.name[0] != "_" or node.name == "__init__"
            yield from (argument.arg for argument in node.args.args if called)


def of_class(node: ast.ClassDef) -> Iterator[str]:
    """What the objects of a class have: methods, names in its body, and what is set on `self`."""
    for part in node.body:
        if isinstance(part, Function):
            yield part.name
        elif isinstance(part, ast.Assign):
            yield from (t.id for t in part.targets if isinstance(t, ast.Name))
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield from [inner.attr] if ast.unparse(inner.value) == "self" else []


# Attributes


def attribute(name: str) -> str:
    """What an attribute or method of this name is called on a board."""
    return attributes().get(name, name)


@functools.cache
def attributes() -> dict[str, str]:
    """From the name of each attribute and method that only we use to its short name."""
    ours = ({name for name in group if _is_ours(name)} for group in _families())
    return _shortened(ours)


def _is_ours(name: str) -> bool:
    return name not in kept() and not name.startswith("__")


def _shortened(groups: Iterable[set[Key]]) -> dict[Key, str]:
    """A short name for each key; two share one if they are together in no group."""
    neighbours: dict[Key, set[Key]] = defaultdict(set)
    for group in groups:
        for key in group:
            neighbours[key] |= group
    chosen: dict[Key, int] = {}
    for key in sorted(neighbours, key=lambda key: (-len(neighbours[key]), key)):
        taken = {chosen[other] for other in neighbours[key] if other in chosen}
        chosen[key] = next(number for number in range(len(taken) + 1) if number not in taken)
    return {key: spelled(number) for key, number in chosen.items()}


def _families() -> list[set[str]]:
    """For each class and all that it is related to: what their objects have."""
    trees = [tree_of(module) for module in every_module()]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    family = {node.name: node.name for node in classes}
    for node in classes:
        for base in node.bases:
            old, new = family[node.name], family.get(ast.unparse(base), node.name)
            family = {name: new if stands == old else stands for name, stands in family.items()}
    found: dict[str, set[str]] = defaultdict(set)
    for node in classes:
        found[family[node.name]] |= set(of_class(node))
    return list(found.values())


# Globals


@functools.cache
def globals_of(module: str) -> dict[str, str]:
    """From the name of each global that `module` defines to its name on a board."""
    short = _all_globals()
    return {name: short.get((module, name), name) for name in defined(module)}


@functools.cache
def _all_globals() -> dict[tuple[str, str], str]:
    """By module and name. What a slice defines and what it imports meet in one table."""
    return _shortened(
        {key for module in modules_of(part) for key in (*_own(module), *_imported(module))}
        for part in SLICES
    )


def _own(module: str) -> Iterator[tuple[str, str]]:
    if module not in LOOSE:
        yield from ((module, name) for name in defined(module))


def _imported(module: str) -> Iterator[tuple[str, str]]:
    """What `module` imports of ours at its top; of a whole module, all that it may use."""
    for _, (target, name) in imports(tree_of(module).body):
        yield from (key for key in _own(target) if name in ("", key[1]))


def origin(module: str, name: str) -> tuple[str, str]:
    """The module that defines what `module` has as `name`, and its name there."""
    passed_on = dict(imports(tree_of(module).body))
    if name in defined(module) or name not in passed_on:
        return module, name
    return origin(*passed_on[name])


def defined(module: str) -> list[str]:
    """Classes, functions and what else `module` binds at its top, constants left out."""
    found: dict[str, None] = {}
    for node in tree_of(module).body:
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] = None
        elif isinstance(node, ast.Assign):
            names = (part for target in node.targets for part in ast.walk(target))
            found |= {part.id: None for part in names if isinstance(part, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = None
    return [name for name in found if name not in constants(module) and name != "__getattr__"]
