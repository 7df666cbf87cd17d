"""The gate decides who may have a session, before anything else of a peer has an effect.

The attacker here has a key of its own and speaks the protocol well; it sends its streams, its data
and its messages together with the last message of the handshake, in one piece.
"""

from dsoftbus.const import (
    ANYONE,
    EV_CLOSED,
    EV_DENIED,
    EV_ESTABLISHED,
    EV_MESSAGE,
    EV_OPENED,
    HOST,
    SMALL,
    TINY,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_PEER,
    END_REFUSED,
    NOT_PAIRED,
    PEER_NOT_ALLOWED,
    STORE_FULL,
    TOKEN_REQUIRED,
    UNSUPPORTED_SUITE,
)
from dsoftbus.node import Node
from dsoftbus.packet.drops import UNSUPPORTED
from dsoftbus.session.endpoint import Endpoint
from dsoftbus.session.node_config import NodeConfig
from dsoftbus.session.point_to_point import PointToPoint
from dsoftbus.session.session_table import SessionTable
from dsoftbus.trust.acl import rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from pairs import ToySuite, all_events, drain, events, feed
from support import Random, raises

SUITE = ToySuite()
TOKEN = b"t" * 32


def node(seed: int, profile=SMALL, **options) -> Node:
    random = Random(seed)
    return Node({1: SUITE}, SUITE.keypair(random(32)), random, profile, "n%d" % seed, **options)


def guard(*rules) -> Guard:
    made = Guard(TrustStore(SMALL), Random(99))
    for text in rules:
        made.store.add_rule(rule(text))
    return made


def stranger() -> Node:
    return node(1)


STRANGER = stranger()  # its key and its id
FRIEND = node(2).public
# What a node may be made with, and why the stranger is refused then.
CLOSED_DOORS = (
    ({}, PEER_NOT_ALLOWED),
    ({"allowed": ()}, PEER_NOT_ALLOWED),
    ({"allowed": [FRIEND]}, PEER_NOT_ALLOWED),
    ({"allowed": {FRIEND, bytes(32)}}, PEER_NOT_ALLOWED),
    ({"guard": guard()}, NOT_PAIRED),
    ({"guard": guard("deny both * *")}, NOT_PAIRED),
    ({"guard": guard("allow in " + node(2).id + " *")}, NOT_PAIRED),
    ({"guard": guard(), "allowed": ANYONE}, NOT_PAIRED),
    ({"guard": guard("allow in * *"), "allowed": [FRIEND]}, PEER_NOT_ALLOWED),
    ({"guard": guard("allow in * *"), "allowed": ()}, PEER_NOT_ALLOWED),
)


class Streams:
    """The node `b`, and a peer `a` that connects to it over a link of bytes."""

    def __init__(self, b: Node, a=None, psk=None):
        a = a or stranger()
        self.node = b
        self.b = b.accept(0)
        self.a = a.connect(b.public, 0, psk=psk)
        feed(self.b, drain(self.a))
        feed(self.a, drain(self.b))

    def attack(self) -> bytes:
        """FINISH and all that is worth having, in one piece."""
        for name in ("replace/owned", "dsoftbus.pair", "dsoftbus.keys", "echo"):
            stream = self.a.mux.open(name, 3)
            stream.send(b"owned")
            stream.finish()
        self.a.ping(0)
        return drain(self.a)


class Datagrams:
    """The same over a datagram link: each datagram of `a` arrives before `b` says anything."""

    def __init__(self, b, a=None, psk=None, there=None):
        a = a or stranger()
        self.node = b
        self.there = there or b.endpoint(1200)
        self.here = a.endpoint(1200)
        self.a = self.here.connect("b", b.public, 0, 1, psk)
        self.to_b(self.from_a())
        self.to_a(self.from_b())

    def from_a(self) -> list:
        return _all_from(self.here)

    def from_b(self, now: int = 0) -> list:
        return _all_from(self.there, now)

    def to_a(self, packets: list) -> None:
        for packet in packets:
            self.here.receive_datagram(bytearray(packet), "b", 0)

    def to_b(self, packets: list) -> None:
        for packet in packets:
            self.there.receive_datagram(bytearray(packet), "a", 0)

    def attack(self) -> list:
        for name in ("replace/owned", "dsoftbus.pair", "dsoftbus.keys", "echo"):
            stream = self.a.mux.open(name, 3)
            stream.send(b"owned")
            stream.finish()
        for _ in range(3):
            self.a.send_datagram(b"owned")
        return self.from_a()

    @property
    def b(self):
        (session,) = self.there.sessions.values()
        return session


