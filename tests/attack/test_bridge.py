"""Strangers on the network before a board that has only a cable, in virtual time: an honest peer
begins a session with the board through the bridge, whatever one stranger sends."""

import pytest

from attack.test_sim_udp import INIT_BYTES, Openings, Strangers
from counting import counted
from dsoftbus.const import HOST, SMALL
from dsoftbus_host import crypto
from dsoftbus_host.bridge.relay import Relay
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from simulated import SUITES
from support import Random

MTU = 479
BYTE_US = 87  # of a line with 115200 baud
ATTEMPTS = 4
EVERY_MS = 1500


class Wire:
    """The board's link: datagrams with a channel, and a pace each way."""

    mtu = MTU

    def __init__(self, world):
        self._world = world
        self._waiting = []
        self._free_us = 0
        self.on_datagram = None
        self.from_board = None  # called with (data, channel)

    def put(self, data, channel):
        """Towards the board; it is there when its last byte is."""
        self._waiting.append((data, channel))
        self.on_datagram()

    def recvfrom_into(self, buffer):
        if not self._waiting:
            return None
        data, channel = self._waiting.pop(0)
        buffer[: len(data)] = data
        return len(data), channel

    def sendto(self, buffer, n, channel):
        data = bytes(buffer[:n])
        self._free_us = max(self._free_us, self._world.now_us) + n * BYTE_US
        self._world.at(self._free_us, lambda: self.from_board(data, channel))
        return True

    def close(self):
        pass


class Scene:
    """A board under SMALL that lets one honest peer in, behind a bridge; `victim` is what an
    attacker sees of it."""

    profile = SMALL

    def __init__(self):
        self.world = World(1)
        self.network = Network(self.world, Faults(latency_ms=5))
        self.honest = SimNode(self.network, SUITES, HOST, _ignore, "honest")
        self.relay = Relay(crypto.suite(1), Random(9), MTU)
        self.bridge = self.network.attach(self._from_network)
        self.wire = Wire(self.world)
        self.wire.from_board = self._from_board
        self.board = SimNode(Cabled(self.network, self.wire), SUITES, SMALL, _ignore, "board", MTU)
        self.board.node.allowed = (self.honest.node.public,)
        self.suite = counted(self.board.node)
        self.wire.on_datagram = self.board.turn
        self.over = False
        self.sent = 0
        self._busy = False
        self._tick()

    # What attackers need

    @property
    def victim(self):
        return self

    @property
    def address(self):
        return self.bridge.address

    @property
    def node(self):
        return self.board.node

    def send(self, source, data):
        self.sent += len(data)
        self.network.send(source, self.address, data)

    # The bridge

    def _from_network(self):
        buffer = bytearray(1201)
        got = self.bridge.recvfrom_into(buffer)
        while got is not None:
            data, source = bytes(buffer[: got[0]]), (f"10.0.0.{got[1]}", 4000)
            answer = self.relay.from_network(data, source, self.world.now_ms)
            if answer is not None:
                self.network.send(self.address, got[1], answer)
            got = self.bridge.recvfrom_into(buffer)
        self._feed()

    def _feed(self):
        """The cable takes one datagram after the other."""
        if self._busy:
            return
        item = self.relay.next_for_line()
        if item is not None:
            self._busy = True
            self.world.at(self.world.now_us + len(item[0]) * BYTE_US, lambda: self._arrived(item))

    def _arrived(self, item):
        self._busy = False
        self.wire.put(*item)
        self._feed()

    def _from_board(self, data, channel):
        to = self.relay.from_line(data, channel, self.world.now_ms)
        if to is not None:
            self.network.send(self.address, int(to[0].rpartition(".")[2]), data)

    def _tick(self):
        self.relay.handle_timer(self.world.now_ms)
        if not self.over:
            self.world.after_ms(1000, self._tick)

    # The honest peer

    def serves(self):
        """Returns how many of its attempts go well."""
        served = 0
        for _ in range(ATTEMPTS):
            self.world.run(EVERY_MS)
            session = self.honest.endpoint.connect(
                self.address, self.board.node.public, self.world.now_ms
            )
            self.honest.turn()
            self.world.run(2 * HOST.handshake_ms, lambda s=session: s.closed or s._heard)
            served += session._heard and not session.closed
            session.close(self.world.now_ms)
            self.honest.turn()
        self.over = True
        return served


class Cabled:
    """The interface that SimNode asks of a network, for a node with another link."""

    def __init__(self, network, wire):
        self.world = network.world
        self._wire = wire

    def attach(self, on_datagram):
        return self._wire


def _ignore(node, session, event):
    """The program has nothing to do."""


def test_without_an_attacker_each_attempt_goes_well():
    scene = Scene()
    assert scene.serves() == ATTEMPTS


@pytest.mark.parametrize("bytes_a_second", [1200, 12000])
def test_one_stranger_does_not_block_new_handshakes(bytes_a_second):
    scene = Scene()
    Openings(scene, 1000000 * INIT_BYTES // bytes_a_second)
    assert scene.serves() == ATTEMPTS
    seconds = scene.world.now_ms // 1000 + 1
    assert scene.suite.multiplications <= 4 * (SMALL.handshakes * (seconds + 1) + ATTEMPTS)


def test_strangers_that_are_refused_do_not_block_new_handshakes():
    scene = Scene()
    Strangers(scene, 800)
    assert scene.serves() == ATTEMPTS
