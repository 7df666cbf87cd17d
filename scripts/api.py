"""Write docs/api.md: the public face of hosts and boards, from signatures and docstrings.

The tree says what is public. A face lists its names (`__all__` of dsoftbus_host, `_HOME` of
dsoftbus_mpy); the modules of a board's programs, and what their functions and classes have for
programs, are those that `board.make.public_names` reads from the tree and from marks there.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dsoftbus_host.board.make import public_names
from dsoftbus_host.board.make.public_names import Function, Marks

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "api.md"
ROOTS = {
    "dsoftbus": "core",
    "dsoftbus_aio": "core",
    "dsoftbus_host": "host",
    "dsoftbus_mpy": "micropython",
}
BOARDS = ("dsoftbus_aio.", "dsoftbus_mpy.")  # packages of a board's programs
LAYER = ROOT / "core" / "dsoftbus_aio"
WIDTH = 99

HEAD = """\
# API

Written by `make docs-api` from signatures and docstrings; a test holds it to them. Times are in
ms, sizes in bytes, keys 32 bytes. A call that fails raises a `BusError`: `LocalError` where the
caller is at fault, `PeerError` where the peer or the link is, `Unsupported` (a `LocalError`) where
this platform lacks something; `OSError` comes from sockets and files. `error.label` is stable.
"""
SIDE = """
## On a {side}

`from {package} import` any of:
{names}.
"""
AS_ON_HOSTS = """
### `{name}`

As on a host, above.
"""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Found(NamedTuple):
    """A definition and the file that it stands in."""

    file: Path
    node: ast.stmt


def path_of(module: str) -> Path:
    parts = module.split(".")
    base = ROOT.joinpath(ROOTS[parts[0]], *parts)
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def find(module: str, name: str) -> Found:
    """Returns the definition of `name` in `module`, followed through its imports."""
    found = find_in(path_of(module), name)
    if found is None:
        raise LookupError(f"{module} has no {name}")
    return found


def find_in(file: Path, name: str) -> Found | None:
    """The same from a module's file, or None, as for what is none of ours."""
    for node in _statements(file):
        if isinstance(node, ast.ImportFrom):
            if node.module and node.module.split(".")[0] not in ROOTS:
                continue
            if name in [alias.asname or alias.name for alias in node.names]:
                return _through(node, name)
        elif name in names_in(node):
            return Found(file, node)
    return None


def _statements(file: Path) -> Iterator[ast.stmt]:
    """The statements of a module, and those that are for checkers of types alone."""
    for node in ast.parse(file.read_text()).body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _through(node: ast.ImportFrom, name: str) -> Found:
    """Returns the target of an import of `name`: a module, or a definition in it."""
    inner = f"{node.module}.{name}"
    if node.module and path_of(inner).exists():
        return Found(path_of(inner), ast.parse(path_of(inner).read_text()).body[0])
    return find(str(node.module), name)


def names_in(node: ast.stmt) -> list[str]:
    """The names that a statement binds by a definition or an assignment."""
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _side(side: str, package: str, names: Iterable[str]) -> str:
    words = textwrap.fill(", ".join(f"`{name}`" for name in names), WIDTH)
    return SIDE.format(side=side, package=package, names=words)


def face(package: str) -> dict[str, str]:
    """The public names of a package, in its order, each with the module that has it."""
    listed = ("__all__", "_HOME")[package == "dsoftbus_mpy"]
    text = ast.unparse(find(package, listed).node)
    names = ast.literal_eval(text.partition(" = ")[2])
    homes = names if isinstance(names, dict) else {}
    return {name: f"{package}.{homes[name]}" if homes else package for name in names}


# Members


def marks(file: Path) -> Marks:
    return Marks(file.read_text())


def public(file: Path, kind: ast.ClassDef) -> Iterator[Function]:
    """The methods and properties of a class that are for programs, in the source's order."""
    may = public_names.members(marks(file), kind)
    yield from (node for node in kind.body if isinstance(node, Function) and may[node.name])


def members(file: Path, kind: ast.ClassDef) -> Iterator[Function]:
    """Those of a class, and of its base in the layer that all ports share."""
    own = list(public(file, kind))
    yield from own
    for base in kind.bases:
        found = find_in(file, ast.unparse(base)) if isinstance(base, ast.Name) else None
        if found and isinstance(found.node, ast.ClassDef) and LAYER in found.file.parents:
            names = {node.name for node in own}
            yield from (m for m in members(*found) if m.name not in names)  # type: ignore[arg-type]


def signature(name: str, node: Function, bound: bool) -> str:
    """The call, with types and defaults, in one line or with one argument a line."""
    arguments = _arguments(node.args, bound)
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    is_call = name.rpartition(".")[2][0].islower()  # else a class, which gives its objects
    result = f" -> {_type(node.returns)}" if node.returns and is_call else ""
    line = f"{kind}{name}({', '.join(arguments)}){result}"
    if len(line) <= WIDTH:
        return line
    return f"{kind}{name}(\n" + "".join(f"    {text},\n" for text in arguments) + f"){result}"


