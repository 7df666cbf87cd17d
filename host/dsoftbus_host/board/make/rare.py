"""Methods and functions that a board's node hardly ever calls: out of their class and slice, into
a module that a call loads.

The class asks for them by `__getattr__` (`dsoftbus_mpy.base.rare`), and the module leaves the heap
again with what else is needed for a while. Its names do not: so methods that no start calls are in
a second module, which the first one asks for what it has not. Sources have no part in this: a
method stands in its class, and `rare_methods` names it. `__init__` is looked for in the class
alone: one that is rare is called by what stands in its place.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict

from dsoftbus_host.board.make import short_names
from dsoftbus_host.board.make.constants import tree_of
from dsoftbus_host.board.make.rare_methods import RARE, SELDOM
from dsoftbus_host.board.make.slices import every_module, modules_of
from dsoftbus_host.board.make.tree import unparsed, walk

LOADER = "dsoftbus_mpy.base.rare"
_ASK = "_rare, _begin = __import__({home!r}).{rare}({module!r})"
_FIND = "def find(name): return getattr(Rare, name)"
_FIND_FURTHER = (
    "def find(name): return getattr(Rare, name, None) or __import__({further!r}).find(name)"
)
_INIT = "__init__"
ENDS = ("_rare", "_seldom_rare")  # of the modules' names, after their slice's
Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_rare(module: str, name: str) -> bool:
    """Returns whether `name` is a function of `module` that has left its slice."""
    return name in _functions().get(module, ())


@functools.cache
def _functions() -> dict[str, list[str]]:
    """The rare functions of each module."""
    modules = set(every_module())
    each = (pair for of in RARE.values() for pair in of.items())
    return {path: names.split() for path, names in each if path in modules}


def parted(text: str, name: str, unit: str, home: str) -> tuple[str, ...]:
    """The source of the linked slice `name` in parts: what stays in `unit`, and what its rare
    methods and functions are, with all that only those need, as modules `unit` + `ENDS`.

    `home` is the unit of `base.rare`. Raises ValueError for two rare methods of one name.
    """
    tree = ast.parse(text)
    methods: list[ast.stmt] = []
    begins: list[ast.stmt] = []
    functions: list[ast.stmt] = []
    for path, names in RARE[name].items():
        if path in _functions():
            functions += _plain(tree, path, names.split())
            continue
        module, _, known_as = path.rpartition(".")
        _check_heirs(known_as, names.split())
        owner = _class(tree, short_names.globals_of(module)[known_as])
        for node in _taken(owner, [short_names.attribute(method) for method in names.split()]):
            (begins if node.name == _INIT else methods).append(node)
            node.name = owner.name if node.name == _INIT else node.name
    _check_names(methods, name)
    tree.body = [node for node in tree.body if node not in functions]
    apart = _apart(tree, name, unit, functions, methods, begins)
    _ask(tree, home, unit + ENDS[0])
    return tuple(map(unparsed, (tree, *_in_two(apart, name, unit))))


def _in_two(rare: ast.Module, name: str, unit: str) -> list[ast.Module]:
    """`rare` without the methods that no start calls, and a module of those, where there are any.
    Each finds methods by name: the first has the second's, too."""
    if name not in SELDOM:
        rare.body += ast.parse(_FIND).body
        return [rare]
    seldom = _apart(rare, name, unit + ENDS[0], [], _seldom(rare, name), [])
    rare.body += ast.parse(_FIND_FURTHER.format(further=unit + ENDS[1])).body
    seldom.body += ast.parse(_FIND).body
    return [rare, seldom]


def _apart(
    tree: ast.Module,
    name: str,
    unit: str,
    functions: list[ast.stmt],
    methods: list[ast.stmt],
    begins: list[ast.stmt],
) -> ast.Module:
    """A module of these, which have left `tree`, a part of slice `name` that is called `unit`; and
    of all there that only those need, which leaves it, too."""
    helpers = _helpers(tree, [*methods, *begins, *functions], name)
    tree.body = [node for node in tree.body if node not in helpers]
    moved = [*functions, *helpers, *methods, *begins]
    imports = _imports(tree, moved)
    used = [ast.alias(each) for each in sorted(_used(moved) & _bound(tree))]
    heads = [ast.ImportFrom(unit, used, 0)] if used else []
    spaces = [_space("Rare", methods), _space("Begin", begins)]
    return ast.Module([*heads, *imports, *functions, *helpers, *spaces], [])


def _seldom(rare: ast.Module, name: str) -> list[ast.stmt]:
    """Takes the methods that no start calls out of the module of rare ones."""
    names = [short_names.attribute(method) for method in SELDOM[name].split()]
    space = _class(rare, "Rare")
    found = [node for node in space.body if getattr(node, "name", "") in names]
    space.body = [node for node in space.body if node not in found]
    return found


