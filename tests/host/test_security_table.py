"""The table of promises in docs/security.md: each row names tests, and each of them is there."""

import re

from portable import ROOT, TESTS

TABLE = (ROOT / "docs" / "security.md").read_text().partition("## What is promised")[2]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ") and " | tests |" not in line]
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def test_each_promise_has_a_test_and_each_test_is_there():
    assert len(ROWS) > 40
    for row in ROWS:
        *cells, tests = row.strip("|").split(" | ")
        assert len(cells) == 4, row
        named = NAMED.findall(tests)
        assert named, f"no test: {row}"
        for file, name in named:
            path = TESTS / file
            assert path.exists(), f"{file} is not there: {row}"
            assert not name or f"def {name}(" in path.read_text(), f"no {name} in {file}"


def test_every_attack_of_the_attackers_is_in_the_table():
    for path in sorted((TESTS / "attack").glob("test_*.py")):
        assert f"attack/{path.name}::" in TABLE, path.name
