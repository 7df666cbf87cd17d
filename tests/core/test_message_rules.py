"""Unreliable messages ask the same gate as streams, under the name `datagrams`."""

from dsoftbus.const import ANYONE, EV_DENIED, EV_MESSAGE, SMALL
from dsoftbus.errors import NOT_PAIRED, OUTSIDE_ACL
from dsoftbus.node import Node
from dsoftbus.packet.unreliable import queue
from dsoftbus.trust.acl import IN, OUT, grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from pairs import ToySuite
from support import Random, raises

SUITE = ToySuite()


def node(seed: int, *rules, **options) -> Node:
    """With rules of its own it has a guard, without it lets everybody in."""
    random = Random(seed)
    if rules:
        options["guard"] = Guard(TrustStore(SMALL), Random(seed + 50))
        for text in rules:
            options["guard"].store.add_rule(rule(text))
    else:
        options["allowed"] = ANYONE
    return Node({1: SUITE}, SUITE.keypair(random(32)), random, SMALL, "", **options)


def trusts(here: Node, there: Node, *grants) -> None:
    rules = [grant(text) for text in grants]
    here.guard.store.add(Entry(there.public, "", rules))


class Pair:
    """`a` has begun a session with `b` over datagrams; `b` is the one whose rules are tried."""

    def __init__(self, a: Node, b: Node):
        self.nodes = (a, b)
        self.ends = (a.endpoint(1200), b.endpoint(1200))
        self.now = 0
        self.a = self.ends[0].connect("b", b.public, 0)
        self.events = ([], [])
        self.run()
        (self.b,) = self.ends[1].sessions.values()

    def run(self) -> None:
        out = bytearray(1200)
        for _ in range(200):
            self.now += 10
            moved = 0
            for side in (0, 1):
                n = self.ends[side].poll_transmit(out, self.now)
                if n:
                    path = "ab"[side]
                    self.ends[1 - side].receive_datagram(bytearray(out[:n]), path, self.now)
                moved += n
                event = self.ends[side].next_event()
                while event is not None:
                    self.events[side].append(event.kind)
                    event = self.ends[side].next_event()
            if not moved:
                return
        raise AssertionError("no end of talking")

    def say(self, data: bytes = b"news") -> bool:
        """`a` sends a message, whatever its own rules are; whether it came to `b`."""
        queue(self.a.reliable, data)
        before = len(self.events[1])
        self.run()
        told = EV_MESSAGE in self.events[1][before:]
        got = self.b.recv_datagram()
        assert (got == data) == told
        return told


def denials(at: Node) -> list:
    found = []
    event = at.next_event()
    while event is not None:
        if event.kind == EV_DENIED:
            found.append((event.name, event.about, event.code))
        event = at.next_event()
    return found


def test_whom_everything_is_denied_sends_no_messages():
    a, b = node(1), node(2, "deny both * *", "allow in * echo", "allow in paired *")
    trusts(b, a, "allow both *")
    pair = Pair(a, b)
    for _ in range(50):
        assert not pair.say()
    assert pair.b.reliable.messages_dropped == 50 and not pair.b.reliable.arrived
    assert denials(b) == [("datagrams", IN, OUTSIDE_ACL)]  # once, and not fifty times
    assert b.guard.acl.denied == {OUTSIDE_ACL: 1}
    raises(OUTSIDE_ACL, pair.b.send_datagram, b"answer")
    raises(OUTSIDE_ACL, pair.b.send_datagram, b"answer")
    assert denials(b) == [("datagrams", OUT, OUTSIDE_ACL)]
    pair.run()
    assert pair.a.recv_datagram() is None
    assert not pair.b.closed


def test_messages_need_a_rule_as_streams_do():
    for grants, into, out in (
        ((), False, False),
        (("allow both *",), True, True),
        (("allow in datagrams",), True, False),
        (("allow out datagrams",), False, True),
        (("allow both data*",), True, True),
        (("allow both datagram", "allow both datagrams/*", "allow in echo"), False, False),
        (("allow both *", "deny in datagrams"), False, True),
        (("deny both datagrams", "allow both *"), False, False),
    ):
        a, b = node(1), node(2, "deny in paired nothing")
        trusts(b, a, *grants)
        pair = Pair(a, b)
        assert pair.say() == into, grants
        if out:
            assert pair.b.send_datagram(b"answer")
        else:
            raises(OUTSIDE_ACL, pair.b.send_datagram, b"answer")
        pair.run()
        assert (pair.a.recv_datagram() == b"answer") == out, grants


def test_a_stranger_may_send_what_everybody_may():
    for own, told in (("allow in * echo", False), ("allow in * datagrams", True)):
        b = node(2, own)
        pair = Pair(node(1), b)
        assert pair.say() == told
        assert denials(b) == ([] if told else [("datagrams", IN, NOT_PAIRED)])


def test_without_rules_whoever_has_a_session_has_messages():
    pair = Pair(node(1), node(2))
    assert pair.say()
    assert pair.b.send_datagram(b"answer")
    pair.run()
    assert pair.a.recv_datagram() == b"answer"


def test_a_rule_counts_from_the_next_message_on():
    a, b = node(1), node(2, "deny in paired nothing")
    trusts(b, a, "allow both *")
    pair = Pair(a, b)
    assert pair.say()
    denying = rule("deny in %s datagrams" % a.id)
    for _ in range(3):
        b.guard.store.add_rule(denying)
        assert not pair.say() and not pair.say()
        assert denials(b) == [("datagrams", IN, OUTSIDE_ACL)]  # told again, once
        b.guard.store.remove_rule(denying)
        assert pair.say()
    b.guard.store.touch()  # nothing that concerns messages has changed
    assert pair.say()
    assert denials(b) == []


def test_what_waits_when_a_rule_changes_is_dropped():
    a, b = node(1), node(2, "deny in paired nothing")
    trusts(b, a, "allow both *")
    pair = Pair(a, b)
    for _ in range(2):
        queue(pair.a.reliable, b"early")
    pair.run()
    assert pair.b.send_datagram(b"not yet out")
    b.guard.store.add_rule(rule("deny both * *"))
    b.guard.recheck()
    assert pair.b.recv_datagram() is None and pair.b.reliable.messages_dropped == 2
    pair.run()
    assert pair.a.recv_datagram() is None
    assert pair.b.reliable.idle  # a session that is to close does not wait for it


def test_a_peer_that_is_trusted_no_more_sends_nothing():
    a, b = node(1), node(2, "deny in paired nothing")
    trusts(b, a, "allow both *")
    pair = Pair(a, b)
    assert b.unpair(a.id)
    queue(pair.a.reliable, b"late")
    before = len(pair.events[1])
    pair.run()
    assert EV_MESSAGE not in pair.events[1][before:] and pair.b.recv_datagram() is None