def _all_from(endpoint, now: int = 0) -> list:
    out = bytearray(1200)
    packets = []
    n = endpoint.poll_transmit(out, now)
    while n:
        packets.append(bytes(out[:n]))
        n = endpoint.poll_transmit(out, now)
    return packets


def test_what_comes_with_a_refused_handshake_has_no_effect():
    for options, code in CLOSED_DOORS:
        for chunk in (0, 1, 7):
            both = Streams(node(3, **options))
            feed(both.b, both.attack(), 0, chunk)
            assert both.b.cause == code, options
            assert both.b.mux is None and both.b.keepalive is None
            assert events(both.b) == [EV_CLOSED]  # and neither EV_ESTABLISHED nor EV_OPENED
            both.a.mux.open("later", 3).send(b"owned")
            feed(both.b, drain(both.a), 0, chunk)
            assert events(both.b) == []
            feed(both.a, drain(both.b))
            assert (both.a.cause, both.a.peer_code) == (END_PEER, code)
            both.node.forget(both.b)
            assert both.node.sessions == []


def test_datagrams_of_a_refused_peer_have_no_effect():
    for options, code in CLOSED_DOORS:
        both = Datagrams(node(3, **options))
        packets = both.attack()
        assert len(packets) >= 3
        both.to_b(packets)
        refused = both.b
        assert refused.cause == code, options
        assert refused.mux is None and refused.recv_datagram() is None
        assert both.there.next_event() is None
        both.to_b(packets[1:] + [packets[0]])  # again, and in another order
        both.a.send_datagram(b"later")
        both.to_b(both.from_a())
        assert both.there.next_event() is None and refused.recv_datagram() is None
        assert refused.path == "a" and refused.moves == 0
        both.to_a(both.from_b())
        assert (both.a.cause, both.a.peer_code) == (END_PEER, code)
        for later in range(9):
            both.from_b(later << 20)
        assert both.node.sessions == [] and not both.there.sessions


def test_who_is_let_in_is_served_with_the_same_bytes():
    """The attack is a good session where the node says so: else the tests above show nothing."""
    for options in (
        {"allowed": ANYONE},
        {"allowed": [STRANGER.public]},
        {"allowed": {STRANGER.public}},
        {"guard": guard("allow in * *")},
        {"guard": guard("allow in * *"), "allowed": [STRANGER.public]},
    ):
        both = Streams(node(3, **options))
        feed(both.b, both.attack())
        found = all_events(both.b)
        assert found[0].kind == EV_ESTABLISHED
        assert "replace/owned" in [e.stream.name for e in found if e.kind == EV_OPENED]
        both = Datagrams(node(3, **options))
        both.to_b(both.attack())
        found = all_events(both.there)
        assert found[0].kind == EV_ESTABLISHED
        assert EV_OPENED in [e.kind for e in found] and EV_MESSAGE in [e.kind for e in found]


def test_the_least_node_lets_in_whom_it_lists():
    for allowed in (None, (), [FRIEND], [STRANGER.public], ANYONE):
        random = Random(4)
        local = NodeConfig({1: SUITE}, SUITE.keypair(random(32)), random, TINY, "least")
        roster = SessionTable(local, allowed)
        cable = Endpoint(roster, 1200, PointToPoint(roster))
        both = Datagrams(roster, there=cable)
        both.to_b(both.attack())
        if allowed in ([STRANGER.public], ANYONE):
            assert both.there.next_event().kind == EV_ESTABLISHED
        else:
            assert both.b.cause == PEER_NOT_ALLOWED and both.there.next_event() is None
            assert both.b.recv_datagram() is None and both.b.mux is None
    assert SessionTable(local).allowed == ()


def test_a_list_may_change_while_the_node_runs():
    allowed = []
    b = node(3, allowed=allowed)
    both = Streams(b)
    feed(both.b, drain(both.a))
    assert both.b.cause == PEER_NOT_ALLOWED
    allowed.append(STRANGER.public)
    both = Streams(b)
    feed(both.b, drain(both.a))
    assert events(both.b) == [EV_ESTABLISHED]


def test_what_is_no_list_of_keys_is_said_at_once():
    for wrong in (FRIEND, bytearray(FRIEND), FRIEND.hex() if hasattr(FRIEND, "hex") else "ab", ""):
        raises(BAD_ARGUMENT, node_allowing, wrong)
    for wrong in ([FRIEND[:31]], [b""], [FRIEND, FRIEND + b"x"], ["*"]):
        raises(BAD_ARGUMENT, node_allowing, wrong)


def node_allowing(allowed):
    return node(3, allowed=allowed)


