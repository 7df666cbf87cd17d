"""The soak of shares runs, briefly: real processes of the command line, killed on either side."""

import pytest

from share_soak import Campaign

SIZE = 3_000_000
RATE = 10_000_000
KILLS = 3
A_KILL_MAX = 700_000  # bytes: the window of a stream, twice, and what a link holds


@pytest.mark.parametrize("way", ["send", "fetch"])
def test_a_file_comes_whole_over_kills_of_either_side(tmp_path, way):
    told = Campaign(tmp_path, way, SIZE, RATE, 1).run(KILLS)
    assert told.sent - told.size < KILLS * A_KILL_MAX + SIZE // 100
    assert told.starts >= KILLS + 2
