"""Sessions over datagrams: flights, sizes, messages, the end; in the simulator."""

from dsoftbus.const import (
    DATAGRAM_MAX,
    HOST,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REPLY,
    SMALL,
    TINY,
)
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_KEEPALIVE, END_LOCAL, END_PEER
from simulated import Talk, pattern
from support import raises

FLIGHTS = (REC_INIT, REC_REPLY, REC_FINISH)


def nothing(kind, n):
    return False


def test_the_handshake_takes_three_flights_and_confirms_itself():
    talk = Talk(1, 0, {"latency_ms": 10}, lose=nothing)
    talk.world.run(100)
    assert talk.kinds()[:4] == [REC_INIT, REC_REPLY, REC_FINISH, REC_PROTECTED]
    assert sum(kind in FLIGHTS for kind in talk.kinds()) == 3
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    assert a.peer_id == talk.b.node.id and b.peer_id == talk.a.node.id
    assert (a.peer_name, b.peer_name) == ("b", "a")
    assert a.handshake_hash == b.handshake_hash
    talk.run().finish()


def check_a_lost_flight(lost):
    talk = Talk(lost, 1000, {"latency_ms": 10}, lose=lambda kind, n: kind == lost and n <= 3)
    talk.run().finish()
    assert talk.kinds().count(lost) == 4


def test_any_flight_may_be_lost_again_and_again():
    for lost in FLIGHTS:
        check_a_lost_flight(lost)


def test_flights_that_come_twice_or_late_change_nothing():
    talk = Talk(1, 1000, {"latency_ms": 10}, lose=nothing)
    talk.run()
    for source, destination, data in list(talk.wire):
        if data[0] in FLIGHTS:
            talk.network.send(source, destination, data)
    talk.world.run(1000)
    assert talk.drops() == {"drop.unexpected": 3}
    assert len(talk.b.endpoint.sessions) == 1
    talk.finish()


def test_no_flight_is_longer_than_the_smallest_radio_takes():
    talk = Talk(1, 0, {"mtu": 200}, lose=nothing)
    talk.a.node.local.name = talk.b.node.local.name = "n" * 32
    talk.sessions[talk.a] = talk.a.connect(talk.b)
    talk.run()
    longest = max(len(data) for _, _, data in talk.wire if data[0] in FLIGHTS)
    assert longest == 125


def test_nobody_sends_more_than_the_other_takes():
    for mtu in (200, 577, 1200):
        talk = Talk(1, 4000, {"latency_ms": 1}, HOST, mtu, lose=nothing)
        talk.run().finish()
        assert talk.longest() == mtu
    talk = Talk(1, 4000, {"latency_ms": 1}, HOST, 1200, TINY, lose=nothing)
    talk.run().finish()
    assert talk.longest() == TINY.datagram_bytes < DATAGRAM_MAX


def test_a_small_receiver_is_never_overrun():
    """A sender has no more under way than the receiver can hold."""
    talk = Talk(1, 20000, {"latency_ms": 50, "loss": 100}, HOST, 1200, SMALL)
    b = talk.b
    most = 0
    while not talk.world.run(20, talk.is_done):
        if talk.sessions[b] is not None and talk.sessions[b].reliable is not None:
            inbox = talk.sessions[b].reliable._inbox
            most = max(most, inbox.held)
    assert 0 < most < SMALL.segments
    talk.run().finish()
    assert "drop.no_room" not in talk.drops()


def test_the_longest_message_fills_a_datagram():
    for mtu in (200, 1200):
        talk = Talk(1, 0, {"latency_ms": 5, "mtu": mtu}, HOST, mtu, lose=nothing)
        talk.run()
        a = talk.sessions[talk.a]
        longest = pattern(a.datagram_max, 3)
        raises("local.bad_argument", a.send_datagram, longest + b"x")
        assert a.send_datagram(longest)
        talk.a.turn()
        talk.world.run(100)
        assert talk.messages == [longest] and talk.longest() == mtu
        talk.finish()


