"""`make soak-attack` for a few seconds: attacks of all kinds at once, and honest peers served."""

import random

from attack.soak import Soak

SECONDS = 3


def test_honest_peers_are_served_whatever_comes_together(tmp_path):
    seed = random.randrange(1 << 24)
    soak = Soak(tmp_path, seed)
    soak.run(SECONDS)
    assert not soak.problems, f"make soak-attack SECONDS={SECONDS} SEED={seed}"
    assert all(siege.rounds and siege.honest.served > 2 for siege in soak.sieges)
