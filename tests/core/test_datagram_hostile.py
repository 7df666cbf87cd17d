"""Attackers on the network against datagram sessions: their packets are dropped, and counted."""

import sys

from counting import counted
from dsoftbus.const import DATAGRAM_MAX, HOST, PKT_COOKIE, REC_INIT, REC_REFUSE, REC_REPLY, SMALL
from dsoftbus.handshake.datagram_handshake import DatagramHandshake
from dsoftbus.packet.drop_labels import labelled
from dsoftbus.session.datagram_session import flight
from dsoftbus_sim.chance import Chance
from simulated import Talk, opening, pattern

# The port for a browser frees nothing while a test runs; the others have a whole flood.
FLOOD = 500 if sys.platform == "webassembly" else 10000


def nothing(kind, n):
    return False


def running(seed=1, size=2000, profile=HOST):
    """A talk that is over, and whose session is still there."""
    talk = Talk(seed, size, {"latency_ms": 5}, profile, lose=nothing)
    talk.run()
    talk.world.run(100)
    return talk


def inject(talk, data, source=None, target=None):
    """A datagram from anywhere to `b`, or to `target`; answers and timers run."""
    target = target or talk.b
    target.link.put(bytes(data), source if source is not None else talk.a.address)


def still_works(talk):
    session = talk.sessions[talk.a]
    assert not session.closed and not talk.closed
    assert session.send_datagram(b"alive")
    talk.a.turn()
    talk.world.run(1000)
    assert talk.messages[-1] == b"alive"
    talk.finish()


def dropped(talk, label):
    return talk.drops().get("drop." + label, 0)


def test_replayed_datagrams():
    talk = running()
    wire = [data for source, _, data in talk.wire if source == talk.a.address]
    for source in (talk.a.address, 77):
        for data in wire:
            inject(talk, data, source)
    talk.world.run(1000)
    assert dropped(talk, "replayed") + dropped(talk, "unexpected") == 2 * len(wire)
    assert talk.sessions[talk.b].moves == 0
    still_works(talk)


def test_corrupted_and_truncated_datagrams():
    talk = running()
    chance = Chance(5)
    wire = [data for source, _, data in talk.wire if source == talk.a.address]
    for data in wire[-5:]:
        for _ in range(40):
            changed = bytearray(data)
            changed[chance.below(len(data))] ^= 1 << chance.below(8)
            inject(talk, changed)
        for n in range(0, len(data), 7):
            inject(talk, data[:n])
        inject(talk, data + bytes(DATAGRAM_MAX))
    talk.world.run(1000)
    assert dropped(talk, "forged") and dropped(talk, "truncated") and dropped(talk, "oversize")
    still_works(talk)


def test_foreign_datagrams():
    talk = running()
    chance = Chance(6)
    for n in range(300):
        inject(talk, chance(chance.below(200)), n)
    talk.world.run(1000)
    assert dropped(talk, "unknown_type") > 100
    inject(talk, flight(4, 0x1234567, bytes(40)))
    assert dropped(talk, "unknown_connection") >= 1
    still_works(talk)


def test_spoofed_flights_do_not_disturb_a_handshake():
    """Refusals, cookies and replies from who knows the connection id, but no key."""
    talk = Talk(2, 1000, {"latency_ms": 50}, lose=nothing)
    number = talk.sessions[talk.a].connection
    for _ in range(10):
        inject(talk, flight(REC_REFUSE, number, b"\x20"), 66, talk.a)
        inject(talk, flight(PKT_COOKIE, number, bytes(16)), 66, talk.a)
        inject(talk, flight(REC_REPLY, number, bytes(104)), 66, talk.a)
        inject(talk, flight(REC_REPLY, number, bytes(3)), 66, talk.a)
        talk.world.run(3)
    talk.run()
    assert talk.kinds().count(REC_INIT) <= 3  # cookies hurry one INIT, not each of them
    assert dropped(talk, "forged") == 20
    talk.finish()


def test_a_forged_finish_leaves_the_responder_waiting_for_the_true_one():
    held = []

    def lose(kind, n):
        return kind == 3 and n == 1 and not held.append(1)

    talk = Talk(3, 1000, {"latency_ms": 20}, lose=lose)
    talk.world.run(60)
    number = next(iter(talk.b.endpoint.sessions))
    true = next(data for _, _, data in talk.wire if data[0] == 3)
    for at in range(5, len(true), 9):
        forged = bytearray(true)
        forged[at] ^= 1
        inject(talk, forged)
    assert dropped(talk, "forged") == len(range(5, len(true), 9))
    assert number in talk.b.endpoint.sessions
    talk.run().finish()


