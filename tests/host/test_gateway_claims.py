"""Several gateways at one broker: one speaks for a node, whatever fails, and none calls twice."""

import json
import random

import pytest

from dsoftbus_host.gateway.claims import (
    BEAT_MS,
    DEAD_MS,
    HOLDING,
    SETTLE_MS,
    Claim,
    Claims,
    parsed,
)
from mqtt_world import Broker, Site

NODE, OTHER = "n" * 26, "o" * 26
NODES = {NODE: "hall", OTHER: "attic"}
ASK = "dsoftbus/hall/call/led"
CLAIM = f"dsoftbus/$gateway/claims/{NODE}"


@pytest.fixture
def broker():
    return Broker()


def site(broker, me, reached=True):
    made = Site(broker, me, NODES).connect()
    for device in NODES:
        made.reach(device, reached)
    return made


def speakers(*sites):
    return [one.world.claims.me for one in sites if one.holds(NODE)]


def test_the_first_that_reaches_a_node_speaks_for_it(broker):
    first = site(broker, "b")
    took = broker.until(lambda: first.holds(NODE))
    assert SETTLE_MS <= took < SETTLE_MS + 100
    second = site(broker, "a")  # the lesser id, and too late
    broker.run(3 * DEAD_MS)
    assert speakers(first, second) == ["b"]
    assert json.loads(broker.retained[CLAIM])["gateway"] == "b"


def test_of_two_at_once_one_speaks(broker):
    sites = [site(broker, me) for me in ("b", "a", "c")]
    broker.run(1000)
    assert speakers(*sites) == ["a"]


def test_a_gateway_that_dies_is_replaced_at_once(broker):
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: speakers(first, second))
    first.cut(will=True)
    assert broker.until(lambda: second.holds(NODE)) < SETTLE_MS + 100
    assert second.news[-1]["event"] == "speaks"


def test_a_gateway_that_dies_without_a_will_is_missed(broker):
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: speakers(first, second))
    broker.sites.remove(first)
    took = broker.until(lambda: second.holds(NODE))
    assert DEAD_MS - BEAT_MS < took < DEAD_MS + BEAT_MS + 1000


def test_a_decided_end_hands_over(broker):
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: speakers(first, second))
    first.world.leave(False, broker.now)
    assert broker.until(lambda: second.holds(NODE)) < SETTLE_MS + 100
    assert broker.retained["dsoftbus/hall/availability"] == b"online"


def test_a_gateway_that_loses_a_node_gives_way_to_one_that_reaches_it(broker):
    first, second = site(broker, "a"), site(broker, "b", reached=False)
    broker.until(lambda: first.holds(NODE))
    first.reach(NODE, False)
    broker.run(2000)
    assert speakers(first, second) == ["a"]  # nobody reaches it
    assert broker.retained["dsoftbus/hall/availability"] == b"offline"
    second.reach(NODE)
    broker.run(1000)
    assert speakers(first, second) == ["b"]
    assert broker.retained["dsoftbus/hall/availability"] == b"online"


def test_a_node_that_nobody_reaches_is_spoken_for(broker):
    one = site(broker, "a", reached=False)
    assert broker.until(lambda: one.holds(NODE)) >= 3000
    assert broker.retained["dsoftbus/hall/availability"] == b"offline"


@pytest.mark.parametrize("keep", [True, False], ids=["keeps", "loses what was retained"])
def test_a_broker_that_restarts(broker, keep):
    first, second = site(broker, "a"), site(broker, "b")
    first.state(NODE, "heat", 21.5)
    second.state(NODE, "heat", 21.5)
    broker.until(lambda: speakers(first, second))
    broker.restart(keep)
    assert not speakers(first, second)
    second.connect()
    broker.run(1000)
    assert not speakers(first, second)  # the other may come back, and has a while for it
    first.connect()
    broker.run(1000)
    assert speakers(first, second) == ["a"]
    assert broker.retained["dsoftbus/hall/topic/heat"] == b"21.5"


def test_one_that_does_not_come_back_after_a_restart_is_replaced(broker):
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: speakers(first, second))
    broker.restart()
    second.connect()
    assert broker.until(lambda: second.holds(NODE)) < DEAD_MS + BEAT_MS + 1000


def test_a_word_that_was_taken_back_while_one_was_away(broker):
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: speakers(first, second))
    second.cut(will=False)
    first.world.trust({OTHER: "attic"}, broker.now)  # the first has unpaired it, and lives on
    broker.run(1000)
    second.connect()
    assert broker.until(lambda: second.holds(NODE)) < DEAD_MS + BEAT_MS + 1000


def test_both_think_that_they_hold_it(broker):
    """One was stopped for a minute, and knows nothing of the other when it goes on."""
    first, second = site(broker, "a"), site(broker, "b")
    broker.until(lambda: first.holds(NODE))
    first.frozen = True
    broker.until(lambda: second.holds(NODE))
    broker.publish(ASK, "1")
    broker.run(1000)
    first.frozen = False
    broker.publish(ASK, "2")
    broker.run(1000)
    assert speakers(first, second) == ["b"]
    assert [call.value for call in first.calls + second.calls] == [1, 2]


