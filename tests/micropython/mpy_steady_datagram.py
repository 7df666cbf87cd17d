"""The steady state of a datagram session allocates nothing: shown with the heap locked."""

import gc

import micropython
from dsoftbus.const import ANYONE, EV_OPENED, SMALL, TINY
from dsoftbus.node import Node
from dsoftbus_mpy import crypto
from support import Random, Skip

try:
    import dsoftbus_mpy.kernels.copy  # noqa: F401 - the kernel without which copying allocates views
except SyntaxError:
    raise Skip("this port has no viper emitter")

SUITE = crypto.suite()
FRAMES = 200


class Side:
    """An endpoint, its session, and the first stream that the peer opens."""

    def __init__(self, profile, seed):
        node = Node(
            {1: SUITE}, SUITE.keypair(Random(seed)(32)), Random(seed + 9), profile, allowed=ANYONE
        )
        self.node = node
        self.endpoint = node.endpoint(1200)
        self.session = None
        self.stream = None
        self.out = bytearray(1200)

    def send(self, peer, now):
        """All that is due, through the endpoint: for the handshake."""
        n = self.endpoint.poll_transmit(self.out, now)
        while n:
            peer.endpoint.receive_datagram(self.out, 0, now, n)
            n = self.endpoint.poll_transmit(self.out, now)
        event = self.endpoint.next_event()
        while event is not None:
            self.session = self.endpoint.session
            if event.kind == EV_OPENED:
                self.stream = event.stream
                event.stream.accept()
            event = self.endpoint.next_event()

    def pump(self, peer, now):
        """All that is due, past the endpoint's tables."""
        session = self.session
        session.handle_timer(now)
        n = session.poll_transmit(self.out, now)
        while n:
            peer.session.receive_datagram(self.out, n, 0, now)
            n = session.poll_transmit(self.out, now)
        while session.next_event() is not None:
            pass


def established(profile):
    ours, theirs = Side(profile, 1), Side(profile, 2)
    session = ours.endpoint.connect(0, theirs.node.public, 0)
    for now in range(0, 2500, 500):  # TINY asks for a cookie first
        ours.send(theirs, now)
        theirs.send(ours, now)
    ours.stream = session.open("steady")
    for now in range(2500, 2600, 20):
        ours.send(theirs, now)
        theirs.send(ours, now)
    return ours, theirs


def transfer(ours, theirs, data, into, rounds, now) -> int:
    """Sends `data` so many times and reads it; returns how many bytes were read."""
    at = 0
    received = 0
    while rounds:
        at += ours.stream.send(data, at)
        if at == len(data) and not ours.stream.pending:
            at = 0
            rounds -= 1
        now += 1
        ours.pump(theirs, now)
        n = theirs.stream.recv_into(into)
        while n:
            received += n
            n = theirs.stream.recv_into(into)
        theirs.pump(ours, now)
    return received


def check_locked(profile):
    ours, theirs = established(profile)
    data = bytearray(Random(3)(profile.frame_payload))
    into = bytearray(profile.frame_payload)
    transfer(ours, theirs, data, into, 20, 3000)
    gc.collect()
    micropython.heap_lock()
    try:
        received = transfer(ours, theirs, data, into, FRAMES, 10000)
    finally:
        micropython.heap_unlock()
    assert FRAMES * profile.frame_payload - received <= profile.frame_payload, received
    assert not ours.session.closed and not theirs.session.closed
    assert into == data


def test_small():
    check_locked(SMALL)


def test_tiny():
    check_locked(TINY)
