"""docs/limits.md says of every profile what `dsoftbus.const` says."""

import re
from pathlib import Path

from dsoftbus.const import HOST, SMALL, TINY

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
ROW = re.compile(r"\| [^|]+ \| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|")


def test_the_page_of_limits_is_true():
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) > 10
    for name, *numbers in rows:
        actual = [getattr(profile, name) for profile in (HOST, SMALL, TINY)]
        assert [int(n) for n in numbers] == actual, name