def _ask(tree: ast.Module, home: str, module: str) -> None:
    """Lets the classes of `tree` ask `module` for what has left them."""
    rare = short_names.globals_of(LOADER)["rare"]
    ask = ast.parse(_ASK.format(home=home, rare=rare, module=module)).body
    first = next(i for i, node in enumerate(tree.body) if isinstance(node, ast.ClassDef))
    tree.body[first:first] = ask


def _space(name: str, methods: list[ast.stmt]) -> ast.ClassDef:
    """A class of these methods: they and globals may have one short name."""
    return ast.ClassDef(name, [], [], methods or [ast.Pass()], [])


def _plain(tree: ast.Module, module: str, names: list[str]) -> list[ast.stmt]:
    """The rare functions of `module`."""
    wanted = [short_names.globals_of(module)[name] for name in names]
    return [node for node in tree.body if isinstance(node, Function) and node.name in wanted]


def _imports(tree: ast.Module, moved: list[ast.stmt]) -> list[ast.stmt]:
    """Takes the imports out of `tree` that only `moved` needs."""
    goes = _used(moved) - _used(tree.body)
    found: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            away = [alias for alias in node.names if (alias.asname or alias.name) in goes]
            if away:
                node.names = [alias for alias in node.names if alias not in away]
                level = (node.module, away, 0) if isinstance(node, ast.ImportFrom) else (away,)
                found.append(type(node)(*level))
    tree.body = [node for node in tree.body if getattr(node, "names", True)]
    return found


def _check_names(methods: list[ast.stmt], name: str) -> None:
    names = [getattr(node, "name", "") for node in methods]
    if len(set(names)) < len(names):
        raise ValueError(f"two rare methods of one name in {name}: {sorted(names)}")


def _check_heirs(known_as: str, names: list[str]) -> None:
    """Nothing asks for what a base has by `super()`: that would not find it."""
    for name in names:
        if name in _asked_of_bases().get(known_as, ()):
            raise ValueError(f"{known_as}.{name} is asked for by super()")


@functools.cache
def _asked_of_bases() -> dict[str, set[str]]:
    """By base, what its heirs need of it, which is `__init__` in any case."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in (node for module in every_module() for node in tree_of(module).body):
        if isinstance(node, ast.ClassDef):
            for base in map(ast.unparse, node.bases):
                found[base] |= {_INIT, *re.findall(r"super\(\)\.(\w+)", ast.unparse(node))}
    return found


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)


def _taken(owner: ast.ClassDef, names: list[str]) -> list[Function]:
    """The methods of these names, out of their class, which asks for them from now on."""
    found: list[Function] = []
    for name in names:
        node = next((n for n in owner.body if getattr(n, "name", "") == name), None)
        if not isinstance(node, Function):
            raise ValueError(f"{owner.name} has no method {name}")
        if node.decorator_list or "super()" in ast.unparse(node):
            raise ValueError(f"{owner.name}.{name} is more than a plain method")
        owner.body.remove(node)
        found.append(node)
    if _INIT in names:
        owner.body += ast.parse("__init__ = _begin").body
    if names != [_INIT]:
        owner.body += ast.parse("__getattr__ = _rare").body
    return found


def _helpers(tree: ast.Module, moved: list[ast.stmt], name: str) -> list[ast.stmt]:
    """Private functions of the slice that nothing calls which stays, and that are nobody's value:
    who has one has the whole module."""
    own = _private(name) - _values(moved)
    found: list[ast.stmt] = []
    while True:
        left = [node for node in tree.body if node not in found]
        more = [
            node
            for node in left
            if isinstance(node, Function)
            and node.name in own & _used([*moved, *found])
            and node.name not in _used([other for other in left if other is not node])
        ]
        if not more:
            return found
        found += more


def _private(name: str) -> set[str]:
    """Returns the names of the functions of a slice that no other module may import."""
    return {
        short
        for module in modules_of(name)
        for own, short in short_names.globals_of(module).items()
        if own.startswith("_")
    }


def _used(nodes: list[ast.stmt]) -> set[str]:
    return {
        part.id
        for node in nodes
        for part in walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _values(nodes: list[ast.stmt]) -> set[str]:
    """Names that are not only called."""
    parts = [part for node in nodes for part in walk(node)]
    called = {id(part.func) for part in parts if isinstance(part, ast.Call)}
    return {part.id for part in parts if isinstance(part, ast.Name) and id(part) not in called}


def _bound(tree: ast.Module) -> set[str]:
    """The globals of a module."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        else:
            names = (part for part in walk(node) if isinstance(part, ast.Name))
            found |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return found
