"""One gateway shows nodes, takes back and answers, at a broker without sockets."""

import json

import pytest

from dsoftbus.errors import STALE_PEER, LocalError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.gateway import requests
from dsoftbus_host.gateway.outbox import Outbox
from dsoftbus_host.gateway.topics import Topics, call_part, level, levels, name_part, named
from mqtt_world import Broker, Site

NODE, OTHER = "n" * 26, "o" * 26
ASK = "dsoftbus/hall/call/led"
HEAT = "dsoftbus/hall/topic/heat"
HERE = "dsoftbus/hall/availability"
CONFIG = f"homeassistant/device/dsoftbus_{NODE}/config"


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def site(broker):
    made = Site(broker, "a", {NODE: "hall"}).connect()
    made.reach(NODE)
    broker.until(lambda: made.holds(NODE))
    return made


class Slow(Site):
    """Its calls wait to be answered."""

    def answer(self, call):
        pass


# What is shown


def test_states_are_retained_and_events_are_not(broker, site):
    site.state(NODE, "heat", 21.5)
    site.event(NODE, "door/front", {"open": True})
    broker.run(50)
    assert broker.retained[HEAT] == b"21.5"
    assert broker.said("dsoftbus/hall/topic/door/front") == [b'{"open": true}']
    assert "dsoftbus/hall/topic/door/front" not in broker.retained


def test_values_that_json_lacks_have_marks(broker, site):
    site.state(NODE, "raw", b"\x00\xff")
    site.state(NODE, "far", float("inf"))
    broker.run(50)
    assert json.loads(broker.retained["dsoftbus/hall/topic/raw"]) == {"$base64": "AP8="}
    assert json.loads(broker.retained["dsoftbus/hall/topic/far"]) == {"$float": "inf"}


def test_availability_follows_presence_and_sleepers_stay(broker, site):
    def said():
        broker.run(50)
        return broker.retained[HERE]

    assert said() == b"online"
    site.reach(NODE, False, asleep_s=600)
    assert said() == b"online"
    site.reach(NODE, False)  # overdue
    assert said() == b"offline"


def test_states_of_a_sleeper_are_said_again_when_it_comes(broker, site):
    """Home Assistant lets them expire (`exp_aft`), and a state that has not changed is no news of
    the node."""
    site.state(NODE, "heat", 21.5)
    site.offers(NODE, ("state", "heat", "", "°C"))
    site.reach(NODE, False, asleep_s=600)
    broker.run(500)
    expires = json.loads(broker.retained[CONFIG])["cmps"]["state-heat"]["exp_aft"]
    assert 600 * 9 // 8 + 30 < expires < 1200
    before = len(broker.said(HEAT))
    site.reach(NODE)
    broker.run(50)
    assert len(broker.said(HEAT)) == before + 1
    broker.run(2000 * expires)  # awake for long
    assert len(broker.said(HEAT)) >= before + 3


def test_what_a_node_withdraws_is_taken_back_and_comes_again(broker, site):
    site.state(NODE, "heat", 1)
    site.state(NODE, "cold", 2)
    site.offers(NODE, ("state", "heat"), ("state", "cold"))
    broker.run(500)
    site.offers(NODE, ("state", "cold"))
    broker.run(500)
    assert HEAT not in broker.retained
    assert broker.retained["dsoftbus/hall/topic/cold"] == b"2"
    gone = json.loads(broker.retained[CONFIG])["cmps"]
    assert gone["state-heat"] == {"p": "sensor"}  # which takes it away there
    site.state(NODE, "heat", 3)
    site.offers(NODE, ("state", "heat"), ("state", "cold"))
    broker.run(500)
    assert broker.retained[HEAT] == b"3"
    assert "stat_t" in json.loads(broker.retained[CONFIG])["cmps"]["state-heat"]


def test_an_unpaired_node_leaves_nothing(broker, site):
    site.state(NODE, "heat", 1)
    site.offers(NODE, ("state", "heat"))
    broker.run(500)
    site.world.trust({}, broker.now)
    broker.run(500)
    assert not [topic for topic in broker.retained if "$gateway/a/" not in topic]


