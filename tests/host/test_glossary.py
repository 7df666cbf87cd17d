"""The glossary has the terms of the other pages, and each page leads to it."""

import re
from collections import Counter

import pytest

from portable import ROOT

DOCS = ROOT / "docs"
TEXT = (DOCS / "glossary.md").read_text()
ANCHORS = re.findall(r'<a id="([\w-]+)"></a>\*\*', TEXT)
# Pages that scripts write are tables of names and numbers.
WRITTEN = {"api.md", "glossary.md", "memory.md", "sizes.md", "states.md"}
PAGES = sorted(page for page in DOCS.glob("*.md") if page.name not in WRITTEN | {"decisions.md"})
TERMS = {"slice", "flight", "xk", "pump", "loan", "credit", "mux", "segment", "endpoint"}
TERMS |= {"guard", "announcer", "reconnecting-session", "desk"}
LINK = re.compile(r"glossary\.md#([\w-]+)\)")


def test_every_entry_is_a_bold_term_with_an_anchor_of_its_own():
    entries = [line for line in TEXT.splitlines() if line.startswith("- ")]
    assert len(entries) == len(ANCHORS)
    assert [name for name, count in Counter(ANCHORS).items() if count > 1] == []


def test_the_project_s_own_words_are_there():
    assert set(ANCHORS) >= TERMS


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_a_page_leads_to_the_glossary_and_to_terms_that_are_there(page):
    linked = LINK.findall(page.read_text())
    assert linked, f"{page.name} uses terms: link one to glossary.md where it comes first"
    assert set(linked) <= set(ANCHORS)


def test_lines_of_the_glossary_wrap_at_100():
    assert [line for line in TEXT.splitlines() if len(line) > 100] == []