def test_changed_openings_are_dropped():
    """No session comes of an INIT that was changed on its way."""
    talk = Talk(4, 0, {"latency_ms": 5}, lose=lambda kind, n: True)
    init = talk.wire[0][2]
    for at in range(1, len(init)):
        changed = bytearray(init)
        changed[at] ^= 1
        inject(talk, changed)
        talk.world.run(1001)  # the budget of handshakes
    assert not talk.b.node.sessions
    drops = labelled(talk.b.endpoint.drops)
    assert sum(drops.values()) == len(init) - 1 and drops["drop.unsupported"] == 3


def test_an_authenticated_packet_moves_the_session_and_only_a_newer_one():
    talk = running()
    b = talk.sessions[talk.b]
    old = [data for source, _, data in talk.wire if source == talk.a.address and data[0] == 4]
    inject(talk, old[-1], 99)
    assert b.path == talk.a.address
    talk.network.move(talk.a.link)
    talk.sessions[talk.a].ping(talk.world.now_ms)
    talk.a.turn()
    talk.world.run(100)
    assert b.path == talk.a.address and b.moves == 1
    still_works(talk)


class Flood:
    """So many openings, one each 100 us of virtual time, all from different addresses."""

    def __init__(self, talk, count):
        self.talk = talk
        self.left = count
        self.most = 0
        self._chance = Chance(7)
        self.begin()

    def begin(self):
        self.left -= 1
        inject(self.talk, opening(self._chance.below(1 << 30)), 1000 + self.left)
        self.most = max(self.most, len(self.talk.b.node.sessions))
        if self.left:
            self.talk.world.at(self.talk.world.now_us + 100, self.begin)


def test_a_flood_of_openings_costs_no_more_than_its_budget():
    """10,000 openings a virtual second on a small board, while an honest peer connects."""
    talk = Talk(1, 500, {"latency_ms": 20}, HOST, other_profile=SMALL, lose=nothing)
    counter = counted(talk.b.node)
    talk.sessions[talk.a].close(0)
    flood = Flood(talk, FLOOD)
    talk.world.run(1)
    talk.sessions[talk.a] = talk.a.connect(talk.b)
    talk.run()
    talk.world.run(1000, lambda: not flood.left)
    seconds = talk.world.now_ms // 1000 + 1
    assert bytes(talk.got[talk.b]) == pattern(500, 1), "the honest peer is served"
    assert PKT_COOKIE in talk.kinds() and flood.most <= SMALL.half_open + 1
    assert counter.multiplications <= 4 * SMALL.handshakes * (seconds + 1)
    assert dropped(talk, "cookie_asked") > FLOOD * 9 // 10
    assert len(talk.b.endpoint.openings) <= SMALL.half_open + 1


class Prover:
    """One true address that begins handshakes without end, shows the cookies it is sent, and knows
    the node's key: its openings are as good as anyone's."""

    def __init__(self, talk, rate):
        self.talk = talk
        self.link = talk.network.attach(self._hear)
        self.sent_bytes = 0
        self._chance = Chance(8)
        self._buffer = bytearray(1200)
        self._openings = {}
        self._us = 1000000 // rate
        self._begin()

    def _begin(self):
        number = self._chance.below(1 << 30)
        local, public = self.talk.a.node.local, self.talk.b.node.public
        begun = DatagramHandshake(local, number, number, 1200, 1, public)
        init = self._openings[number.to_bytes(4, "big")] = flight(REC_INIT, number, begun.init())
        self._send(init)
        self.talk.world.at(self.talk.world.now_us + self._us, self._begin)

    def _hear(self):
        got = self.link.recvfrom_into(self._buffer)
        while got is not None:
            init = self._openings.get(bytes(self._buffer[1:5]))
            if self._buffer[0] == PKT_COOKIE and init:
                self._send(init + bytes(self._buffer[5 : got[0]]))
            got = self.link.recvfrom_into(self._buffer)

    def _send(self, data):
        self.sent_bytes += len(data)
        self.link.sendto(bytearray(data), len(data), self.talk.b.address)


def test_one_true_address_leaves_honest_handshakes_through():
    """Cookies and all, at 1.3 kB a second."""
    for profile in (SMALL, HOST):
        talk = Talk(1, 200, {"latency_ms": 20}, HOST, other_profile=profile, lose=nothing)
        talk.sessions[talk.a].close(0)
        counter = counted(talk.b.node)
        attacker = Prover(talk, 12)
        talk.world.run(5000)
        assert attacker.sent_bytes > 5 * 12 * 56
        talk.sessions[talk.a] = talk.a.connect(talk.b)
        began = talk.world.now_ms
        talk.run(5000)
        assert talk.sessions[talk.b].peer_public == talk.a.node.public
        assert talk.world.now_ms - began < 3000
        seconds = talk.world.now_ms // 1000 + 1
        assert counter.multiplications <= 4 * profile.handshakes * (seconds + 1)
        assert len(talk.b.endpoint.half_open) <= profile.half_open
