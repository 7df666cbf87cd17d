"""`make mutants N=n SEED=s`: puts small faults into the code, one at a time, and says which of
them no test sees.

cosmic-ray finds the places and makes the mutants; `Dropped` adds one kind that it lacks, a
statement that is left out. A draw chooses lines first, and then one of the faults that fit there,
so that a line with many operators is not drawn more often. Each mutant is tried in a copy of the
tree, with the tests of its room, those first that import what has changed. Faults that no test can
see stand with their reasons in tests/mutants/equivalent.toml.
"""

from __future__ import annotations

import ast
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import click
import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from parso.python.tree import Keyword

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
EQUIVALENT = ROOT / "tests" / "mutants" / "equivalent.toml"
UNIX = "tests/micropython/test_portable_on_unix.py::test_portable_on_unix"
_SAID = "mutants.log"  # in a copy: what the tests said last
_TAIL = 4000
SLACK_S = 30  # on top of twice what the tests take without a fault
MEMORY_BYTES = 4 << 30  # a fault may ask for all there is

# The operators of cosmic-ray whose mutants a reader would call a fault. The others replace a
# comparison or a sum by each of ten more, which says the same again and again.
OPERATORS = (
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt",
        "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is",
    )),
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Add", "FloorDiv_Mul", "Mod_FloorDiv",
        "RShift_LShift", "LShift_RShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr",
    )),
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot",
    "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer",
    "NumberReplacer", "ZeroIterationForLoop",
)  # fmt: skip


