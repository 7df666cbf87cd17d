"""Floods over UDP with their rates, in virtual time: honest peers get through, and the victim pays
no more than its budgets. Runs on every interpreter.
"""

import sys

from counting import CountingSuite
from dsoftbus.const import EV_ESTABLISHED, FLIGHT_HEADER, HOST, PKT_COOKIE, SMALL
from dsoftbus_sim.chance import Chance
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from simulated import SUITES, opening

LATENCY_MS = 20
INIT_BYTES = 56
LOOK_MS = 40  # between two looks at the places
ATTEMPTS = 3  # of honest peers, one after the other
EVERY_MS = 1500
# The port for a browser frees nothing while a test runs; the others have a whole flood.
FLOOD_US = 20000 if sys.platform == "webassembly" else 1000
_REMEMBERED = 512  # openings that an attacker shows a cookie for


class Scene:
    """A victim under `profile` that lets one honest peer in, and what it costs."""

    def __init__(self, profile, seed=1):
        self.world = World(seed)
        self.network = Network(self.world, Faults(latency_ms=LATENCY_MS))
        self.profile = profile
        self.victim = SimNode(self.network, SUITES, profile, self._on_event, "victim")
        self.honest = SimNode(self.network, SUITES, HOST, self._on_event, "honest")
        self.victim.node.allowed = (self.honest.node.public,)
        local = self.victim.node.local
        self.suite = CountingSuite(SUITES[1])
        local.suites = {1: self.suite}
        local.static = self.suite.keypair(bytes(range(32)))
        self.suite.multiplications = 0
        self.sent = 0  # by attackers
        self.established = 0  # sessions of the victim
        self.most = 0  # places
        self.over = False
        self._look()

    def _on_event(self, node, session, event):
        if node is self.victim and event.kind == EV_ESTABLISHED:
            self.established += 1

    def send(self, source, data):
        self.sent += len(data)
        self.network.send(source, self.victim.address, data)

    def _look(self):
        self.most = max(self.most, len(self.victim.node.sessions))
        if not self.over:
            self.world.after_ms(LOOK_MS, self._look)

    def connect(self):
        """An honest peer connects; whether it got its session in its ordinary time."""
        session = self.honest.connect(self.victim)
        ended = self.world.run(2 * HOST.handshake_ms, lambda: not session.half_open)
        served = ended and not session.closed and session.mux is not None
        if served:
            heard = self.world.run(5000, lambda: session._heard)
            served = heard and not session.closed
            session.close(self.world.now_ms)
            self.honest.turn()
        return served

    def serves(self):
        """Returns how many of the honest attempts go well, while all that was begun goes on."""
        served = 0
        for _ in range(ATTEMPTS):
            self.world.run(EVERY_MS)
            served += self.connect()
        self.over = True
        return served

    @property
    def seconds(self):
        return self.world.now_ms // 1000 + 1


class Openings:
    """Openings with fresh keys, one each `every_us`, from `addresses` true addresses in turn. It
    receives at each of them, and shows the cookies that it gets."""

    def __init__(self, scene, every_us, addresses=1):
        self.scene = scene
        self._chance = Chance(7)
        self._every_us = every_us
        self._links = [scene.network.attach(self._receive) for _ in range(addresses)]
        self._shown = [(-1, b"")] * _REMEMBERED  # (connection id, opening)
        self._turn = 0
        self._send()

    def _send(self):
        if self.scene.over:
            return
        link = self._links[self._turn % len(self._links)]
        self._turn += 1
        number = self._chance.below(1 << 30)
        sent = opening(number)
        self._shown[number % _REMEMBERED] = number, sent
        self.scene.send(link.address, sent)
        self.scene.world.at(self.scene.world.now_us + self._every_us, self._send)

    def _receive(self):
        buffer = bytearray(1201)
        for link in self._links:
            got = link.recvfrom_into(buffer)
            while got is not None:
                data = bytes(buffer[: got[0]])
                number = int.from_bytes(data[1:5], "big")
                known, shown = self._shown[number % _REMEMBERED]
                if data[0] == PKT_COOKIE and number == known:
                    self.scene.send(link.address, shown + data[FLIGHT_HEADER:])
                got = link.recvfrom_into(buffer)


class Strangers:
    """One stranger after the other ends its handshake with a key of its own, from `addresses`
    true addresses; each is refused, and says nothing more."""

    def __init__(self, scene, every_ms):
        self.scene = scene
        self._every_ms = every_ms
        self._begin()

    def _begin(self):
        if self.scene.over:
            return
        stranger = SimNode(self.scene.network, SUITES, HOST, self._on_event, "stranger")
        stranger.connect(self.scene.victim)
        self.scene.world.after_ms(self._every_ms, self._begin)

    def _on_event(self, node, session, event):
        if event.kind == EV_ESTABLISHED:
            node.link.recvfrom_into = lambda buffer: None  # deaf from now on
            self.scene.world.after_ms(100, lambda: self.scene.network.detach(node.link))


def within_budget(scene):
    """Four scalar multiplications a handshake, and no more handshakes than the profile has in a
    second; the honest ones, and what had gathered, come on top."""
    handshakes = scene.profile.handshakes * (scene.seconds + 1) + ATTEMPTS
    return scene.suite.multiplications <= 4 * handshakes


def test_one_address_leaves_room_for_others_under_small():
    """1.3 kB/s from one true address, which shows its cookies."""
    scene = Scene(SMALL)
    Openings(scene, 1000000 * INIT_BYTES // 1300)
    assert scene.serves() == ATTEMPTS
    assert within_budget(scene)


def test_a_hundred_times_as_many_from_one_address_leave_room_too():
    scene = Scene(SMALL)
    Openings(scene, 430)
    assert scene.serves() == ATTEMPTS
    assert within_budget(scene)


def test_few_true_addresses_leave_room_for_others_under_small():
    scene = Scene(SMALL)
    Openings(scene, 1000000 * INIT_BYTES // 1300, addresses=3)
    assert scene.serves() == ATTEMPTS
    assert within_budget(scene)


def test_one_address_leaves_room_for_others_on_a_host():
    scene = Scene(HOST)
    Openings(scene, FLOOD_US)
    assert scene.serves() == ATTEMPTS
    assert within_budget(scene)


def test_refused_strangers_hold_no_place_under_small():
    """About 229 B/s: one stranger in a second that ends its handshake and falls silent."""
    scene = Scene(SMALL)
    Strangers(scene, 800)
    served = scene.serves()
    assert scene.most <= SMALL.half_open + 1
    assert served == ATTEMPTS
