"""Sessions that are said to have moved to a target's address, in virtual time: what comes there is
at most three times what was sent from there. Runs on every interpreter.
"""

import sys

from dsoftbus.base.codec import get_u32, put_u32
from dsoftbus.const import (
    BODY_CLOSE,
    BODY_MESSAGE,
    BODY_NONE,
    BODY_PROBE,
    BODY_SEGMENT,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_WRITABLE,
    HOST,
    PACKET_HEADER,
    SMALL,
    WINDOW_UPDATE,
)
from dsoftbus.mux.stream_states import CLOSED
from dsoftbus.packet.packets import PACKET_OVERHEAD
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from pairs import frame, u32
from simulated import SUITES

LATENCY_MS = 5
TIMES = 3
AFTER_MS = 120000  # of watching: keepalive, probes and farewells come late
CHUNK = bytes(4096)


class Target:
    """Somebody at an address, who counts what comes."""

    def __init__(self, network):
        self.bytes = 0
        self.largest = -1  # packet number that came
        self._link = network.attach(self._receive)
        self.address = self._link.address

    def _receive(self):
        buffer = bytearray(1201)
        got = self._link.recvfrom_into(buffer)
        while got is not None:
            self.bytes += got[0]
            self.largest = max(self.largest, get_u32(buffer, PACKET_HEADER - 4))
            got = self._link.recvfrom_into(buffer)


class Moving:
    """A victim that sends all it may, and a peer of it that lies about its address."""

    def __init__(self, profile):
        self.world = World(1)
        self.network = Network(self.world, Faults(latency_ms=LATENCY_MS))
        self.victim = SimNode(self.network, SUITES, profile, self._on_event, "victim")
        self.peer = SimNode(self.network, SUITES, HOST, self._on_event, "peer")
        self.victim.node.allowed = (self.peer.node.public,)
        self.sent = {}  # bytes by the address that they claimed to come from
        self.session = self.peer.connect(self.victim)
        self.world.run(5000, lambda: self.session.mux is not None and self.session._heard)
        self.stream = self.session.open("endless")
        self.peer.turn()
        self.world.run(500)

    def _on_event(self, node, session, event):
        if event.kind == EV_ESTABLISHED and node is self.victim:
            self.victims = session
        elif node is self.peer:
            return  # it reads nothing: its credit is spent, and more is the attacker's to give
        elif event.kind == EV_OPENED:
            event.stream.accept()
            self._push(event.stream)
        elif event.kind == EV_WRITABLE:
            self._push(event.stream)

    def _push(self, stream):
        while stream.state < CLOSED and stream.send(CHUNK):
            pass

    def targets(self, n):
        return [Target(self.network) for _ in range(n)]

    def say(self, target, text, latency_ms=2 * LATENCY_MS):
        """One packet from the target's address; then a round trip."""
        out = bytearray(PACKET_OVERHEAD + len(text))
        out[PACKET_HEADER : PACKET_HEADER + len(text)] = text
        self.session.protection.seal(out, PACKET_HEADER, PACKET_HEADER + len(text), out)
        self.sent[target.address] = self.sent.get(target.address, 0) + len(out)
        self.network.send(target.address, self.victim.address, bytes(out))
        self.world.run(latency_ms)

    def credit(self, n=1 << 28):
        """A segment that gives so much credit."""
        number = self.session.reliable._outbox._next
        more = u32(n)
        frames = frame(WINDOW_UPDATE, 0, more) + frame(WINDOW_UPDATE, self.stream.id, more)
        return bytes((BODY_SEGMENT,)) + u32(number) + frames

    def acknowledged(self, target):
        """An acknowledgement of all that has been seen, of which the attacker has to guess."""
        largest = max(target.largest, self.session.protection._window.largest)
        out = bytearray(11)
        out[0] = BODY_NONE | 1 << 3
        put_u32(out, 1, largest)
        out[9:11] = min(largest + 1, 0xFFFF).to_bytes(2, "big")
        return bytes(out)

    def still(self):
        """The peer itself says no more: what comes is the attacker's doing."""
        self.peer.link.recvfrom_into = lambda buffer: None
        self.network.detach(self.peer.link)

    def check(self, *targets):
        self.world.run(AFTER_MS)
        for target in targets:
            sent = self.sent[target.address]
            assert target.bytes <= TIMES * sent, (target.bytes, sent)


def moving():
    """For each kind of victim; the port for a browser frees nothing while a test runs, and has
    room for the small one."""
    yield Moving(SMALL)
    if sys.platform != "webassembly":
        yield Moving(HOST)


def test_one_packet():
    for body in (BODY_NONE, BODY_PROBE):
        for scene in moving():
            (target,) = scene.targets(1)
            scene.still()
            scene.say(target, bytes((body,)))
            scene.check(target)


def test_a_close():
    """The farewell, too, goes to an address that has shown nothing."""
    for scene in moving():
        (target,) = scene.targets(1)
        scene.still()
        scene.say(target, bytes((BODY_CLOSE, 0)))
        scene.check(target)


def test_acknowledgements_of_what_was_sent_there():
    for scene in moving():
        (target,) = scene.targets(1)
        scene.still()
        scene.say(target, scene.credit())
        for _ in range(150):
            scene.say(target, scene.acknowledged(target))
        scene.check(target)


def test_messages_and_probes():
    for scene in moving():
        (target,) = scene.targets(1)
        scene.still()
        for i in range(50):
            scene.say(target, bytes((BODY_MESSAGE, i)))
            scene.say(target, bytes((BODY_PROBE,)))
        scene.check(target)


def test_several_targets_in_turn():
    for scene in moving():
        targets = scene.targets(5)
        scene.still()
        scene.say(targets[0], scene.credit())
        for i in range(100):
            target = targets[i % 5]
            scene.say(target, scene.acknowledged(target))
        scene.check(*targets)


def test_there_and_back():
    """Each return to the true address must not make the allowance of the target new."""
    for scene in moving():
        (target,) = scene.targets(1)
        scene.say(target, scene.credit(1 << 18))
        for _ in range(50):
            scene.say(target, scene.acknowledged(target))
            scene.session.ping(scene.world.now_ms)
            scene.peer.turn()
            scene.world.run(2 * LATENCY_MS)
        scene.still()
        scene.check(target)


def test_acknowledgements_of_what_was_never_sent_end_the_session():
    for scene in moving():
        (target,) = scene.targets(1)
        scene.still()
        scene.say(target, scene.credit())
        target.largest = scene.session.protection._window.largest
        for _ in range(50):
            target.largest += 32
            scene.say(target, scene.acknowledged(target))
        assert scene.victims.closed
        scene.check(target)