def test_a_node_that_was_unpaired_while_no_gateway_ran_is_swept(broker, site):
    site.state(NODE, "heat/in", 1)
    site.offers(NODE, ("state", "heat/in"))
    broker.run(500)
    site.cut()
    later = Site(broker, "a", {OTHER: "attic"}).connect()
    broker.run(500)
    left = [topic for topic in broker.retained if "hall" in topic or NODE in topic]
    assert not left
    assert later.world.claims.settled


def test_a_decided_end_says_that_nodes_are_away_and_may_forget_them(broker, site):
    site.state(NODE, "heat", 1)
    broker.run(500)
    site.world.leave(False, broker.now)
    broker.run(50)
    assert broker.retained[HERE] == b"offline"
    assert broker.retained[HEAT] == b"1"
    site.cut()
    site = Site(broker, "a", {NODE: "hall"}).connect()
    site.reach(NODE)
    site.state(NODE, "heat", 1)
    broker.until(lambda: site.holds(NODE))
    site.world.leave(True, broker.now)
    broker.run(50)
    assert not broker.retained


def test_everything_is_said_again_after_a_birth(broker, site):
    site.state(NODE, "heat", 1)
    broker.run(500)
    broker.retained = {}
    broker.publish("homeassistant/status", "offline")
    broker.run(50)
    assert not broker.retained
    broker.publish("homeassistant/status", "online")
    broker.run(50)
    assert broker.retained.keys() >= {CONFIG, HEAT, HERE}


def test_another_name_is_another_topic_and_the_same_device(broker, site):
    site.state(NODE, "heat", 1)
    broker.run(500)
    site.world.trust({NODE: "lobby"}, broker.now)
    broker.run(1000)
    assert HEAT not in broker.retained
    assert broker.retained["dsoftbus/lobby/topic/heat"] == b"1"
    assert json.loads(broker.retained[CONFIG])["dev"]["name"] == "lobby"


def test_without_discovery_there_is_none(broker):
    site = Site(broker, "a", {NODE: "hall"}, discovery="").connect()
    site.reach(NODE)
    site.state(NODE, "heat", 1)
    broker.until(lambda: site.holds(NODE))
    broker.run(500)
    assert not [topic for topic in broker.retained if topic.startswith("homeassistant")]


def test_states_have_limits_and_say_so(broker, site):
    for n in range(1100):
        site.state(NODE, f"t{n}", n)
    site.state(NODE, "long", "x" * 300_000)
    broker.run(50)
    states = [topic for topic in broker.retained if topic.startswith("dsoftbus/hall/topic/")]
    assert len(states) == 1024
    assert site.world.dropped == {"too_many_states": 76, "too_large": 1}
    assert [news["why"] for news in site.news if news["event"] == "dropped"] == [
        "too_many_states",
        "too_large",
    ]


def test_names_that_come_and_go_fill_nothing(broker, site):
    for n in range(1500):
        site.state(NODE, f"t{n}", n)
        site.offers(NODE, ("state", f"t{n}"))
        if n % 100 == 0:
            broker.run(300)
    broker.run(500)
    assert not site.world.dropped
    assert broker.retained["dsoftbus/hall/topic/t1499"] == b"1499"
    assert len([topic for topic in broker.retained if "/topic/" in topic]) == 1
    assert len(json.loads(broker.retained[CONFIG])["cmps"]) <= 65
    assert len(site.world.nodes[NODE].states) <= 1024


# Requests


def ask(broker, payload, topic=ASK):
    before = len(broker.answers(topic))
    broker.publish(topic, payload)
    broker.run(50)
    return broker.answers(topic)[before:]


@pytest.mark.parametrize(
    "payload, value, answer",
    [
        ('{"id": 1, "value": [1, true]}', [1, True], {"id": 1}),
        ('{"id": "x"}', None, {"id": "x"}),
        ('{"value": 5, "timeout_ms": 100}', 5, {"id": None}),
        ("true", True, {"id": None}),
        ('{"on": true}', {"on": True}, {"id": None}),
        ('{"id": 1, "on": true}', {"id": 1, "on": True}, {"id": None}),
        ('{"value": {"$base64": "AP8="}}', b"\x00\xff", {"id": None}),
    ],
)
def test_a_request_is_a_call(broker, site, payload, value, answer):
    said = ask(broker, payload)
    assert [(call.name, call.value) for call in site.calls] == [("led", value)]
    assert [(one["status"], one["id"]) for one in said] == [("ok", answer["id"])]


