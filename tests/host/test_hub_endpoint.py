"""An endpoint that asks only those of its sessions that have something to do."""

import provided
from dsoftbus.const import ANYONE, HOST
from dsoftbus.hub import Hub
from dsoftbus.packet.rtt import ACK_DELAY_MS
from dsoftbus_sim.chance import Chance

PATHS = ("one", "other")
QUIET_MS = 100  # acknowledgements and probes are over


class Pair:
    """Two hubs with a session between them; nothing moves by itself."""

    def __init__(self):
        self.now = 0
        self.out = bytearray(HOST.datagram_bytes)
        keys = [provided.SUITE.keypair(bytes((n + 1,)) * 32) for n in range(2)]
        nodes = [
            Hub({1: provided.SUITE}, key, Chance(n), HOST, allowed=ANYONE)
            for n, key in enumerate(keys)
        ]
        self.ends = [node.endpoint(HOST.datagram_bytes) for node in nodes]
        self.near = self.ends[0].connect(PATHS[1], keys[1].public, 0)
        self.settle()
        (self.far,) = self.ends[1].sessions.values()
        self.stream = self.near.open("some")
        self.ends[0].wake(self.near)
        self.settle()
        for end in self.ends:
            end.pressing = False

    def settle(self):
        """All is said, and all of it has been heard."""
        for _ in range(3):
            self.now += QUIET_MS
            for end in self.ends:
                end.handle_timer(self.now)
            while self.carry(0) or self.carry(1):
                pass

    def carry(self, n):
        """Hands the other end what this one sends now; returns how many datagrams that was."""
        count = 0
        while self.ends[n].next_event() is not None:
            pass
        while length := self.ends[n].poll_transmit(self.out, self.now):
            packet = bytearray(self.out[:length])
            self.ends[1 - n].receive_datagram(packet, PATHS[n], self.now)
            count += 1
        return count

    def say(self):
        self.stream.send(b"word", 0)
        self.ends[0].ask(self.near)
        assert self.carry(0) == 1


def test_an_acknowledgement_that_may_wait_presses_nobody():
    pair = Pair()
    end = pair.ends[1]
    pair.say()
    assert not end.pressing and end.busy
    assert pair.carry(1) == 0
    assert not end.busy
    assert end.poll_timer() <= pair.now + ACK_DELAY_MS
    pair.now += ACK_DELAY_MS
    end.handle_timer(pair.now)
    assert end.busy and pair.carry(1) == 1


def test_a_second_datagram_presses():
    pair = Pair()
    pair.say()
    pair.say()
    assert pair.ends[1].pressing
    assert pair.carry(1) == 1


def test_a_stranger_that_is_answered_presses():
    pair = Pair()
    key = pair.ends[1].node.public
    late = pair.ends[0].connect(PATHS[1], key, pair.now)
    assert pair.carry(0) == 1 and pair.ends[1].pressing
    pair.settle()
    assert not late.half_open


def test_a_command_is_asked_for_what_it_has_to_tell_after_what_it_sends():
    pair = Pair()
    end = pair.ends[0]
    pair.near.close(pair.now)
    end.ask(pair.near)
    assert end.next_event() is None
    while end.poll_transmit(pair.out, pair.now):
        pass
    assert end.next_event() is not None and end.session is pair.near


def test_a_session_that_is_forgotten_while_it_is_awake_is_asked_no_more():
    pair = Pair()
    end = pair.ends[0]
    gone = []
    end.on_forgotten = gone.append
    end.wake(pair.near)
    end.forget(pair.near)
    assert gone == [pair.near] and not end.busy
    assert end.next_event() is None and not end.poll_transmit(pair.out, pair.now)
    end.wake(pair.near)  # a command that came late
    assert not end.poll_transmit(pair.out, pair.now) and end.next_event() is None
    end.handle_timer(pair.now + 60000)
    assert end.poll_timer() is None
