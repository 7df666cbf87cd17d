"""Crowds leave room for others, and cost no more than a budget."""

import pytest

from attack import crowd
from attack.honest import SECRET, Honest
from attack.wire import public_of
from dsoftbus.const import SMALL
from support import Random

INSIDER = Random(201)(32)
KEYS = [public_of(SECRET).hex(), public_of(INSIDER).hex()]


@pytest.mark.parametrize("attacker", [crowd.Silent, crowd.HalfARecord])
def test_silent_connections_do_not_evict_a_handshake_that_has_its_reply(victim_of, attacker):
    victim = victim_of(allow=KEYS, profile="SMALL")
    assert not attacker(victim, secret=SECRET).run().effects


@pytest.mark.parametrize("attacker", [crowd.ReplayedInit, crowd.FreshInits])
def test_handshakes_over_tcp_have_a_budget(victim_of, tmp_path, attacker):
    victim = victim_of(allow=KEYS, profile="SMALL")
    attack = attacker(victim)
    cost = attack.run()
    budget = SMALL.handshakes * (attack.seconds + 2)  # of this time, and what had gathered
    assert cost.multiplications <= 4 * budget
    Honest(victim, tmp_path / "honest").once()


def test_a_refused_stranger_holds_no_place(victim_of, tmp_path):
    victim = victim_of(allow=KEYS, profile="SMALL")
    cost = crowd.RefusedUdp(victim).run()
    assert not cost.effects
    Honest(victim, tmp_path / "honest").once("udp")


@pytest.mark.parametrize("attacker", [crowd.EveryPlace, crowd.EveryPlaceUdp])
def test_one_peer_does_not_have_every_place(victim_of, tmp_path, attacker):
    victim = victim_of(allow=KEYS, profile="SMALL")
    honest = Honest(victim, tmp_path / "honest")
    attack = attacker(victim, secret=INSIDER)
    held = attack.attack
    attack.attack = lambda: (held(), honest.once("tcp"), honest.once("udp"))
    assert 1 <= attack.run().places < SMALL.sessions


def test_first_answers_stay_within_twice_the_opening(victim_of):
    victim = victim_of(allow=KEYS, name="x" * 32)
    assert not crowd.FirstAnswers(victim).run().effects


@pytest.mark.parametrize("attacker", [crowd.ElsewhereWithTheCookie, crowd.ResetMidway])
def test_other_addresses_and_lost_links_change_nothing(victim_of, tmp_path, attacker):
    victim = victim_of(allow=KEYS)
    (victim.folder / crowd.BIG).write_bytes(bytes(200_000))
    assert not attacker(victim, secret=INSIDER).run().effects
    Honest(victim, tmp_path / "honest").once()