@pytest.mark.parametrize(
    "payload, label",
    [
        ("", "no_json"),
        ("{", "no_json"),
        ("NaN", "no_json"),
        (b"\xff\xfe", "no_json"),
        ("[" * 60_000, "no_json"),
        ("1" * 60_000, "no_json"),
        ('{"id": 1, "id": 2}', "no_json"),
        ("1" * 70_000, "too_large"),
        ('{"id": [1], "value": 1}', "bad_request"),
        ('{"id": "' + "x" * 200 + '", "value": 1}', "bad_request"),
        ('{"id": 1, "timeout_ms": 0}', "bad_request"),
        ('{"id": 1, "timeout_ms": true}', "bad_request"),
        ('{"id": 1, "timeout_ms": 1e9}', "bad_request"),
        ('{"id": 1, "response_topic": "elsewhere"}', "bad_request"),
        ('{"id": 1, "response_topic": "dsoftbus/hall/call/led"}', "bad_request"),
        ('{"id": 1, "response_topic": "dsoftbus/hall/topic/heat"}', "bad_request"),
        ('{"id": 1, "response_topic": "dsoftbus/response/#"}', "bad_request"),
        ('{"id": 1, "response_topic": 5}', "bad_request"),
    ],
)
def test_a_payload_that_is_no_request_is_answered_with_a_label(broker, site, payload, label):
    said = ask(broker, payload)
    assert [one["label"] for one in said] == [f"gateway.reject.{label}"]
    assert said[0]["status"] == label and said[0]["text"]
    assert not site.calls


def test_an_answer_goes_where_the_request_wants(broker, site):
    broker.publish(ASK, '{"id": 1, "response_topic": "dsoftbus/response/mine/1"}')
    broker.run(50)
    assert json.loads(broker.said("dsoftbus/response/mine/1")[0])["status"] == "ok"
    assert not broker.answers(ASK)


@pytest.mark.parametrize(
    "part", ["a%2Fb", "a%", "a%41", "%72esponse/x", "%FF", "", "dsoftbus/update/state"]
)
def test_a_name_that_no_call_has_is_answered(broker, site, part):
    said = ask(broker, '{"id": 4}', f"dsoftbus/hall/call/{part}")
    assert said[0]["label"] == "gateway.reject.no_such_call"
    assert said[0]["id"] == 4


def test_a_node_that_nobody_speaks_for_is_answered_once(broker, site):
    other = Site(broker, "b", {NODE: "hall"}).connect()
    broker.run(200)
    said = ask(broker, '{"id": 3}', "dsoftbus/ghost/call/led")
    assert [(one["label"], one["id"]) for one in said] == [("gateway.reject.no_such_node", 3)]
    assert not other.calls


def test_answers_are_no_requests(broker, site):
    """A gateway hears what it has said itself, and must not answer that, too."""
    for topic in (
        f"{ASK}/response",
        f"{ASK}/response/response",
        "dsoftbus/hall/set/led/response",
        "dsoftbus/hall/call/response",
        "dsoftbus/$gateway/call/x",
    ):
        ask(broker, "{", topic)
    assert not [topic for topic, _ in broker.seen if topic.endswith("response/response/response")]
    assert len(broker.seen) < 20


def test_a_retained_request_is_from_another_day(broker):
    broker.publish(ASK, '"on"', True)
    site = Site(broker, "a", {NODE: "hall"}).connect()
    site.reach(NODE)
    broker.until(lambda: site.holds(NODE))
    broker.run(500)
    assert not site.calls
    assert site.world.dropped["retained_request"] == 1


def test_a_call_that_fails_says_why(broker):
    site = Slow(broker, "a", {NODE: "hall"}).connect()
    site.reach(NODE)
    broker.until(lambda: site.holds(NODE))
    errors = (
        CallError(7, "too hot"),
        CallError(0, "", status.NO_METHOD),
        CallError(0, "", status.DENIED),
        LocalError(STALE_PEER, "hall"),
    )
    for number, error in enumerate(errors):
        broker.publish(ASK, json.dumps({"id": number}))
        broker.run(50)
        site.world.failed(site.calls[-1].number, error)
        broker.run(50)
    assert [
        (one["id"], one["status"], one["code"], one["label"]) for one in broker.answers(ASK)
    ] == [
        (0, "error", 7, "call.error"),
        (1, "no_method", None, "call.no_method"),
        (2, "denied", None, "call.denied"),
        (3, "absent", None, "discovery.reject.stale_peer"),
    ]


