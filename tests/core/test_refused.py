"""Strangers over datagrams: what they are told, what they cost, and what is kept of them."""

from dsoftbus.const import (
    COOKIE_BYTES,
    DATAGRAM_MAX,
    HOST,
    NODE_NAME_MAX,
    PKT_COOKIE,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REFUSE,
    REC_REPLY,
    SMALL,
    TINY,
)
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_PEER, PEER_NOT_ALLOWED
from dsoftbus.packet.drops import NO_ROOM
from dsoftbus.session.datagram_session import FAREWELLS, flight
from dsoftbus_sim.chance import Chance
from dsoftbus_sim.node import SimNode
from simulated import SUITES, Talk

CLOSE_PACKET = 27
NOBODY = 4711


def nothing(kind, n):
    return False


def refusing(profile=SMALL, lose=nothing):
    """A talk of which `b` takes nobody."""
    talk = Talk(1, 0, {"latency_ms": 20}, HOST, other_profile=profile, lose=lose)
    talk.b.node.allowed = []
    return talk


def from_b(talk, kind=None):
    return [
        data
        for source, _, data in talk.wire
        if source == talk.b.address and kind in (None, data[0])
    ]


def lose_farewells(talk, count):
    """The first protected packets of `b` get lost, so many of them."""
    send = talk.network.send
    left = [count]

    def lose(source, destination, data):
        if source == talk.b.address and data[0] == REC_PROTECTED and left[0]:
            left[0] -= 1
        else:
            send(source, destination, data)

    talk.network.send = lose


# What they are told


def test_a_stranger_learns_why_and_leaves_no_session():
    talk = refusing()
    talk.world.run(200)
    a = talk.sessions[talk.a]
    assert (a.cause, a.peer_code) == (END_PEER, PEER_NOT_ALLOWED)
    assert not talk.b.node.sessions and not talk.b.endpoint.sessions
    assert not talk.b.endpoint.openings and not talk.b.endpoint.half_open
    talk.world.run(20000)
    assert [len(data) for data in from_b(talk, REC_PROTECTED)] == [CLOSE_PACKET]
    assert not talk.a.node.sessions


def test_who_says_nothing_more_learns_it_too_and_at_once():
    talk = refusing()
    talk.a._on_event = lambda *event: None  # its program opens nothing
    talk.world.run(61)
    assert [data[0] for data in from_b(talk)] == [REC_REPLY, REC_PROTECTED]
    talk.world.run(20)
    assert talk.sessions[talk.a].peer_code == PEER_NOT_ALLOWED


def test_a_repeated_finish_calls_forth_what_shows_that_it_came():
    """The first packets of the responder got lost: the initiator does not wait for its timeout."""
    talk = Talk(1, 0, {"latency_ms": 20}, lose=nothing)
    lose_farewells(talk, 2)  # no farewells here, but its first two packets
    talk.a._on_event = talk.b._on_event = lambda *event: None
    talk.world.run(200)
    a = next(iter(talk.a.endpoint.sessions.values()))
    assert a._unconfirmed
    talk.world.run(410)  # FINISH has gone again, half a second after the first, and was answered
    assert not a._unconfirmed


def test_a_cookie_goes_with_the_next_opening_at_once_and_one_alone():
    talk = Talk(1, 0, {"latency_ms": 20}, HOST, other_profile=TINY, lose=nothing)
    talk.world.run(10)
    session = talk.sessions[talk.a]
    for n in range(3):
        cookie = flight(PKT_COOKIE, session.connection, bytes((n,)) * COOKIE_BYTES)
        talk.a.link.put(cookie, talk.b.address)
    inits = [data for _, _, data in talk.wire if data[0] == REC_INIT]
    assert [len(data) for data in inits] == [56, 72], "only the first hurries"
    talk.world.run(600)
    inits = [data for _, _, data in talk.wire if data[0] == REC_INIT]
    assert {len(data) for data in inits[1:]} == {72}, "and each takes the place of the one before"
    talk = Talk(1, 0, {"latency_ms": 20}, HOST, other_profile=TINY, lose=nothing)
    talk.world.run(130)
    assert PKT_COOKIE in talk.kinds() and not talk.sessions[talk.a].half_open


def test_a_hint_is_one_byte():
    talk = Talk(1, 0, {"latency_ms": 20}, lose=nothing)
    session = talk.sessions[talk.a]
    for body in (b"", b"\x20\x20"):
        talk.a.link.put(flight(REC_REFUSE, session.connection, body), talk.b.address)
        assert not session.peer_code
    talk.a.link.put(flight(REC_REFUSE, session.connection, b"\x20"), talk.b.address)
    assert session.peer_code == 0x20 and session.half_open