class Room(NamedTuple):
    """Files in which faults are put, and the tests that are to see them."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


def _core(folders: str) -> tuple[str, ...]:
    return tuple(f"core/dsoftbus/{name}/*.py" for name in folders.split())


_PROPERTIES = tuple(
    f"tests/host/test_{name}.py"
    for name in ("mux_stateful", "datagram_stateful", "fuzz_datagram", "fuzz_trust", "limits")
)
_CORE = ("tests/core/test_*.py", "tests/backends/test_*.py", *_PROPERTIES)
_HOST = (
    "tests/backends/test_*.py",
    *(
        f"tests/host/test_{name}*.py"
        for name in ("connection", "link_faults", "udp", "gathering", "serial_port", "discovery",
                     "rotation", "store_file", "cli_trust", "partial_files")
    ),
)  # fmt: skip
_PORTABLE = (
    "tests/backends/test_*.py",
    "tests/micropython/mpy_*.py",
    *(f"tests/micropython/test_{name}.py" for name in ("node", "rotation", "three_nodes")),
)
ROOMS = (
    Room("trust", ("core/dsoftbus/trust/*.py",), _CORE),
    Room("session", (*_core("mux handshake session"), "core/dsoftbus/*pump.py"), _CORE),
    Room("link", _core("record packet line"), _CORE),
    Room("discovery", ("core/dsoftbus/discovery/*.py", "core/dsoftbus/base/backoff.py"), _CORE),
    Room("asyncio", ("core/dsoftbus_aio/*.py",), _HOST),
    Room(
        "share",
        (
            "core/dsoftbus/share/*.py",
            "core/dsoftbus_aio/services/share*.py",
            *(
                f"host/dsoftbus_host/storage/{name}.py"
                for name in ("shared_folder", "partial_files", "following_hash", "folder")
            ),
        ),
        (
            "tests/core/test_share_*.py",
            "tests/host/test_share*.py",
            "tests/host/test_partial_files.py",
            "tests/host/test_following_hash.py",
        ),
    ),
    Room(
        "host",
        tuple(
            f"host/dsoftbus_host/{name}.py"
            for name in ("bus", "runtime", "storage/trust_file", "links/udp", "links/tcp")
        ),
        _HOST,
    ),
    Room(
        "micropython",
        tuple(
            f"micropython/dsoftbus_mpy/{name}.py"
            for name in ("bus", "runtime", "trust_file", "links/udp", "links/tcp")
        ),
        _PORTABLE,
    ),
)  # fmt: skip


class Dropped(Operator):  # type: ignore[misc] # that package has no types
    """Leaves a statement out: a call, or the assignment to an attribute."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type != "simple_stmt":
            return
        first = node.children[0]
        code = first.get_code(include_prefix=False)
        called = first.type == "atom_expr" and not code.startswith("log.")
        if called or (first.type == "expr_stmt" and "." in first.children[0].get_code()):
            yield first.start_pos, first.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        first = node.children[0]
        node.children[0] = Keyword("pass", first.start_pos, first.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[object, ...]:
        return ()


class Place(NamedTuple):
    """The place for a fault: the `occurrence`-th of `operator` in `file`."""

    room: Room
    file: str
    operator: str
    occurrence: int
    line: int


class Mutant(NamedTuple):
    """A fault: one line of a function, before and after, and the whole file with it."""

    place: Place
    function: str
    before: str
    after: str
    text: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Returns a name that stays though lines come and go."""
        return self.place.file, self.function, self.before, self.after

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line} {self.place.operator}"


# Finding


def operators() -> dict[str, Operator]:
    named = {name: cosmic_ray.plugins.get_operator(f"core/{name}")() for name in OPERATORS}
    return {"Dropped": Dropped(), **named}


def places(room: Room, file: str, known: dict[str, Operator]) -> Iterator[Place]:
    """All of them in the functions of `file`."""
    text = (ROOT / file).read_text()
    functions = _functions(text)
    count: dict[str, int] = defaultdict(int)
    for node in ast_nodes(get_ast(text)):
        for name, operator in known.items():
            for (line, _), _ in operator.mutation_positions(node):
                if _function_at(functions, line):
                    yield Place(room, file, name, count[name], line)
                count[name] += 1


def _functions(text: str) -> list[tuple[int, int, str]]:
    """(first line, last line, qualified name) of each function; inner ones come later."""
    found: list[tuple[int, int, str]] = []

    def look(node: ast.AST, path: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = path
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{path}.{child.name}".lstrip(".")
                if not isinstance(child, ast.ClassDef):
                    found.append((child.body[0].lineno, child.end_lineno or 0, name))
            look(child, name)

    look(ast.parse(text), "")
    return found


def _function_at(functions: list[tuple[int, int, str]], line: int) -> str:
    names = [name for first, last, name in functions if first <= line <= last]
    return names[-1] if names else ""


def mutant(place: Place, known: dict[str, Operator]) -> Mutant | None:
    """None where what comes out is no other program, or none at all."""
    before = (ROOT / place.file).read_text()
    after = mutate_code(before, known[place.operator], place.occurrence)
    try:
        if after is None or _meaning(after) == _meaning(before):
            return None
    except SyntaxError:
        return None
    lines = list(zip(before.splitlines(), after.splitlines(), strict=False))
    number, (old, new) = next((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1])
    function = _function_at(_functions(before), number)
    return Mutant(place._replace(line=number), function, old.strip(), new.strip(), after)


def _meaning(text: str) -> str:
    """The program without annotations and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def draw(rooms: Iterable[Room], number: int, seed: int) -> list[Mutant]:
    """`number` mutants, no two of one line and kind; the same for the same seed and tree."""
    known = operators()
    choices: dict[tuple[str, int, str], list[Place]] = defaultdict(list)
    for room in rooms:
        for pattern in room.files:
            for path in sorted(ROOT.glob(pattern)):
                file = str(path.relative_to(ROOT))
                for place in places(room, file, known):
                    choices[file, place.line, place.operator.split("_")[0]].append(place)
    chance = random.Random(seed)
    keys = sorted(choices)
    chance.shuffle(keys)
    drawn: list[Mutant] = []
    for key in keys:
        found = mutant(chance.choice(choices[key]), known)
        if found is not None:
            drawn.append(found)
        if len(drawn) == number:
            break
    return drawn


# Trying


class Copy:
    """A copy of the tree, in which one mutant after the other is tried."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self.root = folder
        self._quick = quick
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(listed, cwd=ROOT).decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)

    def trial(self, found: Mutant, timeout_s: float) -> bool:
        """Returns whether a test sees the mutant."""
        path = self.root / found.place.file
        before = path.read_text()
        path.write_text(found.text)
        try:
            return self.run(self.tests(found.place), timeout_s) != 0
        finally:
            path.write_text(before)

    def tests(self, place: Place) -> list[str]:
        return tests_of(place, self._quick)

    def run(self, tests: list[str], timeout_s: float | None = None) -> int:
        """The status of pytest, or -1 after `timeout_s`."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        environment = {
            **os.environ,
            "CI": "true",  # the same examples each time
            "PYTHONDONTWRITEBYTECODE": "1",  # two mutants in a second have one time of change
            "PYTHONPATH": f"{self.root / 'core'}:{self.root / 'host'}",
        }
        with (self.root / _SAID).open("wb") as said:
            process = subprocess.Popen(
                [*command, "-p", "no:xdist", *tests],
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=_bound_memory,
            )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _bound_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def tests_of(place: Place, quick: bool = False) -> list[str]:
    """The tests of its room, those first that import what has changed; `quick`: no others."""
    path = Path(place.file)
    module = ".".join(path.with_suffix("").parts[1:])
    names = (f"{module} import", f"from {module.rpartition('.')[0]} import {path.stem}")
    found = [path for pattern in place.room.tests for path in sorted(ROOT.glob(pattern))]

    def distance(test: Path) -> tuple[int, int]:
        text = test.read_text()
        return -sum(text.count(name) for name in names), -text.count(path.stem)

    ordered = sorted(dict.fromkeys(found), key=distance)
    if quick:
        ordered = [test for test in ordered if distance(test)[0]]
    portable = place.room.tests is _PORTABLE
    return [_on_unix(test) if portable else str(test.relative_to(ROOT)) for test in ordered]


