"""Files that go on: `soak_share.py [MEGABYTES [KILLS [SEED]]]`, by default 200 MB and 50 kills.

A file is sent, and another one fetched, between two processes on loopback that are killed
(SIGKILL) after as many bytes as chance says, one or the other. It fails where the file arrives as
another one, or where more than 3 % of it were sent in vain.
"""

import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "core")]

from share_soak import Campaign  # type: ignore[import-not-found]  # noqa: E402 - after the path

RATE = 60_000_000  # bytes a second: most kills come while something is on its way
TWICE_MAX = 0.03
HUGE = 5 << 30


def huge(size: int, seed: int) -> None:
    """A file of more bytes than 32 bits count, with two kills on its way."""
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), "send", 1, 1 << 40, seed)
        campaign.hole(size)
        told = campaign.run(2)
    print(f"send: {size / (1 << 30):.0f} GiB, {told.starts} starts, equal", flush=True)


def main(megabytes: int, kills: int, seed: int) -> int:
    huge(HUGE, seed)
    worst = 0.0
    for way in ("send", "fetch"):
        with tempfile.TemporaryDirectory() as folder:
            told = Campaign(Path(folder), way, megabytes * 1_000_000, RATE, seed).run(kills)
        print(
            f"{way}: {told.size / 1e6:.0f} MB, {told.kills} kills, {told.starts} starts, equal;"
            f" {told.sent / 1e6:.2f} MB sent, {100 * told.twice:.2f} % in vain",
            flush=True,
        )
        worst = max(worst, told.twice)
    return int(worst > TWICE_MAX)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [200, 50, 1][len(numbers) :])))