def test_it_learns_why_although_up_to_three_of_them_get_lost():
    for lost in range(1, FAREWELLS + 1):
        talk = refusing()
        lose_farewells(talk, lost)
        talk.world.run(30000)
        a = talk.sessions[talk.a]
        if lost < FAREWELLS:
            assert (a.cause, a.peer_code) == (END_PEER, PEER_NOT_ALLOWED), lost
        else:
            assert a.cause == END_HANDSHAKE_TIMEOUT
        assert not talk.a.node.sessions and not talk.b.node.sessions


def test_who_goes_on_gets_four_answers_and_no_more():
    talk = refusing()
    talk.world.run(200)
    finish = next(data for _, _, data in talk.wire if data[0] == REC_FINISH)
    for _ in range(500):
        talk.b.link.put(finish, talk.a.address)
        talk.world.run(20)
    assert len(from_b(talk, REC_PROTECTED)) == FAREWELLS
    assert not talk.b.endpoint.last_words and not talk.b.node.sessions
    assert talk.drops()["drop.unknown_connection"] >= 500


def test_only_where_the_stranger_is():
    """An attacker that knows its connection id cannot have the answers go elsewhere, or use them
    up."""
    talk = refusing()
    talk.world.run(30)
    talk.network.part(talk.a.address, talk.b.address)
    talk.world.run(100)
    talk.network.part(talk.a.address, talk.b.address, False)
    finish = next(data for _, _, data in talk.wire if data[0] == REC_FINISH)
    for _ in range(10):
        talk.b.link.put(finish, NOBODY)
        talk.world.run(500)
    assert not [data for _, destination, data in talk.wire if destination == NOBODY]


def test_what_is_kept_of_strangers_is_bounded_and_ends():
    talk = refusing(SMALL)
    talk.world.run(200)
    for _ in range(10):
        talk.a.connect(talk.b)
        talk.world.run(600)
    words = talk.b.endpoint.last_words
    assert 0 < len(words) <= SMALL.half_open
    talk.world.run(2 * SMALL.handshake_ms)
    talk.b.link.put(flight(REC_FINISH, 1, bytes(100)), talk.a.address)
    assert not talk.b.endpoint.last_words


# Whose places they take


def test_strangers_without_end_leave_the_places_to_others():
    """Each comes as soon as the budget of handshakes lets it."""
    for profile in (SMALL, TINY):
        talk = Talk(1, 200, {"latency_ms": 5}, HOST, other_profile=profile, lose=nothing)
        talk.run().finish()
        talk.b.node.allowed = [talk.a.node.public]
        stranger = SimNode(talk.network, SUITES, HOST, lambda *event: None, "s")
        for _ in range(10):
            session = stranger.connect(talk.b)
            talk.world.run(1000, lambda session=session: not session.half_open)
            talk.world.run(6)  # its last message is there
            assert not talk.b.node.sessions and not talk.b.node.full
            talk.world.run(1000)
            assert session.peer_code == PEER_NOT_ALLOWED
        assert not talk.b.endpoint.drops.count[NO_ROOM]
        session = talk.a.connect(talk.b)
        talk.world.run(1000)
        assert not session.half_open and not session.closed


def test_sessions_that_have_ended_give_way_to_new_ones():
    """Peers that went without a word: their farewells wait for answers, and take no place."""
    talk = Talk(1, 0, {"latency_ms": 5}, HOST, other_profile=SMALL, lose=nothing)
    talk.run()
    first = talk.sessions[talk.b]
    nodes = [SimNode(talk.network, SUITES, HOST, lambda *event: None, "n") for _ in range(8)]
    for node in nodes:
        node.connect(talk.b)
        talk.world.run(1000)
        theirs = talk.b.node.sessions[-1]
        assert theirs.peer_public == node.node.public and not theirs.closed
        talk.network.part(node.address, talk.b.address)
        theirs.reliable.rtt.restart()  # as if nothing had been measured: seconds of farewells
        theirs.refuse(1)
        talk.b.turn()
    assert not first.closed and len(talk.b.node.sessions) > 2


def test_a_full_table_keeps_the_farewells_of_those_that_have_ended():
    talk = Talk(1, 0, {"latency_ms": 5}, HOST, other_profile=TINY, lose=nothing)
    talk.run()
    b = talk.sessions[talk.b]
    talk.network.part(talk.a.address, talk.b.address)
    b.refuse(1)
    talk.b.turn()
    assert b in talk.b.node.sessions and not talk.b.node.full
    other = SimNode(talk.network, SUITES, HOST, lambda *event: None, "n")
    other.connect(talk.b)
    talk.world.run(100)
    assert b in talk.b.node.sessions, "there was room for both"


