"""The rules for prose that a machine can see: how sentences begin, how long lines are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable import ROOT

# Sentences of docstrings that begin with a bare relative word, by folder. These only go down.
BARE = {
    "boards": 0,
    "core": 0,
    "host": 0,
    "micropython": 0,
    "scripts": 0,
    "bench": 0,
    "examples": 0,
    "tests": 0,
}
# Lines of pages above LINE, apart from tables, code and lines that hold a link. These, too.
LONG = {"docs": 1, "README.md": 0, "CHANGELOG.md": 0, "CONTRIBUTING.md": 0}
LINE = 100

RELATIVE = re.compile(
    r"(Who|Whom|Whose|What|Where|Whether|Of|How|Why|Which|Whoever|Whatever|Whichever)\b"
    r"|From now on\b|(As|From|To|By|Until|Since|For) [^,:]*[.:]?$"  # and no verb can follow
    r"|When(ever)?\b[^,]*$"  # "When it is due." is no sentence; "When it is due, it is sent." is
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a docstring, each on one line; a blank line ends one, too."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", text):
        yield " ".join(sentence.split())


def docstrings(source: str) -> Iterator[str]:
    for node in statements(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            yield ast.get_docstring(node) or ""


def statements(tree: ast.AST) -> list[ast.AST]:
    """A tree and all statements in it: expressions hold none, and are most of it."""
    found = [tree]
    for node in found:  # which grows meanwhile
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            found += getattr(node, block, ())
    return found


def bare(folder: Path) -> list[str]:
    """The sentences in `folder` that begin with a bare relative word, each with its file."""
    return [
        f"{file.relative_to(ROOT)}: {sentence}"
        for file in sorted(folder.rglob("*.py"))
        for text in docstrings(file.read_text())
        for sentence in sentences(text)
        if RELATIVE.match(sentence)
    ]


def long_lines(page: Path) -> list[str]:
    """The lines of a page that are too long, each with its place."""
    found, code = [], False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        code ^= line.lstrip().startswith("```")
        apart = code or line.startswith("    ") or line.lstrip().startswith("|")
        apart = apart or "](" in line or "://" in line
        if len(line) > LINE and not apart:
            found.append(f"{page.relative_to(ROOT)}:{number}: {len(line)}")
    return found


@pytest.mark.parametrize("folder", BARE)
def test_sentences_have_a_subject(folder):
    found = bare(ROOT / folder)
    assert len(found) <= BARE[folder], "\n".join(found)


@pytest.mark.parametrize("place", LONG)
def test_lines_of_pages_are_short(place):
    pages = sorted((ROOT / place).rglob("*.md")) if (ROOT / place).is_dir() else [ROOT / place]
    found = [line for page in pages for line in long_lines(page)]
    assert pages
    assert len(found) <= LONG[place], "\n".join(found)


def test_bare_sentences_are_found():
    text = "What is due. It is sent.\n\nOf one\nnode. When it is due, it is sent; or\nnot."
    assert [s for s in sentences(text) if RELATIVE.match(s)] == ["What is due.", "Of one node."]
    assert RELATIVE.match("When the timer is due") and not RELATIVE.match("Whatsoever")


def test_long_lines_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    page, long = tmp_path / "page.md", "word " * 21
    page.write_text(f"{long}\n| {long}|\n```\n{long}\n```\n- [a](b) {long}\nshort\n{long}\n")
    assert [line.split(":")[1] for line in long_lines(page)] == ["1", "8"]
