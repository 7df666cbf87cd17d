"""Writes into docs/memory.md what holds the heap of a board's node: by module, and by object.

The node runs as in `memory_boards`. MicroPython's own map of its heap says where each piece begins
and ends; from the table of modules on, every piece that one points at belongs to the first that
reaches it: code to the module that defines it, all else to an object of one of our classes.
"""

from __future__ import annotations

import functools
import json
import re
import struct
from collections import Counter, defaultdict
from typing import NamedTuple

from dsoftbus_host.board import install
from dsoftbus_host.board.make import compiler, short_names, slices
from dsoftbus_host.board.make.boards import Board, every
from memory import HOLDERS, PAGE
from memory_boards import Run
from memory_port import ROOT, Look, Port, port

BOARDS = ("rpi_pico", "rpi_pico_w")
STEPS = ("idle", "session", "transfer")
BLOCK = 16
WORD = 4
LEAST = 250  # bytes: what is smaller is summed up
CODE = ("bytecode", "functions", "classes", "tables")

# What the image alone does not say: the addresses of modules, of their classes, of the types.
FACTS = """
import sys
def _facts():
    def plain(): pass
    def stream(): yield
    def outer():
        x = 0
        return lambda: x
    class Kind:
        @property
        def x(self): pass
    found = []
    for name, module in sys.modules.items():
        space = getattr(module, "__dict__", {})
        kinds = [[key, id(value)] for key, value in space.items()
                 if type(value) is type and name[:8] in ("dsoftbus", "asyncio", "asyncio.")]
        found.append([name, id(module), kinds])
    same = {"function": type(plain), "generator": type(stream), "closure": type(outer()),
            "type": type, "dict": dict, "property": property, "static": staticmethod,
            "str": str, "bytes": bytes, "bytearray": bytearray, "int": int, "tuple": tuple,
            "list": list}
    import json
    return json.dumps([found, {name: id(kind) for name, kind in same.items()}])
said = _facts()
del _facts
"""


class Image:
    """The pieces of a heap: `sizes` by address."""

    def __init__(self, look: Look) -> None:
        self._start, self._bytes = look.start, look.bytes
        self.names = int(re.findall(r"n_total_bytes=(\d+)", look.map)[-1])
        self.sizes: dict[int, int] = {}
        head = 0
        for line in re.findall(r"^([0-9a-f]{8}): ([^\s]+)", look.map, re.M):
            at = look.start + int(line[0], 16)
            for i, sign in enumerate(line[1]):
                if sign == "=":
                    self.sizes[head] += BLOCK
                elif sign not in ". ":
                    head = at + i * BLOCK
                    self.sizes[head] = BLOCK

    def words(self, at: int) -> tuple[int, ...]:
        n = self.sizes.get(at, 0) // WORD
        return struct.unpack_from(f"<{n}I", self._bytes, at - self._start) if n else ()


class Holders:
    """Finds who owns each piece of `image` that is not in `before`: `held` by (owner, part)."""

    def __init__(self, image: Image, before: Image, facts: str) -> None:
        self._image = image
        self._free = {at for at, n in image.sizes.items() if before.sizes.get(at) != n}
        modules, types = json.loads(facts)
        self._type: dict[str, int] = types
        self._texts = {types[name] for name in ("str", "bytes", "bytearray", "list")}
        self._plain = self._texts | {types["tuple"], types["int"]}
        self._module_at = {at: name for name, at, _ in modules}
        self._class_at = {
            at: f"{name}.{key}"
            for name, _, kinds in modules
            for key, at in kinds
            if _defines(name, key) and (at in image.sizes or name.startswith("asyncio"))
        }
        self.held: Counter[tuple[str, str]] = Counter()
        self.objects: Counter[str] = Counter()
        for name, at, _ in sorted(modules, key=lambda found: found[1]):
            if at in self._free:
                self._of_module(at, name)
        self._of_objects()
        rest = sum(image.sizes[at] for at in self._free) - (image.names - before.names)
        self.held["names", ""] = image.names - before.names
        self.held["the interpreter's own, texts", ""] = rest

    def _take(self, at: int, owner: str, part: str) -> bool:
        if at not in self._free:
            return False
        self._free.remove(at)
        self.held[owner, part] += self._image.sizes[at]
        return True

    def _of_module(self, at: int, name: str) -> None:
        """{type, globals, table of names, table of constants}"""
        _, space, names, constants = self._image.words(at)[:4]
        self._take(at, name, "tables")
        self._take(names, name, "tables")
        if self._take(constants, name, "tables"):
            for each in self._image.words(constants):
                self._of_constant(each, name)
        self._of_table(space, name, "tables")

    def _of_constant(self, at: int, owner: str) -> None:
        """Texts, bytes, numbers, and tuples and lists of such."""
        words = self._image.words(at)
        if words and words[0] in self._plain and self._take(at, owner, "tables"):
            for each in words[1:]:
                self._of_constant(each, owner)
                if words[0] in self._texts:
                    self._take(each, owner, "tables")

    def _of_table(self, at: int, owner: str, part: str) -> None:
        """A dict: {type, length, used, table}; the table is pairs."""
        if self._take(at, owner, part):
            for table in self._image.words(at)[1:]:
                if self._take(table, owner, part):
                    for value in self._image.words(table)[1::2]:
                        self._of_value(value, owner)

    def _of_value(self, at: int, owner: str) -> None:
        words = self._image.words(at)
        if not words or at in self._module_at or words[0] in self._class_at:
            return
        kind = words[0]
        if kind in (self._type["function"], self._type["generator"]):
            self._of_function(at, owner)
        elif kind == self._type["type"]:
            self._of_class(at, owner)
        elif kind == self._type["dict"]:
            self._of_table(at, owner, "tables")
        elif kind in (self._type["property"], self._type["static"], self._type["closure"]):
            if self._take(at, owner, "functions"):
                for each in words[1:]:
                    self._of_value(each, owner)
        else:
            self._of_constant(at, owner)

    def _of_function(self, at: int, owner: str) -> None:
        """{type, context, children, bytecode, defaults}"""
        words = self._image.words(at)
        owner = self._module_at.get(words[1], owner)
        if self._take(at, owner, "functions"):
            self._take(words[3], owner, "bytecode")
            self._of_children(words[2], owner)
            for each in words[4:]:
                self._of_constant(each, owner)

    def _of_children(self, at: int, owner: str) -> None:
        """Inner functions: {kind, bytecode, children}"""
        if self._take(at, owner, "functions"):
            for child in self._image.words(at):
                if self._take(child, owner, "functions"):
                    _, code, inner = self._image.words(child)[:3]
                    self._take(code, owner, "bytecode")
                    self._of_children(inner, owner)

    def _of_class(self, at: int, owner: str) -> None:
        owner = self._class_at.get(at, owner).rpartition(".")[0] if at in self._free else owner
        if self._take(at, owner, "classes"):
            for each in self._image.words(at)[1:]:
                if self._image.words(each)[:1] == (self._type["dict"],):
                    self._of_table(each, owner, "classes")
                elif each not in self._class_at:
                    self._take(each, owner, "classes")

    def _of_objects(self) -> None:
        """Objects of our classes, each with all that it alone points at."""
        kinds = self._class_at
        found = [at for at in sorted(self._free) if self._image.words(at)[0] in kinds]
        for at in found:
            self.objects[kinds[self._image.words(at)[0]]] += 1
        todo = [(at, kinds[self._image.words(at)[0]]) for at in found]
        for at, owner in todo:
            if self._take(at, owner, "objects"):
                near = [each for each in self._image.words(at) if each in self._free]
                todo += [(each, owner) for each in near if each not in found]


