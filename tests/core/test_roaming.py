"""Peers that change their address keep their sessions, whatever gets lost meanwhile."""

from dsoftbus.const import HOST, REC_FINISH, REC_PROTECTED, REC_REPLY
from dsoftbus.errors import END_KEEPALIVE, END_PEER
from dsoftbus.packet.bbr import CRUISE, STARTUP
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.session.path_validation import PATH_MS, PATHS, PROOF_PACKET
from dsoftbus.session.point_to_point import PointToPoint
from moving import VICTIM, dropped, nothing, proofs, raw_packet, running, say, sent, size_of
from simulated import Talk


def lose_proofs(n):
    """Loses the first `n` datagrams with a proof."""
    left = [n]

    def lose(source, destination, data):
        if data[0] == REC_PROTECTED and len(data) == PROOF_PACKET and left[0] > 0:
            left[0] -= 1
            return True
        return False

    return lose


def lossy(talk, lose):
    send = talk.network.send

    def pick(source, destination, data):
        if not lose(source, destination, data):
            send(source, destination, data)

    talk.network.send = pick


def test_a_move_takes_one_round_trip():
    talk = running(faults={"latency_ms": 50})
    b = talk.sessions[talk.b]
    talk.network.move(talk.a.link)
    say(talk, talk.a)
    talk.world.run(51)
    assert b.moves == 0 and b.validation is not None
    talk.world.run(100)
    assert b.moves == 1 and b.path == talk.a.address
    assert talk.messages == [b""]
    talk.world.run(5000)
    assert b.validation is None and not dropped(talk, "path_unproved")
    talk.finish()


def test_what_was_acknowledged_on_the_old_path_is_acknowledged_on_the_new_one():
    """A peer that has moved need not wait for a timeout to learn that all has arrived."""
    talk = running(faults={"latency_ms": 20})
    a = talk.sessions[talk.a]
    recovery = a.reliable.recovery
    talk.network.move(talk.a.link)
    say(talk, talk.a)
    talk.world.run(4 * 20 + 6)
    assert recovery._timeouts == 0 and a.reliable.congestion.in_flight == 0
    assert talk.sessions[talk.b].moves == 1


class Reno(HOST):
    path_model = False


def test_a_new_path_begins_with_nothing_learnt():
    """Window, threshold, round trip and pace are as in a session that has just begun."""
    talk = Talk(1, 8000, {"latency_ms": 50, "kilobytes_s": 10}, Reno, mtu=300)
    talk.world.run(600)
    b = talk.sessions[talk.b]
    reliable = b.reliable
    congestion = reliable.congestion
    congestion.on_lost(0, 0, 0)
    assert reliable.rtt.known and not congestion.slow_start and congestion.in_flight > 1000
    reliable.pacer._tokens = -9000
    talk.network.move(talk.a.link)
    assert talk.sessions[talk.a].send_datagram(b"")
    talk.world.run(1000, lambda: b.moves == 1)
    assert congestion.slow_start and congestion.window == 10 * 300
    assert not reliable.rtt.known and reliable.recovery._timeouts == 0
    assert congestion.in_flight <= congestion.window + 300
    assert reliable.pacer._tokens > 0
    talk.run().finish()


def test_a_new_path_has_no_model():
    talk = Talk(1, 40000, {"latency_ms": 50, "kilobytes_s": 10, "queue_bytes": 4000}, mtu=300)
    talk.world.run(600)
    b = talk.sessions[talk.b]
    congestion = b.reliable.congestion
    talk.world.run(20000, lambda: congestion.filled and congestion.state == CRUISE)
    assert congestion.rate and congestion.least >= 100 and congestion.window != 3000
    talk.network.move(talk.a.link)
    assert talk.sessions[talk.a].send_datagram(b"")
    talk.world.run(1000, lambda: b.moves == 1)
    assert congestion.state == STARTUP and congestion.window == 10 * 300
    assert congestion.rate == 0 and congestion.least == -1 and not congestion.filled
    assert congestion.in_flight <= congestion.window + 300
    talk.run().finish()


def test_both_ways_go_on_after_a_move_in_their_midst():
    for seed in range(2):
        faults = {"latency_ms": 20, "kilobytes_s": 50, "loss": 50, "reorder": 100}
        talk = Talk(seed, 16000, faults)
        talk.world.run(
            3600000, lambda talk=talk: min(len(got) for got in talk.got.values()) > 5000
        )
        assert not talk.ended[talk.a] and not talk.ended[talk.b]
        talk.network.move(talk.a.link)
        talk.run()
        talk.world.run(2000)
        assert talk.sessions[talk.b].moves == 1
        talk.finish()


def test_the_responder_may_move_too():
    talk = Talk(3, 16000, {"latency_ms": 20, "kilobytes_s": 50})
    talk.world.run(150)
    talk.network.move(talk.b.link)
    talk.run()
    assert talk.sessions[talk.a].moves == 1
    talk.finish()


def test_on_a_cable_too_a_channel_is_proved():
    """A bridge that starts again gives its peers other channels."""
    talk = Talk(1, 2000, {"latency_ms": 5}, lose=nothing)
    for node in (talk.a, talk.b):
        node.endpoint.medium = PointToPoint(node.node)
    talk.run()
    b = talk.sessions[talk.b]
    assert type(b.protection) is DatagramProtect
    b.path, before = VICTIM, b.path  # as if the channel had been another one
    say(talk, talk.a)
    talk.world.run(6)
    assert b.path == VICTIM and b.validation is not None
    talk.world.run(4000)
    assert b.path == before and b.moves == 1 and b.validation is None
    talk.finish()


