"""Two nodes with a cable, a network and a broker between them, and a transfer both ways."""

import hashlib

from dsoftbus.const import (
    ANYONE,
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_READABLE,
    EV_WRITABLE,
    HOST,
)
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.session.mover import Mover
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from simulated import SUITES, pattern

CABLE = 0
NETWORK = 1
BROKER = 2
LINE_MTU = 479
PIECE = 400
EVERY_MS = 100

CHARACTERS = (
    {"latency_ms": 3, "mtu": LINE_MTU},
    {"latency_ms": 8, "kilobytes_s": 500, "loss": 10},
    {"latency_ms": 60, "loss": 30, "reorder": 100},
)


class Three:
    """Nodes `a` and `b`, whose three links are ports 0 to 2 of each; number `begin`
    carries the session that `a` begins. Both send `pieces`, one every tenth of a second; the
    network takes datagrams of `mtu` bytes."""

    def __init__(self, seed=1, begin=CABLE, pieces=100, profile=HOST, mover=True, mtu=1200):
        self.world = World(seed)
        self.networks = [Network(self.world, Faults(**faults)) for faults in CHARACTERS]
        self.networks[NETWORK] = Network(self.world, Faults(mtu=mtu, **CHARACTERS[NETWORK]))
        self._mtu = mtu
        self.a = self._node("a", profile)
        self.b = self._node("b", profile)
        _neighbours(self.a.ports[CABLE].link, self.b.ports[CABLE].link)
        self.sessions = {self.a: None, self.b: None}
        self.streams = {}
        self.waiting = {self.a: b"", self.b: b""}
        self.said = {self.a: hashlib.sha256(), self.b: hashlib.sha256()}
        self.got = {self.a: hashlib.sha256(), self.b: hashlib.sha256()}
        self.sent = {self.a: 0, self.b: 0}
        self.received = {self.a: 0, self.b: 0}
        self.closed = []
        self.resets = 0
        self._pieces = {self.a: pieces, self.b: pieces}
        self._begin = begin
        self._chooses = mover
        self.mover = None
        self._wake_ms = -1
        session = self.a.ports[begin].endpoint.connect(
            self.address(self.b, begin), self.b.node.public, self.world.now_ms
        )
        self.sessions[self.a] = session
        self.a.turn()

    def _node(self, name, profile):
        node = SimNode(
            self.networks[CABLE], SUITES, profile, self._on_event, name, LINE_MTU, ANYONE, True
        )
        node.attach(self.networks[NETWORK], self._mtu)
        node.attach(self.networks[BROKER])
        return node

    # The links

    def address(self, node, link):
        """Returns where `node` is, as its peer sees it."""
        return NEIGHBOUR if link == CABLE else node.ports[link].address

    def cut(self, link, apart=True):
        ends = [node.ports[link].address for node in (self.a, self.b)]
        self.networks[link].part(ends[0], ends[1], apart)

    def join(self, link):
        self.cut(link, False)

    def pull(self, link):
        """It is cut, and the side that began the session is told."""
        self.cut(link)
        self.mover.lost(self.a.ports[link], self.world.now_ms)

    def where(self, node):
        """The links by number on which each of the sessions is."""
        for number in range(3):
            if self.sessions[node].endpoint is node.ports[number].endpoint:
                return number
        return -1

    @property
    def both(self):
        return self.where(self.a), self.where(self.b)

    def until(self, check, ms=60000):
        assert self.world.run(ms, check), "%d ms: on %s, silent %s, closed %s, %s of %s" % (
            self.world.now_ms,
            self.both,
            self.mover and self.mover.silent,
            self.closed,
            self.received,
            self.sent,
        )

    def until_on(self, link, ms=60000):
        self.until(lambda: self.both == (link, link), ms)

    # The program

    def _on_event(self, node, session, event):
        kind = event.kind
        if kind == EV_ESTABLISHED:
            self.sessions[node] = session
            if node is self.a:
                self._begins(session)
        elif kind == EV_OPENED:
            event.stream.accept()
            self._flows(node, event.stream)
        elif kind == EV_READABLE:
            while event.stream.readable:
                data = event.stream.recv(4096)
                self.got[node].update(data)
                self.received[node] += len(data)
        elif kind == EV_WRITABLE:
            self._push(node)
        elif kind == EV_CLOSED:
            self.closed.append((node, session.cause))

    def _begins(self, session):
        self._flows(self.a, session.open("transfer"))
        if self._chooses:
            self.mover = Mover(session, self.a.ports[self._begin], self._begin, self.world.now_ms)
            session.mover = self.mover
            self.mover.wake = self._arm
            for link in range(3):
                at = self.address(self.b, link)
                self.mover.offer(self.a.ports[link], at, link, self.world.now_ms)

    def _flows(self, node, stream):
        self.streams[node] = stream
        self._more(node)

    def _more(self, node):
        if self._pieces[node] and not self.closed:
            self._pieces[node] -= 1
            data = pattern(PIECE, self._pieces[node] & 255)
            self.said[node].update(data)
            self.waiting[node] += data
            self._push(node)
            self.world.after_ms(EVERY_MS, lambda: self._more(node))

    def _push(self, node):
        n = 1
        while n and self.waiting[node]:
            n = self.streams[node].send(self.waiting[node])
            self.sent[node] += n
            self.waiting[node] = self.waiting[node][n:]
        for port in node.ports:
            port.turn_soon(None)

    def _arm(self, _mover=None):
        deadline = self.mover.poll_timer()
        if deadline is None:
            return
        deadline = max(deadline, self.world.now_ms + 1)
        if self._wake_ms < 0 or deadline < self._wake_ms:
            self._wake_ms = deadline
            self.world.after_ms(deadline - self.world.now_ms, self._on_timer)

    def _on_timer(self):
        if self.world.now_ms >= self._wake_ms >= 0:
            self._wake_ms = -1
            self.mover.handle_timer(self.world.now_ms)
            self._arm()

    # Checks

    def done(self):
        return not (
            self._pieces[self.a]
            or self._pieces[self.b]
            or self.waiting[self.a]
            or self.waiting[self.b]
            or self.received[self.a] < self.sent[self.b]
            or self.received[self.b] < self.sent[self.a]
        )

    def finish(self):
        """All arrives, unchanged, and nothing is left behind of a session that is closed."""
        self.until(self.done, 120000)
        assert self.got[self.a].digest() == self.said[self.b].digest()
        assert self.got[self.b].digest() == self.said[self.a].digest()
        self.sessions[self.a].close(self.world.now_ms)
        self.a.turn()
        self.until(lambda: not (self.a.node.sessions or self.b.node.sessions))
        assert len(self.closed) == 2
        for node in (self.a, self.b):
            for port in node.ports:
                assert not port.endpoint.sessions and not port.endpoint.openings


def _neighbours(one, other):
    """A cable has one other end, which has no address but that."""
    for link, far in ((one, other.address), (other, one.address)):
        link.sendto = _to(link.sendto, far)
        link.recvfrom_into = _from(link.recvfrom_into)


def _to(sendto, far):
    return lambda buffer, n, path: sendto(buffer, n, far)


def _from(recvfrom_into):
    def received(buffer):
        got = recvfrom_into(buffer)
        return None if got is None else (got[0], NEIGHBOUR)

    return received
