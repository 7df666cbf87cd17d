"""Every file that a board's node writes is known to the host: `remove --all` takes it."""

import ast
import itertools
import re

import pytest

from dsoftbus.base.labels import LABELS
from dsoftbus_host.board import install, settings
from dsoftbus_host.board.make import boards, slices
from dsoftbus_host.board.make.broker_slices import ASKED_FOR

A_NAME = re.compile(r"[a-z_]+\.[a-z]+")
A_TAIL = re.compile(r"\.[a-z]+")
CALLS = {"os.urandom"}  # what is named so, and no file


def texts(module: str) -> list[str]:
    """The texts in a module, its docstrings not among them."""
    tree = ast.parse(slices.source_of(module))
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [node.value for node in found if isinstance(node.value, str) and id(node) not in loose]


def said_by_boards() -> set[str]:
    """The texts in all modules of the backend that any board has: the core has no files."""
    names = tuple({name for board in boards.every().values() for name in board.slices})
    names += (*ASKED_FOR.values(), "tls")
    ours = (name for name in slices.modules(names) if name.startswith("dsoftbus_mpy"))
    return set(itertools.chain.from_iterable(map(texts, ours)))


def files() -> set[str]:
    """The names of files among them."""
    found = set(filter(A_NAME.fullmatch, said_by_boards()))
    return found - set(LABELS.values()) - modules() - CALLS


def modules() -> set[str]:
    """Every module's name, whole and as its own package says it."""
    whole = slices.every_module()
    return {*whole, *(module.partition(".")[2] for module in whole)}


def test_every_file_of_a_node_is_kept_by_an_installation():
    assert {"config.json", "dsoftbus.key", "dsoftbus.lacks", "dsoftbus.rules"} <= files()
    assert files() == set(install.KEPT)


def test_what_lies_beside_them_is_kept_too():
    tails = set(filter(A_TAIL.fullmatch, said_by_boards()))
    assert {".new", ".next", ".damaged"} <= tails
    for name, tail in itertools.product(files(), tails):
        assert install.is_kept(name + tail), name + tail
    assert install.is_kept("dsoftbus.key.next.new") and install.is_kept("trust.json.damaged-12")
    assert install.is_kept(settings.DAMAGED)


@pytest.mark.parametrize(
    "name",
    [
        *("app.py", "main.py", "main.py.before", "boot.py", "key", "config.jsonx", "xtrust.json"),
        *("trust_json", "dsoftbus.txt", "dsoftbus.key.backup", "dsoftbus.key.new.new", ""),
        *("trust.json.damaged-", "trust.json.damaged-\u0663", "lib/dsoftbus.key", "trust.json\n"),
    ],
)
def test_files_of_others_are_theirs(name):
    assert not install.is_kept(name)
