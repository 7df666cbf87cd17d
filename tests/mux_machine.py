"""Rules of programs and links for hypothesis: what the stateful tests of two ends share."""

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mux_world import World, profile_of

SIDE = st.integers(0, 1)
PICK = st.integers(0, 63)
PROFILE = st.builds(
    profile_of,
    credit=st.sampled_from((64, 100, 256, 1000, 2048)),
    payload=st.sampled_from((1, 7, 64, 300, 1024)),
    streams=st.integers(1, 4),
    growth=st.integers(0, 3),
)
LENGTH = st.one_of(st.integers(0, 40), st.integers(0, 5000))


class Machine(RuleBasedStateMachine):
    """Its rules are what programs and links do; `world_of` makes the two ends."""

    world_of: type[World]

    @initialize(one=PROFILE, other=PROFILE)
    def start(self, one, other):
        self.world = self.world_of((one, other))

    def pick(self, side: int, which: int):
        programs = self.world.programs(side)
        return programs[which % len(programs)] if programs else None

    @rule(side=SIDE, priority=st.integers(0, 7), kind=st.integers(0, 1))
    def open(self, side, priority, kind):
        self.world.open_line(side, priority, kind)

    @rule(side=SIDE, which=PICK, n=LENGTH)
    def send(self, side, which, n):
        if program := self.pick(side, which):
            self.world.send(program, n)

    @rule(side=SIDE, which=PICK, n=LENGTH, way=st.integers(0, 2))
    def read(self, side, which, n, way):
        if program := self.pick(side, which):
            program.read(n, way)

    @rule(side=SIDE, records=st.integers(1, 8))
    def transmit(self, side, records):
        for _ in range(records):
            self.world.transmit(side)

    @rule(side=SIDE, n=st.one_of(st.integers(1, 30), st.integers(1, 5000)))
    def deliver(self, side, n):
        self.world.deliver(side, n)

    @rule(side=SIDE, accept=st.booleans())
    def handle_events(self, side, accept):
        self.world.handle_events(side, accept)

    @rule(side=SIDE, which=PICK)
    def finish(self, side, which):
        if program := self.pick(side, which):
            self.world.finish(program)

    @rule(side=SIDE, which=PICK)
    def reset(self, side, which):
        if program := self.pick(side, which):
            self.world.reset(program)

    @rule(side=SIDE)
    def ping(self, side):
        self.world.mux(side).ping(0)

    @rule(seed=st.integers(0, 1 << 32), steps=st.integers(20, 200))
    def burst(self, seed, steps):
        random = Random(seed)
        for _ in range(steps):
            self.world.step(random)
            self.world.check()

    @rule()
    def settle(self):
        self.world.settle()
        self.world.check_settled()

    @invariant()
    def bounds(self):
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self):
        if hasattr(self, "world"):
            self.settle()
