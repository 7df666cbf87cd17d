"""Private functions that linking writes out where they are called: the same is evaluated, in the
same order."""

import ast
import asyncio

import pytest

from dsoftbus_host.board.make import expressions, inline, slices
from dsoftbus_host.board.make.constants import tree_of
from dsoftbus_host.board.make.tree import walk

Log = list


def written_out(text: str) -> str:
    return ast.unparse(inline.written_out(ast.parse(text), frozenset()))


def found(text: str, values) -> list:
    """Calls `run(log, value)` of `text` for each value: its value or its fault, and its log."""
    space: dict = {}
    exec(text, space)
    results = []
    for value in values:
        log: Log = []
        try:
            result = space["run"](log, value)
            result = asyncio.run(result) if asyncio.iscoroutine(result) else result
        except ValueError as error:
            result = repr(error)
        results.append((result, log))
    return results


GONE = {
    "a statement": """
def run(log, n):
    if n > 1:
        _note(log, n)
    log.append("end")
    return n

def _note(log, n):
    if n == 2:
        return
    if n == 3:
        log.append("three")
    else:
        log.append("more")
""",
    "an assignment": """
def run(log, n):
    name = "x"
    value = _chosen(log, n + 1)
    return name, value

def _chosen(log, n):
    name = n * 2
    if n > 3:
        return name
    if n == 1:
        return "one"
    elif n > 2:
        log.append(name)
    return -name
""",
    "a value that is returned": """
def run(log, n):
    for i in range(3):
        if i == n:
            return _given(log, i)
    return "none"

def _given(log, i):
    for other in (0, 1):
        if other == i:
            return other
    log.append(i)
""",
    "a part of an expression": """
def run(log, n):
    if _double(log, n) > 4 and n:
        return "large"
    return [log.append("a"), _least(n), 3]

def _double(log, n):
    log.append(n)
    return n * 2

def _least(n):
    return min(n, 2)
""",
    "one in another": """
def run(log, n):
    first = _outer(log, n)
    second = _other(log, n)
    return first, second

def _outer(log, n):
    a = n + 1
    b = _inner(log, a)
    return a, b

def _inner(log, n):
    a = n * 10
    log.append(a)
    return a + n

def _other(log, n):
    c = n - 1
    d = c * 2
    return c + d
""",
    "a method": """
class Kind:
    def __init__(self, n):
        self.n = n

    def total(self, log, more=1):
        self._add(log, more)
        return self.n

    def _add(self, log, more, times=2):
        more = more * times
        log.append(more)
        self.n += more

def run(log, n):
    return Kind(n).total(log)
""",
    "a fault that is caught": """
def run(log, n):
    error = "none"
    try:
        n = _checked(n)
    except ValueError:
        error = "caught"
    return n, error

def _checked(n):
    try:
        if n > 2:
            raise ValueError(n)
        error = n
    except ValueError as error:
        raise ValueError from error
    return error
""",
    "what waits": """
import asyncio

async def run(log, n):
    await _slept(log)
    return await _answered(n)

async def _slept(log):
    log.append("before")
    await asyncio.sleep(0)
    log.append("after")

async def _answered(n):
    await asyncio.sleep(0)
    return n
""",
}


@pytest.mark.parametrize("text", GONE.values(), ids=list(GONE))
def test_it_is_gone_and_nothing_else_has_changed(text):
    new = written_out(text)
    private = [
        node.name
        for node in ast.walk(ast.parse(new))
        if isinstance(node, inline.Function) and node.name[0] == "_" and node.name[1] != "_"
    ]
    assert not private, new
    assert found(new, range(6)) == found(text, range(6)), new


