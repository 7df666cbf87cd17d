"""The steady state of a stream allocates nothing: shown with the heap locked."""

import gc

import micropython
from dsoftbus.const import ANYONE, EV_OPENED, SMALL, TINY
from dsoftbus.node import Node
from dsoftbus.pump import Pump
from dsoftbus_mpy import crypto
from support import Random, Skip

try:
    import dsoftbus_mpy.kernels.copy  # noqa: F401 - the kernel without which copying allocates views
except SyntaxError:
    raise Skip("this port has no viper emitter")

SUITE = crypto.suite()

FRAMES = 200


class Wire:
    """One end of a link in memory: what `peer` wrote, this end reads. Makes nothing."""

    def __init__(self, capacity: int):
        self._held = bytearray(capacity)
        self._used = 0
        self.peer = self

    def readinto(self, view):
        n = min(len(view), self._used)
        if n == 0:
            return None
        SUITE.copy(view, 0, self._held, 0, n)
        SUITE.copy(self._held, 0, self._held, n, self._used - n)
        self._used -= n
        return n

    def write(self, buffer, at: int, stop: int):
        return self.peer.take(buffer, at, stop - at)

    def take(self, buffer, at: int, n: int) -> int:
        n = min(n, len(self._held) - self._used)
        SUITE.copy(self._held, self._used, buffer, at, n)
        self._used += n
        return n

    def close(self):
        self._used = 0


class Side:
    """A session with its pump, and the first stream that its peer opens."""

    def __init__(self, profile):
        self.wire = Wire(4 * profile.receive_bytes)
        self.stream = None
        self.pump = None

    def drive(self, session):
        self.session = session
        self.pump = Pump(session, self.wire, self._on_event)

    def _on_event(self, event):
        if event.kind == EV_OPENED:
            self.stream = event.stream
            event.stream.accept()

    def turn(self):
        self.pump.read(0)
        self.pump.turn(0)


def established(profile):
    """Two sides with a stream between them, and everything grown to its final size."""
    nodes = [
        Node({1: SUITE}, SUITE.keypair(Random(n)(32)), Random(n + 9), profile, allowed=ANYONE)
        for n in (1, 2)
    ]
    ours, theirs = Side(profile), Side(profile)
    ours.wire.peer, theirs.wire.peer = theirs.wire, ours.wire
    theirs.drive(nodes[1].accept(0))
    ours.drive(nodes[0].connect(nodes[1].public, 0))
    turns(ours, theirs, 6)
    ours.stream = ours.session.open("steady")
    turns(ours, theirs, 4)
    return ours, theirs


def turns(ours, theirs, count: int):
    for _ in range(count):
        ours.turn()
        theirs.turn()


def transfer(ours, theirs, data, into, rounds: int) -> int:
    """Sends `data` so many times and reads it; returns how many bytes were read."""
    at = 0
    received = 0
    while rounds:
        at += ours.stream.send(data, at)
        if at == len(data) and not ours.stream.pending:
            at = 0
            rounds -= 1
        ours.turn()
        theirs.turn()
        n = theirs.stream.recv_into(into)
        while n:
            received += n
            n = theirs.stream.recv_into(into)
        theirs.turn()
        ours.turn()
    return received


def check_locked(profile):
    ours, theirs = established(profile)
    data = bytearray(Random(3)(profile.frame_payload))
    into = bytearray(profile.frame_payload)
    transfer(ours, theirs, data, into, 20)
    gc.collect()
    micropython.heap_lock()
    try:
        received = transfer(ours, theirs, data, into, FRAMES)
    finally:
        micropython.heap_unlock()
    assert received == FRAMES * profile.frame_payload, received
    assert not ours.session.closed and not theirs.session.closed
    assert into == data


def test_small():
    check_locked(SMALL)


def test_tiny():
    check_locked(TINY)
