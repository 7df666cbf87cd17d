"""The watchdog is fed by a node that is alive: over a bus, with a WDT that only counts."""

import asyncio
import time

from support import Random, Skip, raises

try:
    import socket  # noqa: F401 - the listener below needs them
except ImportError:
    raise Skip("this port has no sockets")

from dsoftbus.errors import BAD_ARGUMENT, UNSUPPORTED
from dsoftbus_mpy import watchdog
from dsoftbus_mpy.bare_bus import BareBus
from dsoftbus_mpy.watchdog import Watchdog

LIMIT_MS = 60000  # ends what hangs; nothing is held to a time


class Wdt:
    """Counts; `make` stands for machine.WDT."""

    def __init__(self):
        self.fed = 0
        self.timeout_ms = 0

    def make(self, timeout_ms: int):
        self.timeout_ms = timeout_ms
        return self

    def feed(self) -> None:
        self.fed += 1


def run(coroutine) -> None:
    asyncio.run(asyncio.wait_for_ms(coroutine, LIMIT_MS))
    asyncio.new_event_loop()


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep_ms(5)


class Asked(BareBus):
    """Counts how often it was asked whether it is alive."""

    asked = 0

    def alive(self, late_ms: int) -> bool:
        self.asked += 1
        return super().alive(late_ms)


def make_bus() -> BareBus:
    bus = Asked(Random(1)(32), "board")
    bus.on_error = lambda error: None
    return bus


def test_it_is_off_unless_the_configuration_asks_for_it():
    wdt = Wdt()
    for config in ({}, {"watchdog_ms": 0}):
        assert watchdog.start(None, config, wdt.make) is None
    assert wdt.timeout_ms == 0


def test_it_is_fed_four_times_in_its_timeout():
    wdt = Wdt()
    dog = Watchdog(8000, lambda: True, wdt.make)
    assert wdt.timeout_ms == 8000
    for now in range(0, 80_000, 100):
        if now >= dog.poll_timer():
            dog.handle_timer(now)
    assert wdt.fed == 40
    dog.handle_timer(80_001)
    dog.handle_timer(80_002)
    assert wdt.fed == 41


def test_it_is_not_fed_by_a_node_that_is_not_alive():
    wdt, alive = Wdt(), [True]
    dog = Watchdog(8000, lambda: alive[0], wdt.make)
    dog.handle_timer(0)
    alive[0] = False
    for now in range(2000, 20_000, 2000):
        dog.handle_timer(now)
    assert wdt.fed == 1
    alive[0] = True
    dog.handle_timer(20_000)
    assert wdt.fed == 2


class Sys:
    def __init__(self, platform: str):
        self.platform = platform


def test_the_bounds_of_each_port():
    ours = watchdog.sys
    for platform, good, bad in (
        ("rp2", (1000, 8388), (999, 8389, -5)),
        ("pyboard", (1000, 32760), (0, 32761)),
        ("esp32", (1000, 600_000), (999,)),
    ):
        watchdog.sys = Sys(platform)
        for timeout_ms in good:
            Watchdog(timeout_ms, None, Wdt().make)
        for timeout_ms in bad:
            error = raises(BAD_ARGUMENT, Watchdog, timeout_ms, None, Wdt().make)
            assert error.detail == "watchdog_ms %d on %s" % (timeout_ms, platform)
    watchdog.sys = ours


def test_what_the_hardware_refuses_is_refused():
    def refuse(timeout_ms: int):
        raise ValueError("timeout too long")

    raises(BAD_ARGUMENT, Watchdog, 8000, None, refuse)


def test_a_port_without_one_says_so():
    error = raises(UNSUPPORTED, Watchdog, 8000, None)
    assert error.detail.startswith("watchdog: this port")


def test_a_bus_that_lives_is_alive():
    async def scenario():
        wdt, bus = Wdt(), make_bus()
        await bus.listen("127.0.0.1")
        await bus.listen("127.0.0.1", 0, "udp")
        watchdog.start(bus, {"watchdog_ms": 1000}, wdt.make)
        await until(lambda: wdt.fed >= 3)
        assert bus.alive(0)
        await bus.close()
        assert not bus.alive(1000)

    run(scenario())


def test_a_loop_that_is_stuck_feeds_nobody():
    async def scenario():
        wdt, bus = Wdt(), make_bus()
        dog = watchdog.start(bus, {"watchdog_ms": 1000}, wdt.make)
        await until(lambda: wdt.fed)
        fed = wdt.fed
        time.sleep_ms(3 * dog.interval_ms)  # a program that does not let go
        assert wdt.fed == fed
        await until(lambda: wdt.fed > fed)  # it has let go in time
        await bus.close()

    run(scenario())


def test_timers_that_do_not_run_are_not_alive():
    async def scenario():
        bus = make_bus()
        await bus.listen("127.0.0.1")
        await until(lambda: bus.now() > 10)
        bus.runtime.wake_by(bus.now())
        time.sleep_ms(60)  # nobody comes to run them
        assert bus.alive(LIMIT_MS)
        assert not bus.alive(50)
        await until(lambda: bus.alive(50))  # they have run
        await bus.close()

    run(scenario())


def test_what_is_always_due_is_not_late():
    """As of a peer that reads nothing: it must not be able to have the board reset."""

    async def scenario():
        bus = make_bus()
        await bus.listen("127.0.0.1")
        timer = bus.runtime.timer(lambda: timer.at(0))
        timer.at(0)
        await until(lambda: bus.now() > 1000)
        assert bus.runtime.due == 0
        assert bus.alive(bus.now() // 2)
        await bus.close()

    run(scenario())


def test_a_listener_that_died_is_not_alive():
    for link in ("tcp", "udp"):

        async def scenario(link=link):
            wdt, bus = Wdt(), make_bus()
            await bus.listen("127.0.0.1", 0, link)
            watchdog.start(bus, {"watchdog_ms": 1000}, wdt.make)
            await until(lambda: wdt.fed)
            tasks = bus.runtime.watches[0].tasks
            tasks[0].cancel()
            await until(lambda: tasks[0].done())
            fed, asked = wdt.fed, bus.asked
            await until(lambda: bus.asked >= asked + 3)
            assert wdt.fed == fed
            await bus.close()

        run(scenario())


def test_no_memory_at_a_feeding_ends_nothing():
    async def scenario():
        wdt, bus = Wdt(), make_bus()
        lacking = [2]

        def alive(late_ms: int) -> bool:
            if lacking[0]:
                lacking[0] -= 1
                raise MemoryError
            return True

        bus.alive = alive
        watchdog.start(bus, {"watchdog_ms": 1000}, wdt.make)
        await until(lambda: wdt.fed)
        assert lacking[0] == 0
        await bus.close()

    run(scenario())
