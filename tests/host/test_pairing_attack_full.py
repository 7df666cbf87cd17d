"""The attack of tests/core/test_pairing_attack.py at its full size, with OpenSSL."""

import test_pairing_attack as attack
from dsoftbus_host import crypto
from support import Random


def test_six_digits_of_the_handshake_hash_alone_are_ground_in_seconds(monkeypatch):
    """The attack of tests/core at its full size; a million attempts take about four seconds."""
    monkeypatch.setattr(attack, "SUITE", crypto.suite(1))
    attacker = attack.Between(Random(1), 10**6)
    shown = attack.naive_digits(attacker.meet_a(), attacker.space)
    ground = attacker.meet_b(lambda h: attack.naive_digits(h, attacker.space) == shown)
    assert attack.naive_digits(ground, attacker.space) == shown
