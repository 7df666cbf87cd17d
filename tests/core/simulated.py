"""Two nodes in a simulated network that send each other bytes: what the datagram tests share."""

import sys
from hashlib import sha256

import provided
from dsoftbus.const import (
    ANYONE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_MESSAGE,
    EV_OPENED,
    EV_READABLE,
    EV_RESET,
    EV_WRITABLE,
    HOST,
    REC_INIT,
    SUITE_CHACHA_SHA256,
    TAG_BYTES,
)
from dsoftbus.packet.drop_labels import labelled
from dsoftbus.session.datagram_session import flight
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from pairs import ToySuite

# On the WebAssembly port portable crypto takes longer than all else. It has its own tests there,
# and whole sessions in test_session and test_golden.
SUITE = ToySuite() if sys.platform == "webassembly" else provided.SUITE
SUITES = {SUITE_CHACHA_SHA256: SUITE}
LONG_MS = 3600000  # of virtual time: a bound for what ends long before


def opening(number: int) -> bytes:
    """An opening as anyone can make it: a fresh key, and a tag that nobody checks for free."""
    key = sha256(number.to_bytes(4, "big")).digest()
    return flight(REC_INIT, number, b"\x01\x01\x00" + key + key[:TAG_BYTES])


_STEPS = bytes(i * 7 & 0xFF for i in range(512))
_INVERSE = 183  # of 7, in arithmetic modulo 256: where a first byte stands in _STEPS


def pattern(n: int, salt: int) -> bytes:
    """Bytes in which a piece that is lost, doubled or misplaced shows: 256 in steps of 7, and
    again from 31 more on."""
    data = bytearray()
    for first in range(salt, salt + 31 * -(-n // 256), 31):
        at = first * _INVERSE & 0xFF
        data += _STEPS[at : at + 256]
    return bytes(data[:n])


class Talk:
    """Nodes `a` and `b`; `a` connects and opens a stream on which both send `size` bytes.

    `faults` are arguments of `Faults`; the failure of any check names the seed. With `lose(kind,
    n)` (the n-th datagram of its type) `wire` keeps what was sent.
    """

    def __init__(
        self, seed, size, faults=None, profile=HOST, mtu=1200, other_profile=None, lose=None
    ):
        self.what = "seed %d, %d bytes, mtu %d, %s, %s" % (
            seed,
            size,
            mtu,
            profile.__name__,
            faults,
        )
        self.world = World(seed)
        self.network = Network(self.world, Faults(**(faults or {})))
        self.a = self._node("a", profile, mtu)
        self.b = self._node("b", other_profile or profile, mtu)
        self.wire = []  # (source, destination, data)
        self._lose = lose
        self._sent = [0] * 256
        if lose is not None:
            self._send = self.network.send
            self.network.send = self.tap
        self.payload = {self.a: pattern(size, 1), self.b: pattern(size, 2)}
        self.sent = {self.a: 0, self.b: 0}
        self.got = {self.a: bytearray(), self.b: bytearray()}
        self.ended = {self.a: False, self.b: False}
        self.sessions = {self.a: None, self.b: None}
        self.messages = []
        self.closed = []  # (node, cause), in their order
        self.resets = 0
        self.sessions[self.a] = self.a.connect(self.b)

    def _node(self, name, profile, mtu):
        return SimNode(self.network, SUITES, profile, self.on_event, name, mtu, ANYONE)

    def tap(self, source, destination, data):
        self.wire.append((source, destination, data))
        self._sent[data[0]] += 1
        if not self._lose(data[0], self._sent[data[0]]):
            self._send(source, destination, data)

    # The program on both nodes

    def on_event(self, node, session, event):
        kind = event.kind
        if kind == EV_ESTABLISHED:
            self.on_established(node, session)
        elif kind == EV_OPENED:
            event.stream.accept()
            self.push(node, event.stream)
        elif kind in (EV_WRITABLE, EV_ACCEPTED):
            if not session.closed:
                self.push(node, event.stream)
        elif kind == EV_READABLE:
            self.pull(node, event.stream)
        elif kind == EV_RESET:
            self.resets += 1
        elif kind == EV_MESSAGE:
            message = session.recv_datagram()
            while message is not None:
                self.messages.append(message)
                message = session.recv_datagram()
        elif kind == EV_CLOSED:
            self.closed.append((node, session.cause))

    def on_established(self, node, session):
        self.sessions[node] = session
        if node is self.a:
            self.push(node, session.open("talk"))

    def push(self, node, stream):
        payload = self.payload[node]
        while self.sent[node] < len(payload):
            n = stream.send(payload, self.sent[node])
            if not n:
                return
            self.sent[node] += n
        if not stream.finishing:
            stream.finish()

    def pull(self, node, stream):
        while stream.readable:
            self.got[node] += stream.recv(4096)
        if stream.at_end:
            self.ended[node] = True

    # Checks

    def run(self, ms=LONG_MS):
        """Runs until both have all; asserts that it is the same bytes."""
        done = self.world.run(ms, self.is_done)
        assert done, "%s: after %d ms %d and %d bytes, %d ends, closed %s" % (
            self.what,
            self.world.now_ms,
            len(self.got[self.a]),
            len(self.got[self.b]),
            sum(self.ended.values()),
            self.closed,
        )
        assert self.got[self.a] == self.payload[self.b], self.what
        assert self.got[self.b] == self.payload[self.a], self.what
        return self

    def is_done(self):
        return self.ended[self.a] and self.ended[self.b]

    def finish(self):
        """Closes in order; asserts that both sides end, and that nothing is left behind."""
        self.sessions[self.a].close(self.world.now_ms)
        self.a.turn()
        self.world.run(LONG_MS, lambda: not (self.a.node.sessions or self.b.node.sessions))
        assert len(self.closed) == 2, "%s: %s" % (self.what, self.closed)
        assert not self.resets, self.what
        for node in (self.a, self.b):
            assert not node.node.sessions and not node.endpoint.sessions, self.what
            assert not node.endpoint.openings and not node.endpoint.half_open, self.what
        return self

    def kinds(self):
        """The types of all datagrams on the wire."""
        return [data[0] for _, _, data in self.wire]

    def longest(self):
        return max(len(data) for _, _, data in self.wire)

    def drops(self):
        """Label -> count, of both endpoints."""
        both = labelled(self.a.endpoint.drops)
        for label, n in labelled(self.b.endpoint.drops).items():
            both[label] = both.get(label, 0) + n
        return both
