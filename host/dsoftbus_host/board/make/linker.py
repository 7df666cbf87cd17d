"""Links modules into one: all that a slice holds, in one file, under one table of globals.

On a board each module costs about 300 bytes beside its code, for its names, its object and its
table of globals. So the modules of a slice become one, in which a name from another module of the
slice is a global like any other, and a name from another slice is imported once. Constants are
folded in (`constants`), names are short (`short_names`).
"""

from __future__ import annotations

import ast
import string
from collections.abc import Callable

from dsoftbus_host.board.make import short_names
from dsoftbus_host.board.make.constants import constants, imports, is_ours
from dsoftbus_host.board.make.heirs import is_base, with_heirs
from dsoftbus_host.board.make.inline import inlined
from dsoftbus_host.board.make.tree import unparsed, walk

# Each class notes where it was defined, and nobody asks: the places go to its first names.
_NO_ORIGIN = "del __module__, __qualname__"
_NEEDS_NO_WORDS = ("BAD_ARGUMENT", "BAD_STATE")
_BY_NAME = ("getattr", "hasattr")  # they are given the name of an attribute

# From a module of ours, and a name in it or "", to the linked one that it is in
Home = Callable[[str, str], str]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Needed = dict[str, dict[str, str]]  # from a linked module to names in it, as called here


def linked(modules: list[str], home: Home) -> str:
    """The source of these modules as one; the names of its own globals are short, too."""
    body: list[ast.stmt] = []
    needed: Needed = {}
    for module in modules:
        tree = inlined(module)  # of its own, for it is changed
        linker = _Linker(tree, home, needed, module)
        body += linker.statements()
    own = (pair for module in modules for pair in short_names.globals_of(module).items())
    whole = with_heirs(body, {short for name, short in own if is_base(name)})
    for node in whole:
        if isinstance(node, ast.ClassDef):
            node.body[:0] = ast.parse(_NO_ORIGIN).body
    return _source(whole, needed)


def program(text: str, home: Home) -> str:
    """A program's source, in which what it calls of ours has the name that linked modules know."""
    needed: Needed = {}
    return _source(_Linker(ast.parse(text), home, needed).statements(), needed)


def _source(body: list[ast.stmt], needed: Needed) -> str:
    heads = [_import(unit, dict(sorted(wanted.items()))) for unit, wanted in needed.items()]
    tree = ast.Module(_without_doubles([*heads, *body]), [])
    return unparsed(tree)


def _import(unit: str, wanted: dict[str, str]) -> ast.ImportFrom:
    """`wanted`: from the name in the unit to the name here."""
    pairs = ((name, here if here != name else None) for name, here in wanted.items())
    return ast.ImportFrom(unit, [ast.alias(name, here) for name, here in pairs], 0)