def _on_unix(test: Path) -> str:
    """Returns pytest's name for this file's tests on MicroPython; some are pytest's own."""
    own = test.parent.name == "micropython" and test.stem.startswith("test_")
    return str(test.relative_to(ROOT)) if own else f"{UNIX}[{test.parent.name}-{test.stem}]"


def base_times(copy: Copy, drawn: list[Mutant]) -> dict[tuple[str, ...], float]:
    """Seconds that the tests of each room take without a fault; they have to pass."""
    found: dict[tuple[str, ...], float] = {}
    for place in {each.place.room.tests: each.place for each in drawn}.values():
        start = time.monotonic()
        status = copy.run(copy.tests(place))
        found[place.room.tests] = time.monotonic() - start
        if status:
            click.echo((copy.root / _SAID).read_text(errors="replace")[-_TAIL:])
            raise click.ClickException(f"the tests of {place.room.name} fail as they are")
    return found


def try_all(drawn: list[Mutant], jobs: int, quick: bool = False) -> list[bool]:
    """Returns for each whether it was seen."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for n in range(jobs):
            copies.put(Copy(Path(folder, str(n)), quick))
        first = copies.get()
        times = base_times(first, drawn)
        copies.put(first)

        def attempt(numbered: tuple[int, Mutant]) -> bool:
            number, found = numbered
            copy = copies.get()
            start = time.monotonic()
            try:
                seen = copy.trial(found, 2 * times[found.place.room.tests] + SLACK_S)
            finally:
                copies.put(copy)
            what = "seen" if seen else "SURVIVED"
            spent = time.monotonic() - start
            click.echo(f"{number}/{len(drawn)} {what} {found} ({spent:.1f} s)")
            return seen

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(attempt, enumerate(drawn, 1)))


# What no test can see


class Explained(NamedTuple):
    file: str
    function: str
    before: str
    after: str
    reason: str


def explained() -> list[Explained]:
    entries = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return [Explained(**entry) for entry in entries]


def stale(entries: list[Explained]) -> list[Explained]:
    """Those whose line is no longer in its function."""
    gone = []
    for entry in entries:
        path = ROOT / entry.file
        text = path.read_text() if path.exists() else ""
        lines = text.splitlines()
        inside = [
            line.strip()
            for first, last, name in _functions(text)
            if name == entry.function
            for line in lines[first - 1 : last]
        ]
        if entry.before not in inside:
            gone.append(entry)
    return gone


# Telling


def report(drawn: list[Mutant], seen: list[bool], known: set[tuple[object, ...]]) -> float:
    """Prints what survived; the share that was seen, of those that can be."""
    survived = [found for found, was in zip(drawn, seen, strict=True) if not was]
    unexplained = [found for found in survived if found.key not in known]
    for found in unexplained:
        click.echo(f"\n{found} in {found.function}")
        old = (ROOT / found.place.file).read_text().splitlines()
        diff = list(difflib.unified_diff(old, found.text.splitlines(), lineterm="", n=2))
        click.echo("\n".join(diff[2:]))
    equivalent = len(survived) - len(unexplained)
    visible = len(drawn) - equivalent
    share = (visible - len(unexplained)) / visible if visible else 1.0
    click.echo(
        f"\n{len(drawn)} drawn, {visible - len(unexplained)} seen, {len(unexplained)} survived, "
        f"{equivalent} equivalent: {share:.0%} seen of those that can be"
    )
    return share


@click.command()
@click.option("-n", "--number", default=20, show_default=True, help="Mutants to draw.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws others.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="At a time.")
@click.option("--room", "names", multiple=True, help="Only of this room; may be repeated.")
@click.option("--file", "only", help="Only in files whose path contains this.")
@click.option("--quick", is_flag=True, help="Only the tests that import what has changed.")
@click.option("--least", default=0.0, help="Fail where a smaller share is seen (0 to 1).")
def main(
    number: int,
    seed: int,
    jobs: int,
    names: tuple[str, ...],
    only: str | None,
    quick: bool,
    least: float,
) -> None:
    """Says which small faults no test sees."""
    entries = explained()
    gone = stale(entries)
    for entry in gone:
        click.echo(f"stale in {EQUIVALENT.name}: {entry.file} {entry.function}: {entry.before}")
    rooms = [_narrowed(room, only) for room in ROOMS if not names or room.name in names]
    drawn = draw(rooms, number, seed)
    if not drawn:
        raise click.UsageError("no such room or file")
    seen = try_all(drawn, min(jobs, len(drawn)), quick)
    share = report(drawn, seen, {entry[:4] for entry in entries})
    if gone or share < least:
        raise SystemExit(1)


def _narrowed(room: Room, only: str | None) -> Room:
    if only is None:
        return room
    found = [path for pattern in room.files for path in ROOT.glob(pattern)]
    files = [str(path.relative_to(ROOT)) for path in found if only in str(path)]
    return room._replace(files=tuple(files))


if __name__ == "__main__":
    main()
