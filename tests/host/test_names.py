"""The table of what no name holds, compared with the Unicode data of this interpreter."""

import sys
import unicodedata

import pytest

from dsoftbus.base import names

REFUSED = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")


def test_the_table_refuses_what_unicode_calls_so_and_nothing_else_that_is_assigned():
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category != "Cn":  # it may have a meaning in a later Unicode than this interpreter's
            allowed = names.allowed(f"a{chr(point)}b")
            assert allowed == (category not in REFUSED), f"U+{point:04X} {category}"


@pytest.mark.parametrize("point", [*range(0xFDD0, 0xFDF0), *range(0xFFFE, 0x110000, 0x10000)])
def test_noncharacters_are_refused(point):
    assert not names.allowed(chr(point))
    assert not names.allowed(chr(point | 1))


def test_every_space_is_refused_at_the_ends():
    for point in range(sys.maxunicode + 1):
        if chr(point).isspace():
            assert not names.allowed(chr(point) + "a"), f"U+{point:04X}"
            assert not names.allowed("a" + chr(point)), f"U+{point:04X}"