def test_farewells_on_a_dead_link_take_seconds_at_most():
    """All who close wait for them. On a serial line a probe timeout may be six seconds."""
    talk = Talk(1, 0, {"latency_ms": 5}, HOST, other_profile=SMALL, lose=nothing)
    talk.run()
    b = talk.sessions[talk.b]
    talk.network.part(talk.a.address, talk.b.address)
    b.reliable.rtt.restart()
    b.reliable.rtt.unknown_ms = 6000
    b.refuse(1)
    talk.b.turn()
    talk.world.run(4 * SMALL.close_ms)
    assert not b.farewells


def test_nothing_is_kept_of_openings_that_are_over():
    talk = Talk(1, 500, {"latency_ms": 5}, lose=nothing)
    talk.run()
    assert len(talk.b.endpoint.openings) == 1
    talk.finish()
    for _ in range(3):
        talk.b.link.put(flight(REC_INIT, 5, b"\x01\x01\x00" + Chance(9)(48)), NOBODY)
    talk.world.run(HOST.handshake_ms + 100)
    assert not talk.b.endpoint.openings and not talk.b.endpoint.half_open
    assert not talk.b.endpoint.sessions and not talk.b.node.sessions


# What goes to who has proved nothing


class Ledger:
    """A count of what `b` sends to NOBODY for each datagram that comes from there."""

    def __init__(self, profile=HOST):
        self.talk = Talk(1, 0, {"latency_ms": 5}, profile, lose=nothing)
        self.talk.b.node.local.name = self.talk.a.node.local.name = "n" * NODE_NAME_MAX
        self.talk.run()
        self.talk.wire.clear()

    def answers(self, data, ms=0):
        """Lengths of what went to NOBODY within `ms` of this datagram."""
        self.talk.wire.clear()
        self.talk.b.link.put(bytes(data), NOBODY)
        self.talk.world.run(ms)
        return [len(sent) for _, to, sent in self.talk.wire if to == NOBODY]

    def init(self, cookie=b""):
        """A real INIT, as the other node would send it."""
        a = self.talk.a
        session = a.endpoint.connect(NOBODY, self.talk.b.node.public, self.talk.world.now_ms)
        made = session.last_flight
        session.link_lost()
        a.endpoint.forget(session)
        return made + cookie


def test_a_reply_is_less_than_twice_its_init_with_the_longest_name():
    ledger = Ledger()
    init = ledger.init()
    assert len(init) == 56
    for _ in range(5):  # each of the same, for each is repeated where it got lost
        assert ledger.answers(init) == [109]
    # Afterwards, and when its time is over, there is silence.
    assert ledger.answers(init, HOST.handshake_ms + 5000) == [109]
    assert not ledger.talk.b.endpoint.half_open or ledger.talk.b.endpoint.half_open[0].closed


def test_every_other_first_answer_is_shorter_than_its_question():
    ledger = Ledger()
    init = ledger.init()
    for at, value, code in ((5, 9, 6), (6, 99, 6), (7, 7, 6), (60, None, 6)):
        changed = bytearray(init)
        if value is None:
            changed[50] ^= 1
        else:
            changed[at] = value
        assert ledger.answers(changed, 20000) == [code]
    assert ledger.answers(init[:55]) == [] and ledger.answers(init + b"x") == []
    ledger = Ledger(SMALL)
    ledger.talk.world.run(2000)  # the budget is whole
    assert ledger.answers(ledger.init()) == [109]  # half of the places are taken now
    assert ledger.answers(ledger.init()) == [5 + COOKIE_BYTES]
    ledger.talk.b.node.profile = TINY  # whose one place is taken
    assert ledger.answers(ledger.init()) == [6]


def test_no_other_datagram_of_a_stranger_is_answered():
    """This covers any type, any connection id, and any state that a session can have."""
    ledger = Ledger()
    talk = ledger.talk
    init = ledger.init()
    assert ledger.answers(init) == [109]
    chance = Chance(4)
    for number in list(talk.b.endpoint.sessions) + [1, 1 << 29]:
        for kind in (REC_REPLY, REC_FINISH, REC_PROTECTED, REC_REFUSE, PKT_COOKIE, 7, 255, 0):
            for size in (1, 16, 21, 34, 93, 120, 600, DATAGRAM_MAX - 5):
                assert ledger.answers(flight(kind, number, chance(size)), 2) == []


def test_a_proved_opening_that_pushes_another_out_brings_that_one_nothing():
    """The one that gives way has proved nothing, and is not told."""
    ledger = Ledger(SMALL)
    talk = ledger.talk
    endpoint = talk.b.endpoint
    for _ in range(SMALL.half_open):
        talk.world.run(1000)
        ledger.answers(ledger.init())
    talk.wire.clear()
    for _ in range(3):
        talk.a.connect(talk.b)
        talk.world.run(1000)
    assert not [data for _, to, data in talk.wire if to == NOBODY]
    assert len(endpoint.half_open) <= SMALL.half_open
