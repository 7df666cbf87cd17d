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
from collections.abc import Iterator

from dsoftbus_host.board.fold import constants, tree_of
from dsoftbus_host.board.slices import BETWEEN_US, LOOSE, PUBLIC, every_module

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Function = ast.FunctionDef | ast.AsyncFunctionDef

# What MicroPython's modules and types have, and CPython's of the same name have not.
_FOREIGN = """
    _io_queue any buffer cur_task deinit feed idle ifconfig init ipoll irq isconnected kbd_intr
    mem32 mem_alloc mem_free native off on push queue_read queue_write read_u16 readinto scan
    schedule set sleep_ms status threshold ticks_add ticks_cpu ticks_diff ticks_ms ticks_us
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
    neighbours: dict[str, set[str]] = defaultdict(set)
    for group in _families():
        ours = {name for name in group if name not in kept() and not name.startswith("__")}
        for name in ours:
            neighbours[name] |= ours
    chosen: dict[str, int] = {}
    for name in sorted(neighbours, key=lambda name: (-len(neighbours[name]), name)):
        taken = {chosen[other] for other in neighbours[name] if other in chosen}
        chosen[name] = next(number for number in range(len(taken) + 1) if number not in taken)
    return {name: spelled(number) for name, number in chosen.items()}


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
    """From the name of each global that `module` defines to its short name, one for itself."""
    return _all_globals()[module]


@functools.cache
def _all_globals() -> dict[str, dict[str, str]]:
    numbers = iter(range(1 << 20))
    return {
        module: {
            name: name if module in LOOSE else spelled(next(numbers)) for name in defined(module)
        }
        for module in every_module()
    }


def defined(module: str) -> list[str]:
    """Classes, functions and what else `module` binds at its top, constants left out."""
    found: dict[str, None] = {}
    for node in tree_of(module).body:
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] = None
        elif isinstance(node, ast.Assign):
            names = (part for target in node.targets for part in ast.walk(target))
            found |= {part.id: None for part in names if isinstance(part, ast.Name)}
    return [name for name in found if name not in constants(module) and name != "__getattr__"]