def test_unreliable_messages_arrive_once_or_never():
    talk = Talk(3, 5000, {"latency_ms": 20, "loss": 200, "duplicate": 200})
    talk.run()
    a = talk.sessions[talk.a]
    for i in range(100):
        assert a.send_datagram(b"%d" % i)
        talk.a.turn()
        talk.world.run(50)
    numbers = [int(m) for m in talk.messages]
    assert 50 < len(numbers) < 100 and sorted(set(numbers)) == numbers
    talk.finish()


def test_messages_beyond_the_queue_would_block():
    talk = Talk(1, 0, {"latency_ms": 20}, SMALL)
    raises("mux.reject.unauthenticated_session", talk.sessions[talk.a].send_datagram, b"x")
    talk.run()
    a = talk.sessions[talk.a]
    taken = 0
    while a.send_datagram(b"x"):
        taken += 1
    assert taken == SMALL.messages
    talk.finish()
    raises("local.bad_state", a.send_datagram, b"x")


def test_closing_waits_until_all_has_arrived():
    talk = Talk(5, 8000, {"latency_ms": 100, "loss": 200})
    a = talk.sessions[talk.a]
    talk.world.run(3600000, lambda: talk.sent[talk.a] == 8000 and talk.ended[talk.a])
    a.close(talk.world.now_ms)
    talk.a.turn()
    talk.world.run(3600000, lambda: len(talk.closed) == 2)
    assert bytes(talk.got[talk.b]) == talk.payload[talk.a]
    assert sorted(cause for _, cause in talk.closed) == [END_LOCAL, END_PEER]


def test_the_end_is_told_although_packets_get_lost():
    for seed in range(6):
        Talk(seed, 0, {"latency_ms": 20, "loss": 200}).run().finish()


class Hasty(Talk):
    """`a` closes as soon as it has a session, before its last flight has left."""

    def on_established(self, node, session):
        self.sessions[node] = session
        if node is self.a:
            session.close(self.world.now_ms)


def check_a_hasty_end(lost):
    talk = Hasty(1, 0, {"latency_ms": 10}, lose=lambda kind, n: kind == REC_FINISH and n <= lost)
    talk.world.run(60000, lambda: len(talk.closed) == 2 and not talk.a.node.sessions)
    assert sorted(cause for _, cause in talk.closed) == [END_LOCAL, END_PEER]
    assert talk.sessions[talk.b].peer_id == talk.a.node.id
    talk.world.run(1000)
    assert not talk.a.node.sessions and not talk.b.node.sessions
    assert talk.kinds().count(REC_FINISH) == lost + 1
    return talk.world.now_ms


def test_the_last_flight_goes_before_a_farewell_and_with_each_where_it_gets_lost():
    assert check_a_hasty_end(0) < 1100
    for lost in (1, 2, 3):
        check_a_hasty_end(lost)


def test_a_peer_that_vanishes_is_noticed():
    talk = Talk(1, 1000, {"latency_ms": 10})
    talk.run()
    talk.network.part(talk.a.address, talk.b.address)
    talk.world.run(60000)
    assert [cause for _, cause in talk.closed] == [END_KEEPALIVE] * 2
    assert not talk.a.node.sessions and not talk.b.node.sessions


def test_nobody_is_there():
    talk = Talk(1, 1000, {"loss": 1000})
    talk.world.run(60000)
    assert [cause for _, cause in talk.closed] == [END_HANDSHAKE_TIMEOUT]
    assert not talk.a.node.sessions


def test_the_wrong_key_is_a_hint_and_a_timeout():
    talk = Talk(1, 0, {"latency_ms": 5})
    talk.run().finish()
    talk.closed.clear()
    now = talk.world.now_ms
    session = talk.a.endpoint.connect(talk.b.address, talk.a.node.public, now)
    talk.a.turn()
    talk.world.run(60000)
    assert session.cause == END_HANDSHAKE_TIMEOUT
    assert session.peer_code == 0x20  # noise.reject.decrypt_failed, as somebody said