class Measured(NamedTuple):
    """One board: for each step, its holders."""

    name: str
    steps: dict[str, Holders]


def measured(board: Board) -> Measured:
    files = install.files_for(board, board.architecture)
    with port(files, False) as opened:
        run = Run(board, opened)
        before = Image(opened.look())
        run.start()
        steps = {"idle": holders(opened, before)}
        run.connect()
        run.talk()
        steps["session"] = holders(opened, before)
        run.fill()
        steps["transfer"] = holders(opened, before)
    return Measured(board.name, steps)


def holders(opened: Port, before: Image) -> Holders:
    image = Image(opened.look())
    return Holders(image, before, opened.run(FACTS).said or "")


# The page


def page(text: str, found: list[Measured]) -> str:
    """docs/memory.md with these tables."""
    begin, end = text.index(HOLDERS) + len(HOLDERS), text.rindex(HOLDERS)
    return text[:begin] + "".join(map(_tables, found)) + "\n" + text[end:]


def _tables(found: Measured) -> str:
    text = f"\n### `{found.name}`: code, while it is idle\n\n"
    text += f"| module | {' | '.join(CODE)} | sum |\n|---|{'---:|' * (len(CODE) + 1)}\n"
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for (owner, part), n in found.steps["idle"].held.items():
        if part in CODE:
            rows[_shown(owner)][part] += n
    for name, parts in sorted(rows.items(), key=lambda row: -row[1].total()):
        text += _row(name, [parts[part] for part in CODE])
    text += _row("**all**", [sum(parts[part] for parts in rows.values()) for part in CODE])
    text += f"\n### `{found.name}`: objects, names and the rest\n\n"
    text += f"| what | {' | '.join(STEPS)} |\n|---|{'---:|' * len(STEPS)}\n"
    return text + "".join(_object_rows(found))


def _row(name: str, cells: list[int]) -> str:
    return f"| {name} | {' | '.join(map(str, [*cells, sum(cells)]))} |\n"


def _object_rows(found: Measured) -> list[str]:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for step in STEPS:
        for (owner, part), n in found.steps[step].held.items():
            if part not in CODE:
                rows[_shown(owner) if part else owner][step] += n
    small: Counter[str] = Counter()
    for name in [name for name, cells in rows.items() if max(cells.values()) < LEAST]:
        small += rows.pop(name)
    ordered = sorted(rows.items(), key=lambda row: -row[1]["transfer"])
    ordered.append((f"objects of less than {LEAST} bytes", small))
    return [
        f"| {name} | {' | '.join(str(cells[step]) for step in STEPS)} |\n"
        for name, cells in ordered
    ]


def _shown(name: str) -> str:
    """A slice for a linked module, the class for its short name."""
    unit, _, short = name.partition(".")
    return f"`{_own(unit).get(short) or _units().get(unit, name)}`"


def _defines(module: str, name: str) -> bool:
    """Returns whether it is not only imported there."""
    return module not in _units() or name in _own(module)


@functools.cache
def _own(unit: str) -> dict[str, str]:
    """Maps the short names that a linked module defines to those in the sources."""
    modules = slices.modules_of(_units()[unit]) if unit in _units() else []
    linked = (module for module in modules if module not in slices.LOOSE)
    return {
        short: name for module in linked for name, short in short_names.globals_of(module).items()
    }


@functools.cache
def _units() -> dict[str, str]:
    return {compiler.unit(name): name for name in slices.SLICES}


def main() -> None:
    """Measures the boards whose heap is short."""
    PAGE.write_text(page(PAGE.read_text(), [measured(every()[name]) for name in BOARDS]))
    print(f"wrote who holds the heap into {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
