"""The bus, on the backend of this interpreter: time of a peer."""

from backend import run
from dsoftbus.errors import CLOCK_NOT_KNOWN, CLOCK_STEP, MALFORMED, UNSUPPORTED
from dsoftbus.service import status
from dsoftbus.service.call_messages import TIME
from dsoftbus.service.clock import EARLIEST_US
from dsoftbus_aio.services import clock
from node_pair import Pair, Ruled, refused

NOW = EARLIEST_US + 1_000_000_000_000
HOUR = 3_600_000_000


class Clock:
    """A wall clock that goes on by 100 us whenever it is read, or by what it is told."""

    def __init__(self, now_us, *steps):
        self.now = now_us
        self.steps = list(steps)
        self.moved = []

    def now_us(self) -> int:
        self.now += self.steps.pop(0) if self.steps else 100
        return self.now

    async def step(self, offset_us) -> None:
        self.moved.append(offset_us)


class Clocks(Pair):
    """Two nodes with clocks of their own. The server answers calls, and so has the time."""

    def __init__(self, server, client):
        super().__init__()
        self.clocks = {self.server_bus: server, self.client_bus: client}
        for bus, wall in self.clocks.items():
            bus.runtime.wall_clock = lambda wall=wall: wall
        self.server_bus.call("any")(lambda _c, _v: None)


def test_a_peer_tells_how_far_a_clock_is_behind():
    async def test():
        async with Clocks(Clock(NOW + HOUR), Clock(NOW)) as pair:
            sample = await pair.client.time(samples=1)
            assert sample.delay_us == 0  # both clocks go on by 100 us
            assert sample.offset_us == HOUR

    run(test())


def test_of_several_the_one_of_the_least_delay_counts():
    async def test():
        own = Clock(NOW, 0, 9000, 0, 500, 0, 7000)
        async with Clocks(Clock(NOW), own) as pair:
            sample = await pair.client.time(samples=3)
            assert sample.delay_us == 400

    run(test())


def test_a_sample_that_cannot_be_is_passed_over():
    async def test():
        async with Clocks(Clock(NOW), Clock(NOW, 0, -50, 0, 300)) as pair:
            assert (await pair.client.time(samples=2)).delay_us == 200
        async with Clocks(Clock(NOW), Clock(NOW, 0, -50)) as pair:
            await refused(MALFORMED, pair.client.time(samples=1))

    run(test())


def test_a_peer_that_does_not_know_the_time():
    async def test():
        async with Clocks(Clock(0), Clock(NOW)) as pair:
            await refused(CLOCK_NOT_KNOWN, pair.client.time())
            assert await pair.client.call(TIME) is None

    run(test())


def test_a_clock_is_moved_within_bounds():
    async def test():
        async with Clocks(Clock(NOW), Clock(NOW)) as pair:
            bus, wall = pair.client_bus, pair.clocks[pair.client_bus]
            await bus.step_clock(-100_000_000)
            await refused(CLOCK_STEP, bus.step_clock(HOUR))
            await refused(CLOCK_STEP, bus.step_clock(11, most_us=10))
            wall.now = 0  # it was never set
            await bus.step_clock(NOW)
            await refused(CLOCK_STEP, bus.step_clock(1))
            assert wall.moved == [-100_000_000, NOW]

    run(test())


def test_the_ports_themselves():
    """Each knows the time of this machine, and has no clock that it could set."""

    async def test():
        async with Pair() as pair:
            pair.server_bus.call("any")(lambda _c, _v: None)
            sample = await pair.client.time()
            assert -HOUR < sample.offset_us < HOUR
            assert sample.delay_us >= 0
            for bus in (pair.client_bus, pair.server_bus):
                await refused(UNSUPPORTED, bus.step_clock(0))

    run(test())


def test_the_rules_decide_who_may_ask():
    async def test():
        async with Ruled("allow in call/light") as ruled:
            await refused(status.DENIED, ruled.client.time())
        async with Ruled("allow in call/dsoftbus/time") as ruled:
            assert (await ruled.client.time(1)).delay_us >= 0

    run(test())


def test_a_board_without_the_module_has_no_method():
    """A module that is not installed counts as one that is not there."""

    async def test():
        async with Clocks(Clock(NOW), Clock(NOW)) as pair:
            real = clock.answer
            del clock.answer
            try:
                await refused(status.NO_METHOD, pair.client.time())
            finally:
                clock.answer = real

    run(test())