def test_a_request_while_gateways_change_is_made_once_or_answered(broker):
    sites = [site(broker, "a"), site(broker, "b")]
    broker.until(lambda: speakers(*sites))
    sites[0].cut(will=True)
    broker.step()
    broker.step()
    broker.publish(ASK, '{"id": 7, "value": 3}')  # the second has claimed, and waits
    broker.until(lambda: sites[1].calls)
    assert broker.until(lambda: broker.answers(ASK)) < 1000
    assert broker.answers(ASK) == [{"id": 7, "status": "ok", "value": 3}]


def test_one_that_gives_way_while_it_waits_says_so(broker):
    second = site(broker, "b")
    broker.step()
    broker.step()
    broker.publish(ASK, '{"id": 7}')
    broker.step()
    better = Claim("a", "r", 1, 1, True, "hall")
    broker.publish("dsoftbus/$gateway/a/availability", "online")
    broker.publish(CLAIM, better.payload(), True)
    broker.step()
    assert broker.answers(ASK)[0]["label"] == "gateway.reject.moved"
    assert not second.calls


@pytest.mark.parametrize("seed", range(8))
def test_no_call_is_made_twice_whatever_happens(broker, seed):
    """Gateways die, freeze, hear late, come back, and the broker restarts: in any order."""
    rng = random.Random(seed)
    sites = [site(broker, me) for me in "abc"]
    for number in range(120):
        _mishap(rng, broker, rng.choice(sites))
        broker.publish(ASK, json.dumps({"id": number, "value": number}))
        broker.run(rng.choice((10, 50, 300, 2000)))
    for one in sites:
        one.frozen = one.deaf = False
        if one not in broker.sites:
            one.cut(will=False)
            one.connect()
    broker.run(3 * DEAD_MS)
    assert len(speakers(*sites)) == 1
    made = [call.value for one in sites for call in one.calls]
    assert len(made) == len(set(made)), f"seed {seed}"
    assert len(made) > 10, f"seed {seed}"
    broker.publish(ASK, '"last"')
    broker.run(100)
    assert [call.value for one in sites for call in one.calls].count("last") == 1


def _mishap(rng, broker, one):
    what = rng.random()
    if what < 0.05:
        broker.restart(keep=rng.random() < 0.5)
    elif what < 0.15 and not one.frozen:
        one.cut(will=rng.random() < 0.7)
    elif what < 0.2:
        one.frozen = not one.frozen
        if not one.frozen and one not in broker.sites:
            one.cut(will=False)
    elif what < 0.3:
        one.deaf = not one.deaf
    elif what < 0.4 and not one.frozen:
        one.reach(NODE, rng.random() < 0.7)
    elif what < 0.8 and one not in broker.sites and not one.frozen:
        one.deaf = False
        one.connect()


def test_what_is_no_claim_changes_nothing(broker):
    one = site(broker, "b")
    broker.until(lambda: one.holds(NODE))
    good = Claim("a", "r", 1 << 29, 1, True, "hall")
    bad = [
        b"no JSON",
        b"[]",
        b"{}",
        b"[" * 5000,
        json.dumps({**good._asdict(), "term": "2"}).encode(),
        json.dumps({**good._asdict(), "term": -2}).encode(),
        json.dumps({**good._asdict(), "term": 1 << 40}).encode(),
        json.dumps({**good._asdict(), "more": 1}).encode(),
        json.dumps({**good._asdict(), "level": "x" * 2000}).encode(),
    ]
    for payload in bad:
        assert parsed(payload) is None
        broker.publish(CLAIM, payload)
    broker.run(100)
    assert one.holds(NODE)
    assert one.world.claims.malformed == len(bad)


def test_the_last_term_is_followed_by_the_first(broker):
    dead = Claim("a", "r", 1 << 30, 1, True, "hall")
    broker.publish(CLAIM, dead.payload(), True)
    one = site(broker, "b")
    broker.until(lambda: one.holds(NODE))
    broker.run(3 * DEAD_MS)
    assert one.holds(NODE)


def test_a_flood_of_claims_is_bounded():
    claims = Claims("a", "run")
    claims.connected(0)
    for n in range(10_000):
        claims.on_claim(f"node{n}", Claim("z", "r", 1, 1, True, f"l{n}").payload(), 0)
        claims.on_gateway(f"gateway{n}", "availability", b"online", 0)
    assert len(claims.nodes) <= 4096
    claims.show(NODE, "hall", 0)
    claims.reach(NODE, True, 0)
    claims.on_gateway("a", "beat", b"run 1", 0)
    for n in range(10_000):  # each of them comes and goes
        claims.on_gateway("gateway1", "availability", (b"online", b"offline")[n % 2], 0)
    assert claims.state(NODE) != HOLDING
    assert claims.poll_timer() is not None
