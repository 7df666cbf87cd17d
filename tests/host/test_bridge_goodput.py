"""A session through a bridge in virtual time: a host on the network, a board on a slow cable."""

import pytest

from core.simulated import SUITES, pattern
from core.support import Random
from core.test_serial_sessions import Port, Side
from core.wires import Way
from dsoftbus.const import ANYONE, EV_ACCEPTED, HOST, SMALL, SUITE_CHACHA_SHA256
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.line.line_link import LineLink
from dsoftbus.node import Node
from dsoftbus_host import crypto
from dsoftbus_host.bridge.relay import Relay

BRIDGE = ("192.0.2.1", 4000)
PEER = ("192.0.2.7", 5000)
PERCENT = 655  # of 65536
SIZE = 40000
STEP_US = 250


class Ether:
    """The network between a node and the bridge: without loss or delay."""

    mtu = 1200

    def __init__(self):
        self.to_bridge = []
        self.to_node = []

    def recvfrom_into(self, buffer):
        if not self.to_node:
            return None
        data = self.to_node.pop(0)
        buffer[: len(data)] = data
        return len(data), BRIDGE

    def sendto(self, buffer, n, path):
        self.to_bridge.append(bytes(buffer[:n]))
        return True

    def close(self):
        pass


class World:
    """A node of a host, the bridge, a cable of `baud`, and a board."""

    def __init__(self, baud: int, noise: int = 0):
        self.random = Random(1)
        self.now_us = 0
        self.cable = self  # for Port and Side
        ways = [Way(baud, self.random, noise), Way(baud, self.random, noise)]
        self.board = Side(self, ways, SMALL, pattern(SIZE, 2))
        self.link = LineLink(Port(self, ways[1], ways[0]), 7, HOST)
        self.relay = Relay(crypto.suite(SUITE_CHACHA_SHA256), self.random, self.link.mtu)
        self.multicast = Ether()
        static = SUITES[SUITE_CHACHA_SHA256].keypair(self.random(32))
        node = Node(SUITES, static, self.random, HOST, allowed=ANYONE)
        self.endpoint = node.endpoint(1200)
        self.pump = DatagramPump(self.endpoint, self.multicast, self._on_event)
        self.session = self.endpoint.connect(BRIDGE, self.board.node.public, 0)
        self.stream = None
        self.sends = pattern(SIZE, 1)
        self.at = 0
        self.got = bytearray()
        self.opened_us = 0
        self._held = None
        self._buffer = bytearray(1201)

    def _on_event(self, session, event):
        if event.kind == EV_ACCEPTED:
            self.stream = event.stream

    def run(self, seconds: int) -> None:
        """Runs until both sides have what the other sends."""
        while not (self.got == self.board.sends and self.board.got == self.sends):
            assert self.now_us < seconds * 1000000, f"{len(self.got)}, {len(self.board.got)}"
            now = self.now_us // 1000
            self._turn_node(now)
            self._turn_bridge(now)
            self.board.turn(now)
            self.now_us += STEP_US

    def _turn_node(self, now: int) -> None:
        self.pump.run(now)
        if self.session.mux is not None and not self.opened_us:
            self.opened_us = self.now_us
            self.session.open("data")
        if self.stream is not None:
            self.got += self.stream.recv(self.stream.readable)
            if self.at < len(self.sends) and not self.stream.pending:
                self.at += self.stream.send(self.sends, self.at)
        self.pump.turn(now)

    def _turn_bridge(self, now: int) -> None:
        link = self.link
        link.now = now
        for data in self.multicast.to_bridge:
            assert self.relay.from_network(data, PEER, now) is None
        self.multicast.to_bridge.clear()
        got = link.recvfrom_into(self._buffer)
        while got is not None:
            data = bytes(self._buffer[: got[0]])
            if self.relay.from_line(data, got[1], now) == PEER:
                self.multicast.to_node.append(data)
            got = link.recvfrom_into(self._buffer)
        link.handle_timer(now)
        while self._feed() | link.flush():
            pass

    def _feed(self) -> bool:
        self._held = self._held or self.relay.next_for_line()
        if self._held is None or not self.link.sendto(
            self._held[0], len(self._held[0]), self._held[1]
        ):
            return False
        self._held = None
        return True


@pytest.mark.parametrize("baud", [115200, 921600])
@pytest.mark.parametrize("to_board", [True, False])
def test_three_quarters_of_the_line_rate_either_way(baud, to_board):
    world = World(baud)
    if to_board:
        world.board.sends = b""
    else:
        world.sends = b""
    world.run(60)
    share = SIZE * 10000000 / baud / (world.now_us - world.opened_us)
    assert share >= 0.75, f"{share:.3f}"
    assert not world.relay.drops


def test_both_ways_at_once_over_a_noisy_cable():
    world = World(921600, noise=PERCENT)
    world.run(200)