STAYS = {
    "called twice": "def run(a):\n return _f(a) + _f(a)\ndef _f(a):\n return a",
    "handed on": "def run(a):\n return map(_f, a)\ndef _f(a):\n return a",
    "named in a text": "def run(a):\n return a._f()\nX = '_f'\nclass K:\n def _f(self):\n  a()",
    "its value, after another": "def run(a):\n return a.x(), _f(a)\ndef _f(a):\n a.y()\n return a",
    "again and again": "def run(a):\n while _f(a):\n  a.x()\ndef _f(a):\n a.y()\n return a",
    "an end within a loop": "def run(a):\n _f(a)\n return 1\ndef _f(a):\n for b in a:\n  return",
    "of a local's name": "def run(a):\n min = 2\n return _f(a), min\ndef _f(a):\n return min(a)",
    "by itself": "def _f(a):\n return _f(a - 1) if a else 0",
    "decorated": "def run(a):\n return _f(a)\n@other\ndef _f(a):\n return a",
    "a generator": "def run(a):\n return _f(a)\ndef _f(a):\n yield a",
    "not awaited": "def run(a):\n return _f(a)\nasync def _f(a):\n return a",
    "locals that would outlast a wait": (
        "async def run(a):\n b = _f(a)\n await b\ndef _f(a):\n c = a\n return c + c"
    ),
    "of two classes": (
        "class K:\n def run(self):\n  return self._f()\n def _f(self):\n  return 1\n"
        "class L(K):\n def _f(self):\n  return 2"
    ),
}


@pytest.mark.parametrize("text", STAYS.values(), ids=list(STAYS))
def test_it_stays_where_more_would_change(text):
    assert written_out(text) == ast.unparse(ast.parse(text))


def test_a_method_that_another_module_s_class_has_too_stays():
    assert "_want_write" in ast.unparse(inline.inlined("dsoftbus_aio.datagram_port"))


@pytest.fixture(scope="module")
def trees() -> dict:
    """Each module of a board, as linking has it."""
    return {module: inline.inlined(module) for module in slices.every_module()}


def test_many_are_gone_and_no_local_of_the_project_is_beyond_the_cheap_ones(trees):
    before = after = 0
    for module, tree in trees.items():
        before += functions(tree_of(module))
        after += functions(tree)
    assert before - after > 80


def functions(tree) -> int:
    return sum(isinstance(node, inline.Function) for node in walk(tree))


# Expressions

KINDS = """
LIMIT = 3

class Store:
    def __init__(self, n):
        self.n = n
        self.other = [n, n + 1]

    @property
    def _full(self):
        return self.n >= LIMIT

    @property
    def _last(self):
        "The last."
        return self.other[self.n % 2]

    def _above(self, n):
        return self.n > n

class Owner:
    def __init__(self, n):
        self.store = Store(n)

def run(log, n):
    owner = Owner(n)
    if owner.store._full or Store(n)._above(1):
        log.append(n)
    return owner.store._last
"""


def expressed(text: str, stays=frozenset()) -> str:
    tree = ast.parse(text)
    known = expressions.found_in({tree: {"LIMIT": 3}}, stays)
    return ast.unparse(expressions.with_expressions(ast.parse(text), known))


def test_a_property_that_is_an_expression_stands_where_it_is_asked_for():
    new = expressed(KINDS)
    assert not any(name in new for name in ("_full", "_last", "_above", "property")), new
    assert found(new, range(6)) == found(KINDS, range(6)), new


@pytest.mark.parametrize(
    "more",
    [
        "class Another:\n def _full(self):\n  return 1",  # whose is it?
        "class Heir(Store):\n _full = 1",
        "X = getattr(run, '_full')",
        "def more(a):\n return a()._full + a.b.c()._full",  # twice `self`: twice the call
    ],
)
def test_one_that_is_not_known_by_its_name_alone_stays(more):
    text = KINDS.replace("self.n >= LIMIT", "self.n >= LIMIT and self.n") + more
    assert "def _full" in expressed(text)


def test_one_that_programs_may_ask_for_stays():
    assert "def _full" in expressed(KINDS, {"_full"})


def test_no_use_of_one_is_left_on_a_board(trees):
    gone = expressions.expressions()
    assert len(gone) > 20
    for tree in trees.values():
        for node in walk(tree):
            assert getattr(node, "attr", "") not in gone