def _without_doubles(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body without the imports that another module of the slice has had before."""
    imports: set[str] = set()
    found = []
    for node in body:
        text = ast.unparse(node) if isinstance(node, ast.Import | ast.ImportFrom) else ""
        if text not in imports:
            found.append(node)
        imports |= {text} - {""}
    return found


class _Linker(ast.NodeTransformer):
    """One module's statements as they stand in the linked one, made of `tree`, which it uses up.

    Names that it needs of other linked modules are added to `needed`. Without `module` it is a
    program, with globals and constants of its own.
    """

    def __init__(self, tree: ast.Module, home: Home, needed: Needed, module: str = "") -> None:
        self._tree = tree
        self._home = home
        self._needed = needed
        self._unit = home(module, "") if module else ""
        self._own = short_names.globals_of(module) if module else {}
        self._constants = constants(module) if module else {}
        self._imported = dict(imports(tree.body))
        self._scopes: list[dict[str, str]] = []  # names in the functions around, as called here

    def statements(self) -> list[ast.stmt]:
        return [self.visit(node) for node in self._tree.body if not self._is_void(node)]

    def _is_void(self, node: ast.stmt) -> bool:
        """Docstrings, imports of ours and of const(), and what constants are defined with."""
        if isinstance(node, ast.Expr):
            return isinstance(node.value, ast.Constant)
        if isinstance(node, ast.ImportFrom):
            return is_ours(node.module or "")
        if isinstance(node, ast.If):  # `if False:` stands before imports for types
            return isinstance(node.test, ast.Constant) and not node.test.value
        if isinstance(node, ast.Try):
            return "from micropython import const" in ast.unparse(node)
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        return isinstance(target, ast.Name) and target.id in self._constants

    # Names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        for scope in reversed(self._scopes):
            if node.id in scope:
                return ast.Name(scope[node.id], node.ctx)
        if node.id in self._constants:
            return ast.Constant(self._constants[node.id])
        if node.id in self._imported:
            return self._there(*self._imported[node.id], node.id)
        return ast.Name(self._own.get(node.id, node.id), node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        if len(node.args) > 1 and isinstance(node.func, ast.Name):
            name = node.args[1]
            if node.func.id in _BY_NAME and isinstance(name, ast.Constant):
                name.value = short_names.attribute(str(name.value))
            elif len(node.args) == 2 and self._needs_no_words(node.func.id, node.args[0]):
                del node.args[1]
        self.generic_visit(node)
        return node

    def _needs_no_words(self, error: str, code: ast.expr) -> bool:
        """Faults of peers, and of a program's calls, are known by their labels: the words beside
        them stay on hosts."""
        local = error == "LocalError" and getattr(code, "id", "") in _NEEDS_NO_WORDS
        return local or error == "PeerError"

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and not self._is_local(node.value.id):
            module, name = self._imported.get(node.value.id, ("", "-"))
            if not name:
                return self._there(module, node.attr, f"{node.value.id}_{node.attr}")
        node.value = self.visit(node.value)
        node.attr = short_names.attribute(node.attr)
        return node

    def _is_local(self, name: str) -> bool:
        return any(name in scope for scope in self._scopes)

    def _there(self, module: str, name: str, in_program: str) -> ast.expr:
        """A name of another module, as it is called here: in a program, `in_program`."""
        if name in constants(module):
            return ast.Constant(constants(module)[name])
        module, name = short_names.origin(module, name)
        short = short_names.globals_of(module)[name]
        here = short if self._unit else in_program
        if self._home(module, "") != self._unit:
            self._needed.setdefault(self._home(module, name), {})[short] = here
        return ast.Name(here, ast.Load())

    # Scopes

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self._own.get(node.name, node.name)
        node.bases = [self.visit(base) for base in node.bases]
        node.body = [new for part in node.body if (new := self._of_class(part))]
        return node

    def _of_class(self, node: ast.stmt) -> ast.stmt | None:
        """A statement of a class: what it binds is an attribute. Its values are seen from outside
        of the class: none of ours refers to a name of its own there."""
        if isinstance(node, Function):
            if _is_abstract(node):
                return None  # it says what a subclass has
            return self._function(node, short_names.attribute(node.name))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = ast.Name(short_names.attribute(node.targets[0].id), ast.Store())
            return ast.Assign([target], self.visit(node.value))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            target = ast.Name(short_names.attribute(node.target.id), ast.Store())
            return ast.Assign([target], self.visit(node.value)) if node.value else None
        return node

    def _visit_function(self, node: Function) -> Function:
        name = node.name if self._scopes else self._own.get(node.name, node.name)
        return self._function(node, name)

    visit_FunctionDef = _visit_function
    visit_AsyncFunctionDef = _visit_function

    def _function(self, node: Function, name: str) -> Function:
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.decorator_list = [self.visit(part) for part in node.decorator_list]
        node.name = name
        if _is_assembly(node):
            return node
        parts = list(walk(node))
        scope = _locals(node, parts)
        if not self._scopes:
            scope |= _short_arguments(node, parts)
        for argument in node.args.args:
            argument.arg = scope[argument.arg]
            argument.annotation = argument.annotation if _is_machine_code(node) else None
        if node.args.vararg is not None:
            node.args.vararg.annotation = None
        node.returns = node.returns if _is_machine_code(node) else None
        self._scopes.append(scope)
        node.body = [new for part in node.body if (new := self.visit(part))] or [ast.Pass()]
        self._scopes.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._scopes.append({argument.arg: argument.arg for argument in node.args.args})
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        """Annotations name what need not be there."""
        if node.value is None:
            return None
        return ast.Assign([self.visit(node.target)], self.visit(node.value))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        """An import in a function, of what not everybody needs: all names from one module."""
        wanted = dict(imports([node]))
        if not wanted:
            return node
        if any(not name for _, name in wanted.values()):
            raise ValueError(f"in a function, import names, not modules: {ast.unparse(node)}")
        module = node.module or ""
        shorts = {here: short_names.globals_of(module)[name] for here, (_, name) in wanted.items()}
        homes = {self._home(module, name) for _, name in wanted.values()}
        if len(homes) > 1:
            raise ValueError(f"rare functions are imported by themselves: {ast.unparse(node)}")
        if homes != {self._unit}:
            return _import(homes.pop(), {short: here for here, short in shorts.items()})
        targets = [ast.Name(here, ast.Store()) for here in shorts]
        values: list[ast.expr] = [ast.Name(short, ast.Load()) for short in shorts.values()]
        if len(targets) == 1:
            return ast.Assign([targets[0]], values[0])
        return ast.Assign([ast.Tuple(list(targets), ast.Store())], ast.Tuple(values, ast.Load()))


def _is_machine_code(node: Function) -> bool:
    """Viper needs the types of its arguments; everyone else's are for readers."""
    return _is_made_by("viper", node)


def _is_abstract(node: Function) -> bool:
    """Returns whether it only raises NotImplementedError."""
    return len(node.body) <= 2 and "NotImplementedError" in ast.unparse(node.body[-1])


def _is_assembly(node: Function) -> bool:
    """Its names are registers, labels and instructions: none of them means anything of ours."""
    return _is_made_by("asm_thumb", node)


def _is_made_by(emitter: str, node: Function) -> bool:
    return any(emitter in ast.unparse(decorator) for decorator in node.decorator_list)


def _locals(node: Function, parts: list[ast.AST]) -> dict[str, str]:
    """The names that a function of these parts binds, each under itself."""
    found = {argument.arg for argument in node.args.args}
    for part in parts:
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.ExceptHandler | Function) and part is not node and part.name:
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in part.names}
    return {name: name for name in found}


def _short_arguments(node: Function, parts: list[ast.AST]) -> dict[str, str]:
    """Arguments that nobody passes by name are called a, b, c ... where these are free."""
    used = {part.id for part in parts if isinstance(part, ast.Name)}
    used |= {part.arg for part in parts if isinstance(part, ast.arg)}
    free = (letter for letter in string.ascii_lowercase if letter not in used)
    named = [argument.arg for argument in node.args.args if argument.arg not in short_names.kept()]
    return dict(zip(named, free, strict=False))
