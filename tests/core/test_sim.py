"""The simulated network itself: its faults are what they say, and a seed repeats them."""

import sys

from dsoftbus.const import ANYONE, EV_ESTABLISHED, EV_OPENED, EV_READABLE, SMALL
from dsoftbus.node import Node
from dsoftbus.pump import Pump
from dsoftbus_sim.chance import Chance
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.pipe import pipe
from dsoftbus_sim.world import World
from simulated import SUITES, Talk

NODES = 200 if sys.implementation.name == "cpython" else 12  # handshakes are slow elsewhere


class Ear:
    """A link that keeps what it hears, and when."""

    def __init__(self, world, faults, count=1000, every_us=1000):
        self.world = world
        network = Network(world, Faults(**faults))
        self.heard = []
        self.mouth = network.attach(lambda: None)
        self.link = network.attach(self.on_datagram)
        self.network = network
        for n in range(count):
            world.at(n * every_us, lambda n=n: self.say(n))
        world.run(100000)

    def say(self, n):
        self.mouth.sendto(bytes((n >> 8, n & 0xFF)) + bytes(98), 100, self.link.address)

    def on_datagram(self):
        buffer = bytearray(1200)
        got = self.link.recvfrom_into(buffer)
        assert got == (100, self.mouth.address)
        self.heard.append((buffer[0] << 8 | buffer[1], self.world.now_us, bytes(buffer[:100])))

    def numbers(self):
        return [n for n, _, _ in self.heard]


def test_a_good_path_only_takes_time():
    ear = Ear(World(1), {"latency_ms": 7})
    assert ear.numbers() == list(range(1000))
    assert all(at == n * 1000 + 7000 for n, at, _ in ear.heard)


def test_chances_are_what_they_say():
    assert 750 <= len(Ear(World(1), {"loss": 200}).heard) <= 850
    assert 1170 <= len(Ear(World(1), {"duplicate": 200}).heard) <= 1230
    late = Ear(World(1), {"reorder": 200, "reorder_ms": 20}).numbers()
    assert sorted(late) == list(range(1000)) and late != sorted(late)
    changed = Ear(World(1), {"corrupt": 200}).heard
    assert 150 <= sum(data[2:] != bytes(98) for _, _, data in changed) <= 250


def test_bursts_lose_neighbours():
    numbers = Ear(World(1), {"burst_begin": 20, "burst_end": 200}).numbers()
    gaps = [numbers[i + 1] - n - 1 for i, n in enumerate(numbers[:-1])]
    assert 5 <= sum(gap > 0 for gap in gaps) <= 40 and max(gaps) >= 5


def test_bandwidth_and_queue():
    slow = Ear(World(1), {"kilobytes_s": 50, "latency_ms": 0, "queue_bytes": 1000000})
    assert slow.heard[-1][1] == 2000000  # 1000 of 100 bytes at 50 kB/s
    short = Ear(World(1), {"kilobytes_s": 50, "latency_ms": 0, "queue_bytes": 500})
    assert 490 <= len(short.heard) <= 510


def test_cuts_sizes_and_moves():
    ear = Ear(World(1), {"mtu": 99}, 1)
    assert not ear.heard
    ear = Ear(World(1), {}, 0)
    ear.network.part(ear.mouth.address, ear.link.address)
    ear.say(1)
    ear.network.part(ear.mouth.address, ear.link.address, False)
    ear.say(2)
    ear.world.run(10)
    old = ear.link.address
    ear.network.move(ear.link)
    ear.mouth.sendto(bytes(100), 100, old)
    ear.say(3)
    ear.world.run(10)
    assert ear.numbers() == [2, 3]


def test_a_seed_repeats_everything():
    def trace(seed):
        faults = {"loss": 100, "reorder": 200, "duplicate": 50, "corrupt": 20, "latency_ms": 3}
        talk = Talk(seed, 3000, faults, lose=lambda kind, n: False)
        talk.run()
        return talk.world.now_us, talk.wire

    assert trace(5) == trace(5) != trace(6)


def test_many_nodes_in_one_process():
    world = World(1)
    network = Network(world, Faults(latency_ms=5, loss=20))
    got = []

    def on_event(node, session, event):
        if event.kind == EV_ESTABLISHED and session.initiator:
            stream = session.open("hello")
            stream.send(node.node.id.encode())
            stream.finish()
        elif event.kind == EV_OPENED:
            event.stream.accept()
        elif event.kind == EV_READABLE and event.stream.at_end is False:
            got.append(event.stream.recv(100).decode())

    nodes = [SimNode(network, SUITES, SMALL, on_event, allowed=ANYONE) for _ in range(NODES)]
    for i, node in enumerate(nodes):
        node.connect(nodes[i - 1])
    world.run(10000)
    assert sorted(got) == sorted(node.node.id for node in nodes)
    assert all(len(node.node.sessions) == 2 for node in nodes)  # with both neighbours in the ring


def test_a_stream_link_carries_the_same_sessions():
    world = World(1)
    chance = Chance(9)
    nodes = [
        Node(SUITES, SUITES[1].keypair(chance(32)), chance, SMALL, allowed=ANYONE)
        for _ in range(2)
    ]
    ends = pipe(world, 10)
    sessions = (nodes[0].connect(nodes[1].public, 0), nodes[1].accept(0))
    got = bytearray()

    def on_event(event):
        if event.kind == EV_OPENED:
            event.stream.accept()
        elif event.kind == EV_READABLE:
            got.extend(event.stream.recv(100))

    pumps = []
    for session, end in zip(sessions, ends):
        pump = Pump(session, end, on_event)
        end.on_change = lambda pump=pump: pump.run(world.now_ms)
        pumps.append(pump)
    pumps[0].run(0)
    world.run(100)
    stream = sessions[0].open("s")
    stream.send(b"through a pipe")
    pumps[0].run(world.now_ms)
    world.run(100)
    assert got == b"through a pipe"
    sessions[0].close(world.now_ms)
    pumps[0].run(world.now_ms)
    world.run(100)
    assert sessions[1].closed
