"""A peer that may have a session has what its grants say, and by no way more."""

from attack import access
from attack.owner import store_with
from attack.wire import public_of
from support import Random

INSIDER = Random(201)(32)


def test_a_trusted_peer_has_no_more_than_its_grants(victim_of, tmp_path):
    """The same attacks by a peer that may have a session, and one stream of no use to it."""
    grants = ["allow in clock", "deny both echo*"]
    peers = (public_of(INSIDER), "insider", grants)
    victim = victim_of(trust=str(store_with(tmp_path / "trust.json", peers)))
    for attacker in access.STRANGERS:
        assert not attacker(victim, secret=INSIDER).run().effects, attacker.name


def test_no_message_passes_a_rule_that_denies_all(victim_of, tmp_path):
    peers = (public_of(INSIDER), "insider", ["allow both *"])
    trust = store_with(tmp_path / "trust.json", peers, rules=("deny both * *",))
    victim = victim_of(trust=str(trust))
    assert not access.Messages(victim, secret=INSIDER).run().effects
