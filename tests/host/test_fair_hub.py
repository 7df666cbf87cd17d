"""A peer in a flood takes the turn of no other, in virtual time.

The hub's own link takes ten datagrams in a ms, all peers together, as a network does.
"""

from __future__ import annotations

from collections import deque

import pytest

from dsoftbus.base.deadlines import Deadlines
from dsoftbus.const import ANYONE, EV_ESTABLISHED, EV_OPENED, EV_READABLE, HOST
from dsoftbus.hub import Hub
from dsoftbus.session.hub_endpoint import BURST
from dsoftbus_sim.chance import Chance
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from simulated import SUITES

PER_MS = 10
LATENCY_MS = 5
PIECE = bytes(16384)


class NarrowLink:
    """A link that takes no more than `PER_MS` datagrams in a ms, and then says when it does."""

    def __init__(self, link, world, on_writable) -> None:
        self.link, self.world, self.on_writable = link, world, on_writable
        self.address, self.mtu = link.address, link.mtu
        self.recvfrom_into = link.recvfrom_into
        self.close = link.close
        self.now = self.taken = -1

    def sendto(self, buffer, n, path) -> bool:
        if self.now != self.world.now_ms:
            self.now, self.taken = self.world.now_ms, 0
        if self.taken >= PER_MS:
            if self.taken == PER_MS:
                self.world.at((self.now + 1) * 1000, self.on_writable)
            self.taken = PER_MS + 1
            return False
        self.taken += 1
        return self.link.sendto(buffer, n, path)


class HubNode(SimNode):
    """Sends as much as it can on each stream `flood`, and answers on each stream `echo`."""

    KIND = Hub

    def __init__(self, network) -> None:
        super().__init__(network, SUITES, HOST, serve, "hub", allowed=ANYONE)
        self.ports[0]._pump.link = NarrowLink(self.link, self.world, self.turn)

    def tell(self, session, event) -> None:
        super().tell(session, event)
        self.endpoint.wake(session)


def serve(_node, _session, event) -> None:
    stream = event.stream
    if event.kind == EV_OPENED:
        stream.accept()
    if stream is not None and stream.name == "flood":
        while stream.send(PIECE):
            pass
    elif event.kind == EV_READABLE:
        stream.send(stream.recv(32))


class Peer(SimNode):
    """Takes a flood of the hub, or asks for an echo of 32 bytes every 50 ms."""

    def __init__(self, network, hub, name: str) -> None:
        super().__init__(network, SUITES, HOST, self.on_event, name)
        self.kind = name
        self.bytes = 0
        self.asked: deque[int] = deque()
        self.took_ms: list[int] = []
        self.stream = None
        self.connect(hub)

    def on_event(self, _node, session, event) -> None:
        if event.kind == EV_ESTABLISHED:
            self.stream = session.open(self.kind)
            if self.kind == "echo":
                self.ask()
        elif event.kind == EV_READABLE:
            while got := event.stream.recv(65536):
                self.bytes += len(got)
                if self.kind == "echo":
                    self.took_ms.append(self.world.now_ms - self.asked.popleft())

    def ask(self) -> None:
        self.asked.append(self.world.now_ms)
        self.stream.send(bytes(32))
        self.world.after_ms(50, self.ask)
        self.world.after_ms(0, self.turn)


@pytest.mark.parametrize("floods", [1, 20])
def test_a_flood_takes_the_turn_of_no_other_peer(floods):
    world = World(1)
    network = Network(world, Faults(latency_ms=LATENCY_MS))
    hub = HubNode(network)
    flooded = [Peer(network, hub, "flood") for _ in range(floods)]
    quiet = Peer(network, hub, "echo")
    world.run(3000)
    assert sum(peer.bytes for peer in flooded) > 2_000_000  # the link was never idle
    assert len(quiet.took_ms) > 40
    turn_ms = floods * BURST / PER_MS
    assert max(quiet.took_ms) <= 2 * LATENCY_MS + 2 * turn_ms + 5


def test_deadlines_come_in_their_order_and_none_is_lost():
    chance = Chance(5)
    deadlines = Deadlines()
    due: dict[int, int] = {}
    for now in range(20_000):
        key = chance.below(50)
        deadline = now + 1 + chance.below(1000)
        if chance.happens(200):
            due.pop(key, None)
            deadlines.put(key, None)
        elif key not in due or deadline < due[key]:
            due[key] = deadline
            deadlines.put(key, deadline)
        else:
            deadlines.put(key, deadline)  # it has moved away: nothing is set
        assert deadlines.first() == min(due.values(), default=None)
        while (key := deadlines.take(now)) >= 0:
            assert due.pop(key) <= now
        assert len(deadlines._at) <= len(due)  # nothing stale is left
