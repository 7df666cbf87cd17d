"""Hypothesis drives two datagram sessions with random programs over a network with faults.

These hold whatever they and the network do: bytes in are bytes out, in order; messages arrive once
or never; every queue stays within its bound; nobody waits for ever; and in the end all credit is
back.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from datagram_world import DatagramWorld, datagram_profile
from draws import draws
from mux_machine import SIDE, Machine

PROFILE = st.builds(
    datagram_profile,
    credit=st.sampled_from((64, 256, 2048)),
    payload=st.sampled_from((7, 300, 1024)),
    streams=st.integers(1, 4),
    growth=st.integers(0, 3),
    segments=st.sampled_from((1, 2, 5, 8, 64)),
    datagram_bytes=st.sampled_from((200, 333, 1200)),
    messages=st.integers(1, 4),
)
PERMILLE = st.sampled_from((0, 0, 10, 100, 300))
FAULTS = st.fixed_dictionaries(
    {
        "loss": PERMILLE,
        "reorder": PERMILLE,
        "duplicate": PERMILLE,
        "corrupt": PERMILLE,
        "latency_ms": st.sampled_from((1, 20, 300)),
    }
)


class DatagramMachine(Machine):
    world: DatagramWorld

    @initialize(one=PROFILE, other=PROFILE, seed=st.integers(0, 1 << 30), faults=FAULTS)
    def start(self, one, other, seed, faults):
        self.world = DatagramWorld((one, other), seed, faults)

    @rule(faults=FAULTS)
    def weather(self, faults):
        self.world.weather(faults)

    @rule(ms=st.one_of(st.integers(0, 30), st.integers(0, 5000)))
    def pass_time(self, ms):
        self.world.pass_time(ms)

    @rule(ms=st.integers(100, 60000))
    def cut(self, ms):
        self.world.cut(ms)

    @rule()
    def move(self):
        self.world.move()

    @rule(side=SIDE)
    def copy(self, side):
        self.world.copy(side)

    @rule(side=SIDE, n=st.integers(0, 1300))
    def say(self, side, n):
        self.world.say(side, n)


TestDatagramSessions = DatagramMachine.TestCase
TestDatagramSessions.settings = settings(max_examples=draws(300), stateful_step_count=12)