def _arguments(args: ast.arguments, bound: bool) -> list[str]:
    """Each argument as it is written; without `self` where the call is bound."""
    plain = args.args
    values = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    found = [_argument(arg, value) for arg, value in zip(plain, values, strict=True)]
    found = found[1:] if bound else found
    if args.kwonlyargs:
        found.append("*")
        pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
        found += [_argument(arg, value) for arg, value in pairs]
    return found


def _argument(arg: ast.arg, value: ast.expr | None) -> str:
    text = f"{arg.arg}: {_type(arg.annotation)}" if arg.annotation else arg.arg
    if value is None:
        return text
    return f"{text} = {_value(value)}" if arg.annotation else f"{text}={_value(value)}"


def _type(node: ast.expr) -> str:
    """An annotation, without the quotes that spare a board the names in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def _value(node: ast.expr) -> str:
    """A default, with double quotes, as the sources have them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return json.dumps(node.value)
    return ast.unparse(node)


def is_property(node: Function) -> bool:
    return "property" in [ast.unparse(part) for part in node.decorator_list]


# Text


def block(code: str) -> str:
    return f"```python\n{code}\n```\n"


def docstring(node: ast.stmt) -> str:
    if isinstance(node, Function | ast.ClassDef) and (text := ast.get_docstring(node)):
        return f"\n{text}\n"
    return ""


def of_function(name: str, node: Function) -> str:
    return f"\n#### `{name}`\n\n{block(signature(name, node, False))}{docstring(node)}"


def of_class(name: str, file: Path, node: ast.ClassDef) -> str:
    """A class: how it is made, what it is, and its members."""
    text = f"\n### `{name}`\n\n"
    for part in node.body:
        if isinstance(part, Function) and part.name == "__init__":
            text += block(signature(name, part, True))
    text += docstring(node)
    for member in members(file, node):
        text += f"\n#### `{name}.{member.name}`\n\n"
        call = signature(member.name, member, True)
        text += block(_read(member) if is_property(member) else call) + docstring(member)
    return text


def _read(node: Function) -> str:
    return f"{node.name}: {_type(node.returns)}" if node.returns else node.name


def of_constant(name: str, found: Found) -> str:
    """A constant, and the comment on its line that says what it is."""
    line = found.file.read_text().splitlines()[found.node.lineno - 1]
    code, _, comment = line.partition("  # ")
    return f"\n### `{name}`\n\n{block(code)}\n{comment}\n"


def is_top(file: Path) -> bool:
    """Returns whether a module stands at the top level of its package, or is one of hosts, whose
    face lists it."""
    return file.parent.name in ROOTS


def of_module(name: str, file: Path) -> str:
    """A module's functions and classes."""
    tree = ast.parse(file.read_text())
    text = f"\n### `{name}`\n\n{inspect.cleandoc(ast.get_docstring(tree) or '')}\n"
    for node in public_names.public_of(tree, marks(file), is_top(file)):
        if isinstance(node, Function):
            text += of_function(f"{name}.{node.name}", node)
        elif isinstance(node, ast.ClassDef):
            text += of_class(f"{name}.{node.name}", file, node)
    return text


def of_name(name: str, found: Found) -> str:
    if isinstance(found.node, ast.ClassDef):
        return of_class(name, found.file, found.node)
    if isinstance(found.node, Function):
        return of_function(name, found.node).replace("####", "###")
    if isinstance(found.node, ast.Expr):
        return of_module(name, found.file)
    return of_constant(name, found)


# The page


def rank(found: Found) -> int:
    """Classes come first, then functions and modules; errors and limits, of the core, are last."""
    if path_of("dsoftbus").parent in found.file.parents:
        return 3
    kinds: tuple[tuple[type, ...], ...] = ((ast.ClassDef,), FUNCTIONS, (ast.Expr,))
    return next((n for n, kind in enumerate(kinds) if isinstance(found.node, kind)), 3)


def of_face(package: str) -> dict[str, Found]:
    """The names of a face, in the page's order, and what each stands for."""
    names = face(package).items()
    found = {name: find(module, name) for name, module in names if name[0] != "_"}
    return dict(sorted(found.items(), key=lambda item: rank(item[1])))


def board_modules(used: set[Path]) -> list[Path]:
    """The modules that a board's programs import beside the names of the face."""
    names = sorted(name for name in public_names.public_modules() if name.startswith(BOARDS))
    return [file for file in map(path_of, names) if file not in used]


def base_files(found: Found) -> Iterator[Path]:
    """The files of what a class inherits, which is shown with the class."""
    for base in found.node.bases if isinstance(found.node, ast.ClassDef) else []:
        inherited = find_in(found.file, ast.unparse(base)) if isinstance(base, ast.Name) else None
        if inherited:
            yield inherited.file


def page() -> str:
    hosts, boards = of_face("dsoftbus_host"), of_face("dsoftbus_mpy")
    text = HEAD + _side("host", "dsoftbus_host", hosts)
    text += "".join(of_name(name, found) for name, found in hosts.items())
    text += _side("board", "dsoftbus_mpy", boards)
    for name, found in boards.items():
        same = name in hosts and hosts[name].file == found.file
        text += AS_ON_HOSTS.format(name=name) if same else of_name(name, found)
    shown = {file for found in boards.values() for file in (found.file, *base_files(found))}
    for file in board_modules(shown):
        text += of_module(file.stem, file)
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