def test_whom_this_side_sought_it_wants():
    for options in ({}, {"allowed": [FRIEND]}, {"guard": guard()}):
        a = node(5, **options)
        both = Streams(node(3, allowed=ANYONE), a)
        feed(both.b, drain(both.a))
        assert events(both.a) == events(both.b) == [EV_ESTABLISHED]
        both.b.close(0)


def test_discovery_learns_nothing_of_a_refused_peer():
    b = node(3)
    peers = b.discover()
    both = Streams(b)
    feed(both.b, both.attack())
    assert list(peers) == [] and not b._met


def test_a_refusal_changes_nothing_of_the_trust_store():
    """Not even for a peer with the announced next key of another: the node's list comes first."""
    store_guard = guard()
    entry = Entry(FRIEND, "friend")
    store_guard.store.add(entry)
    entry.next_public, entry.next_for_s = STRANGER.public, 60
    before = store_guard.store.encode()
    both = Streams(node(3, guard=store_guard, allowed=[FRIEND]))
    feed(both.b, both.attack())
    assert both.b.cause == PEER_NOT_ALLOWED
    assert store_guard.store.encode() == before and store_guard.next_event() is None


def test_one_refusal_is_one_event_whatever_came_with_it():
    strict = guard("deny both * *", "allow in * echo")
    both = Streams(node(3, guard=strict))
    feed(both.b, both.attack())
    event = strict.next_event()
    assert (event.kind, event.peer, event.code) == (EV_DENIED, STRANGER.id, NOT_PAIRED)
    assert strict.next_event() is None and strict.acl.denied == {NOT_PAIRED: 1}


# Tokens


def test_a_node_with_a_token_serves_nobody_without_it():
    for options in ({}, {"allowed": ANYONE}, {"guard": guard("allow in * *")}):
        b = node(3, psk=TOKEN, **options)
        session, other = b.accept(0), stranger().connect(b.public, 0)
        feed(session, drain(other))
        assert session.cause == TOKEN_REQUIRED and events(session) == [EV_CLOSED]
        feed(other, drain(session))
        assert (other.cause, other.peer_code) == (END_REFUSED, TOKEN_REQUIRED)


def test_a_node_with_a_token_answers_no_datagram_without_it():
    b = node(3, psk=TOKEN, allowed=ANYONE)
    there, here = b.endpoint(1200), stranger().endpoint(1200)
    session = here.connect("b", b.public, 0)
    for packet in _all_from(here):
        there.receive_datagram(bytearray(packet), "a", 0)
    assert there.drops.count[UNSUPPORTED] == 1 and not there.sessions
    for packet in _all_from(there):
        here.receive_datagram(bytearray(packet), "b", 0)
    assert session.peer_code == TOKEN_REQUIRED and session.half_open


def test_a_token_admits_whoever_shows_it_unless_a_list_says_more():
    for options, cause in (({}, 0), ({"allowed": ANYONE}, 0), ({"allowed": ()}, PEER_NOT_ALLOWED)):
        both = Streams(node(3, psk=TOKEN, **options), psk=TOKEN)
        feed(both.b, both.attack())
        assert both.b.cause == cause
        assert (events(both.b)[0] == EV_ESTABLISHED) == (cause == 0)


def test_a_wrong_token_is_no_token():
    both = Streams(node(3, psk=TOKEN), psk=b"u" * 32)
    feed(both.b, drain(both.a))
    assert both.b.closed and events(both.b) == [EV_CLOSED]


def test_without_a_token_none_is_taken():
    both = stranger().connect(FRIEND, 0, psk=TOKEN)
    session = node(3, allowed=ANYONE).accept(0)
    feed(session, drain(both))
    assert session.cause == UNSUPPORTED_SUITE


def test_an_invitation_needs_no_token_of_those_who_are_known():
    b = node(3, guard=guard("allow in * echo"))
    b.local.invite_psk = TOKEN
    for psk in (None, TOKEN):
        both = Streams(b, psk=psk)
        feed(both.b, drain(both.a))
        assert events(both.b) == [EV_ESTABLISHED]
        assert (b.guard.store.get(STRANGER.id) is not None) == (psk == TOKEN)
        b.forget(both.b)


def test_who_shows_the_token_and_finds_no_place_has_no_session():
    class Full(HOST):
        trusted = 0

    b = node(3, guard=Guard(TrustStore(Full), Random(98)))
    b.local.invite_psk = TOKEN
    both = Streams(b, psk=TOKEN)
    feed(both.b, both.attack())
    assert both.b.cause == STORE_FULL
    assert EV_ESTABLISHED not in events(both.b)
