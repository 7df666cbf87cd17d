"""Short names keep a board's table of names small.

MicroPython keeps each distinct name once, with its bytes, a hash and a place in a table: about 25
bytes of heap. So a name that only the project itself uses gets a short one, and two names share it
where they never meet: no object has both. Names that programs may use stay, and so do all that are
not ours.
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

from dsoftbus_host.board.make.constants import constants, families, imports, tree_of
from dsoftbus_host.board.make.public_names import (
    Function,
    bound_in,
    public_names,
    set_on_self,
)
from dsoftbus_host.board.make.rare_methods import RARE
from dsoftbus_host.board.make.slices import LOOSE, SLICES, every_module, modules_of
from dsoftbus_host.board.make.tree import walk

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Key = TypeVar("Key", str, tuple[str, str])

# What MicroPython's modules and types have, and CPython's of the same name have not.
_FOREIGN = """
    _io_queue active any asm_thumb buffer config connect cur_task deinit disconnect feed idle
    ifconfig init ipoll irq isconnected kbd_intr mem32 mem_alloc mem_free native off on push
    queue_read queue_write read_u16 readinto scan schedule set sleep_ms status threshold ticks_add
    ticks_cpu ticks_diff ticks_ms ticks_us txdone unique_id value viper wait_for_ms waiting
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
    return frozenset(found | public_names())


def _keywords(tree: ast.Module) -> set[str]:
    calls = (node for node in walk(tree) if isinstance(node, ast.Call))
    return {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}


def of_class(node: ast.ClassDef) -> Iterator[str]:
    """Yields the attributes of a class: methods, names in its body, and those set on `self`."""
    for part in node.body:
        yield from bound_in(part)
        yield from set_on_self(part)


# Attributes


def attribute(name: str) -> str:
    """Returns the name on a board of an attribute or method of this name."""
    return attributes().get(name, name)


@functools.cache
def attributes() -> dict[str, str]:
    """Maps the name of each attribute and method that only we use to its short name."""
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
    """The names of each class and all that it is related to: what their objects have; and what
    rare methods of a slice there are, which meet in one module."""
    trees = [tree_of(module) for module in every_module()]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    found: dict[str, set[str]] = defaultdict(set)
    for node in classes:
        found[families()[node.name]] |= set(of_class(node))
    rare = ({name for names in of.values() for name in names.split()} for of in RARE.values())
    return [*found.values(), *rare]


# Globals


@functools.cache
def globals_of(module: str) -> dict[str, str]:
    """Maps the name of each global that `module` defines to its name on a board."""
    short = _all_globals()
    return {name: short.get((module, name), name) for name in defined(module)}


@functools.cache
def _all_globals() -> dict[tuple[str, str], str]:
    """Returns short names by module and name. All that a slice defines or imports is in one
    table."""
    return _shortened(
        {key for module in modules_of(part) for key in (*_own(module), *_imported(module))}
        for part in SLICES
    )


def _own(module: str) -> Iterator[tuple[str, str]]:
    if module not in LOOSE:
        yield from ((module, name) for name in defined(module))


def _imported(module: str) -> Iterator[tuple[str, str]]:
    """Yields our names that `module` imports at its top, from where they are defined; of a module
    imported whole all names, those that it passes on included."""
    for _, (target, name) in imports(tree_of(module).body):
        if name:
            home, known_as = origin(target, name)
            yield from (key for key in _own(home) if key[1] == known_as)
        else:
            yield from _own(target)
            yield from _imported(target)


def origin(module: str, name: str) -> tuple[str, str]:
    """The module that defines what `module` has as `name`, and its name there."""
    passed_on = dict(imports(tree_of(module).body))
    if name in defined(module) or name not in passed_on:
        return module, name
    return origin(*passed_on[name])


@functools.cache
def defined(module: str) -> tuple[str, ...]:
    """Classes, functions and what else `module` binds at its top, constants left out."""
    found: dict[str, None] = {}
    for node in tree_of(module).body:
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] = None
        elif isinstance(node, ast.Assign):
            names = (part for target in node.targets for part in walk(target))
            found |= {part.id: None for part in names if isinstance(part, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = None
    left_out = {*constants(module), "__getattr__"}
    return tuple(name for name in found if name not in left_out)
