"""The attempts to reach a lost peer, in virtual time."""

from dsoftbus.base.backoff import Backoff
from dsoftbus.discovery.reconnect import SETTLED_MS, Reconnect
from support import Random

LEAST = bytes  # random(n) that always gives the least


def waits(policy: Reconnect, now: int, count: int) -> list:
    """The waits in ms between attempts that all fail."""
    found = []
    for _ in range(count):
        policy.failed(now)
        found.append(policy.due - now)
        now = policy.due
    return found


def test_the_first_attempt_is_at_once():
    assert Reconnect(LEAST).due <= 0


def test_waits_double_from_one_second_to_sixty():
    expected = [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
    assert waits(Reconnect(LEAST), 5000, 8) == expected


def test_chance_adds_up_to_a_quarter():
    most = waits(Reconnect(lambda n: b"\xff" * n), 0, 8)
    assert most[0] == 1249
    assert most[-1] == 74941
    one, other = (waits(Reconnect(Random(seed)), 0, 8) for seed in (1, 2))
    assert one != other
    assert all(1000 <= wait < 75000 for wait in one + other)
    backoff = Backoff()  # without chance: exactly
    backoff.failed(0)
    assert backoff.until == 1000


def test_a_session_that_lasted_begins_the_waits_anew():
    policy = Reconnect(LEAST)
    waits(policy, 0, 8)
    policy.connected(500000)
    policy.lost(500000 + SETTLED_MS)
    assert policy.due == 500000 + SETTLED_MS + 1000


def test_a_session_that_ends_at_once_counts_as_a_failure():
    policy = Reconnect(LEAST)
    now = 0
    for wait in (1000, 2000, 4000, 8000):  # a peer that refuses after the handshake
        policy.connected(now)
        policy.lost(now + 50)
        assert policy.due == now + 50 + wait
        now = policy.due


def test_a_fresh_announcement_ends_the_wait_and_an_old_one_does_not():
    policy = Reconnect(LEAST)
    waits(policy, 0, 7)
    policy.failed(200000)
    policy.announced(-1)
    policy.announced(200000)
    assert policy.due == 260000
    policy.announced(200001)
    assert policy.due <= 200001
    policy.failed(210000)
    assert policy.due == 211000
