"""Nobody who is not let in has an effect: not with what comes in one write, not on the way out."""

from attack import access
from attack.honest import SECRET, Honest
from attack.wire import public_of

PSK = bytes(range(32))
HONEST = public_of(SECRET).hex()


def owned(victim):
    (victim.folder / access.FILE).write_bytes(access.CONTENT)
    return victim


def effects_of(victim, attackers) -> dict:
    """Attacker -> what it achieved, of those that achieved anything."""
    costs = [attacker(victim).run() for attacker in attackers]
    return {cost.name: cost.effects for cost in costs if cost.effects}


def test_a_stranger_has_no_effect_where_keys_are_listed(victim_of, tmp_path):
    victim = owned(victim_of(allow=[HONEST]))
    assert not effects_of(victim, access.STRANGERS)
    honest = Honest(victim, tmp_path / "honest")
    honest.once("tcp")
    honest.once("udp")


def test_a_stranger_has_no_effect_where_a_store_decides(victim_of, tmp_path):
    victim = owned(victim_of(trust=str(tmp_path / "trust.json")))
    assert not effects_of(victim, access.STRANGERS)


def test_who_has_no_token_is_not_served(victim_of, tmp_path):
    victim = victim_of(psk=PSK.hex())
    assert not effects_of(victim, (access.WithoutToken, access.WithoutTokenUdp))
    Honest(victim, tmp_path / "honest", psk=PSK).once()


def test_a_bus_that_says_nothing_lets_nobody_in(victim_of):
    assert not effects_of(owned(victim_of()), access.STRANGERS)