def test_lost_proofs_are_sent_again():
    for n in range(1, 7):
        talk = running(n)
        lossy(talk, lose_proofs(n))
        talk.network.move(talk.a.link)
        say(talk, talk.a)
        talk.world.run(30000)
        assert talk.sessions[talk.b].moves == 1, n
        talk.finish()


def test_without_an_answer_the_session_stays_where_it_was():
    talk = running()
    b = talk.sessions[talk.b]
    before = talk.a.address
    lossy(talk, lose_proofs(1000))
    talk.network.move(talk.a.link)
    say(talk, talk.a)
    talk.world.run(3500)
    assert b.path == before and b.validation is None and dropped(talk, "path_unproved") == 1
    talk.world.run(60000)
    assert talk.closed == [(talk.a, END_KEEPALIVE), (talk.b, END_PEER)]


def test_packets_of_the_old_path_that_come_late_change_nothing():
    talk = running()
    b = talk.sessions[talk.b]
    before = talk.a.address
    late = [raw_packet(talk.sessions[talk.a], b"\x03") for _ in range(5)]
    talk.network.move(talk.a.link)
    say(talk, talk.a)
    talk.world.run(6)
    for data in late[:2]:
        talk.b.link.put(data, before)
    talk.world.run(20)
    assert b.moves == 1
    for data in late[2:]:
        talk.b.link.put(data, before)
    talk.world.run(1000)
    assert b.moves == 1 and b.path == talk.a.address


def test_there_and_back():
    """Back on the path that was there a moment ago it needs no proof; later it does."""
    for wait_ms in (100, 5000):
        talk = running()
        b = talk.sessions[talk.b]
        home = talk.a.address
        talk.network.move(talk.a.link)
        say(talk, talk.a)
        talk.world.run(wait_ms)
        assert b.moves == 1 and b.path == talk.a.address
        del talk.network._links[talk.a.address]
        talk.a.link.address = home
        talk.network._links[home] = talk.a.link
        say(talk, talk.a)
        talk.world.run(6)
        assert (b.path == home) == (wait_ms == 100)
        talk.world.run(100)
        assert b.path == home and b.moves == 2
        talk.finish()


def test_both_sides_move_at_once_where_their_old_addresses_still_reach_them():
    talk = running()
    for node in (talk.a, talk.b):
        before = node.link.address
        talk.network.move(node.link)
        talk.network._links[before] = node.link
    say(talk, talk.a)
    say(talk, talk.b)
    talk.world.run(1000)
    for one, other in ((talk.a, talk.b), (talk.b, talk.a)):
        assert talk.sessions[one].path == other.address and talk.sessions[one].moves == 1
    assert talk.messages == [b"", b""]
    talk.finish()


def test_both_sides_that_move_at_once_lose_each_other():
    talk = running()
    talk.network.move(talk.a.link)
    talk.network.move(talk.b.link)
    say(talk, talk.a)
    talk.world.run(60000)
    assert [cause for _, cause in talk.closed] == [END_KEEPALIVE] * 2


def test_addresses_that_change_with_every_packet_are_tried_now_and_then():
    talk = running()
    b = talk.sessions[talk.b]
    for _ in range(100):
        talk.network.move(talk.a.link)
        say(talk, talk.a)
        talk.world.run(10)
    tries = PATHS + 1
    assert 0 < len(proofs(d for s, _, d in talk.wire if s == talk.b.address)) <= 4 * tries
    assert dropped(talk, "path_not_tried") >= 100 - tries
    talk.world.run(PATHS * PATH_MS)
    say(talk, talk.a)
    talk.world.run(5000)
    assert b.path == talk.a.address
    talk.finish()


# The handshake's addresses


class Liar:
    """Datagrams of type `kind` come from VICTIM."""

    def __init__(self, talk, kind):
        send = talk.network.send

        def lie(source, destination, data):
            send(VICTIM if data[0] == kind else source, destination, data)

        talk.network.send = lie


def test_a_finish_from_elsewhere_does_not_take_the_session_there():
    talk = Talk(1, 5000, {"latency_ms": 20}, lose=nothing)
    Liar(talk, REC_FINISH)
    talk.run()
    to_victim = sent(talk, talk.b.address, VICTIM)
    assert to_victim and to_victim == proofs(to_victim)
    assert size_of(to_victim) <= 3 * size_of(sent(talk, VICTIM, talk.b.address))
    assert talk.sessions[talk.b].moves == 0
    talk.finish()


def test_an_initiator_that_moves_before_its_finish_is_followed():
    talk = Talk(1, 5000, {"latency_ms": 20}, lose=nothing)
    talk.world.run(30)
    assert talk.kinds()[-1] == REC_REPLY
    # The reply reaches it at its old address, and all it sends afterwards has the new one.
    before = talk.a.address
    talk.network.move(talk.a.link)
    talk.network._links[before] = talk.a.link
    talk.run()
    talk.world.run(1000)
    assert talk.sessions[talk.b].path == talk.a.address and talk.sessions[talk.b].moves == 1
    talk.finish()


def test_a_reply_from_elsewhere_does_not_take_the_initiator_there():
    talk = Talk(1, 5000, {"latency_ms": 20}, lose=nothing)
    Liar(talk, REC_REPLY)
    talk.run()
    assert not sent(talk, talk.a.address, VICTIM)
    assert talk.sessions[talk.a].moves == 0
    talk.finish()


def test_a_responder_that_answers_from_another_of_its_addresses_is_found_there():
    """It does as hosts with several addresses do. Both lead to it."""
    talk = Talk(1, 5000, {"latency_ms": 20}, lose=nothing)
    called = talk.b.address
    talk.network.move(talk.b.link)
    talk.network._links[called] = talk.b.link
    talk.run()
    talk.world.run(1000)
    assert talk.sessions[talk.a].path == talk.b.address != called
    talk.finish()