def test_calls_under_way_and_their_rate_are_bounded(broker):
    site = Slow(broker, "a", {NODE: "hall", OTHER: "attic"}).connect()
    site.reach(NODE)
    site.reach(OTHER)
    broker.until(lambda: site.holds(NODE) and site.holds(OTHER))
    for _ in range(30):
        broker.publish(ASK, "1")
    broker.publish("dsoftbus/attic/call/led", "1")  # another has its own places
    broker.run(50)
    assert len(site.calls) == 17
    assert [one["status"] for one in broker.answers(ASK)] == ["busy"] * 14
    for call in site.calls:
        site.world.done(call.number, None)
    broker.run(50)
    assert len(ask(broker, "1")) == 0  # it is under way
    assert len(site.calls) == 18


def test_a_flood_of_requests_is_answered_for_a_while_and_counted(broker, site):
    for _ in range(1000):
        broker.publish(ASK, "{")
    broker.run(50)
    assert 50 <= len(broker.answers(ASK)) <= 60
    assert site.world.dropped["unanswered"] >= 940
    assert site.world.poll_timer() is not None


def test_a_flood_of_requests_for_nobody_is_bounded(broker, site):
    for n in range(1000):
        broker.publish(f"dsoftbus/ghost{n}/call/led", '"x"')
    broker.run(50)
    answers = [topic for topic, _ in broker.seen if topic.endswith("/response")]
    assert 50 <= len(answers) <= 60
    assert site.world.dropped["unanswered"] >= 940


def test_an_answer_that_is_too_long_is_a_label(broker):
    assert json.loads(requests.answered(1, "x" * 300_000))["label"] == "gateway.reject.too_large"
    assert json.loads(requests.answered(1, {1: b"x"}))["value"] == {
        "$map": [[1, {"$base64": "eA=="}]]
    }


# The queue


def test_the_queue_is_bounded_and_keeps_the_last_of_a_state():
    outbox = Outbox()
    for n in range(2000):
        outbox.passing("event", b"%d" % n)
        outbox.retained("state", b"%d" % n)
    outbox.urgent("claim", b"", True)
    assert (len(outbox), outbox.dropped) == (1026, 976)
    assert outbox.take().topic == "claim"
    taken = [outbox.take() for _ in range(1025)]
    assert taken[0].payload == b"0"
    assert taken[-1] == ("state", b"1999", True)
    assert outbox.take() is None
    outbox.passing("large", bytes(5 << 20))
    assert len(outbox) == 0


# Names


HOSTILE = (
    *("+", "#", "a/b", "a\0b", "%", "%2F", "$SYS", "$gateway", "response", "a b", "ä", "\u202e"),
    *("x/response", "response/response", "/", "a//b", "\U0001f600", "-", "."),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_come_back_and_have_no_meaning_in_a_topic(name):
    own = level(name)
    assert "/" not in own and not set("+#\0") & set(own)
    assert own[0] != "$" and own != "response"
    assert named(name_part(name)) == name == named(call_part(name))
    topics = Topics("dsoftbus")
    asked = topics.asked(topics.call(own, name))
    assert (asked.level, named(asked.name), asked.light) == (own, name, False)
    asked = topics.asked(topics.set(own, name))
    assert (asked.level, named(asked.name), asked.light) == (own, name, True)


def test_each_name_is_a_level_of_its_own():
    assert len({level(name) for name in HOSTILE}) == len(HOSTILE)
    assert levels({NODE: "hall", OTHER: "hall", "p" * 26: "attic", "q" * 26: ""}) == {
        NODE: "hall-nnnnnnnn",
        OTHER: "hall-oooooooo",
        "p" * 26: "attic",
        "q" * 26: "q" * 26,
    }


@pytest.mark.parametrize("prefix", ["", "/", "a/", "+", "a/#", "$SYS", "a\0", "x" * 300])
def test_a_prefix_is_a_topic(prefix):
    with pytest.raises(ValueError):
        Topics(prefix)
    assert Topics("home/bus").call("hall", "led") == "home/bus/hall/call/led"
