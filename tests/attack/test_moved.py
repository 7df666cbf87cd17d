"""An address that has not answered is not flooded, whoever says that a session has moved there."""

import pytest

from attack import moved
from attack.honest import SECRET, Honest
from attack.wire import public_of
from support import Random

INSIDER = Random(201)(32)
KEYS = [public_of(SECRET).hex(), public_of(INSIDER).hex()]


@pytest.mark.parametrize("attacker", moved.ATTACKERS)
def test_a_moved_session_does_not_flood_who_is_there(victim_of, tmp_path, attacker):
    victim = victim_of(allow=KEYS)
    (victim.folder / moved.BIG).write_bytes(bytes(moved.BIG_BYTES))
    assert not attacker(victim, secret=INSIDER).run().effects
    Honest(victim, tmp_path / "honest").once("udp")
