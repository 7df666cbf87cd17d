"""A bus serves a link of its own while its Wi-Fi goes through trouble, call by call."""

import asyncio

from support import Skip

try:
    import socket  # noqa: F401 - the sessions below are over TCP
except ImportError:
    raise Skip("this port has no sockets")

from wlan import ESP32, Air, Wlan

from dsoftbus.errors import WIFI_DRIVER, WIFI_LOST, WIFI_NO_NETWORK, WIFI_WRONG_PASSWORD
from dsoftbus_mpy import wifi
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from support import Random

LIMIT_MS = 60000  # ends what hangs; nothing is held to a time
CONFIG = {"wifi": ["hall", "secret99"]}
TROUBLE = ("make", "up", "config", "connect", "isconnected", "status", "ifconfig", "disconnect")


class Impatient:
    """In place of the backoff, so that a test need not wait for seconds."""

    def __init__(self, random):
        self.until = 0

    def failed(self, now: int) -> None:
        self.until = now + 30

    def reset(self) -> None:
        self.until = 0


class Turns:
    """Counts the turns of the loop; the driver's calls are marked with the turn they came in."""

    def __init__(self):
        self.count = 0
        self.calls = []

    async def run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep_ms(0)


class Marked(Wlan):
    """Its time goes by with its calls: a network is there after a few looks at it."""

    def __init__(self, air, faults, turns):
        super().__init__(air, ESP32, faults)
        self._turns = turns

    def _called(self, name: str) -> None:
        self._turns.calls.append(self._turns.count)
        self._air.now += 400
        super()._called(name)


async def echo(connection, stream) -> None:
    async for chunk in stream:
        await stream.write(chunk)


class Talk:
    """A session that says something all the time, and counts the answers."""

    def __init__(self, stream):
        self.answers = 0
        self._stream = stream

    async def run(self) -> None:
        while True:
            await self._stream.write(b"anybody there?")
            assert await self._stream.readexactly(14) == b"anybody there?"
            self.answers += 1


def pump_turns(connection, turns: Turns) -> list:
    """At each turn of this connection's pump: how many calls of the driver there were so far."""
    counts = [len(turns.calls)]
    turn = connection.turn

    def counted() -> None:
        counts.append(len(turns.calls))
        turn()

    connection.turn = counted
    return counts


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep_ms(5)


def stages(air: Air, wlan: Wlan) -> tuple:
    """Returns the stages of a network and its driver, and the message of each ("": it is up)."""

    def throw_out() -> None:
        wlan._joining = None

    def leave() -> None:
        air.name = "away"
        throw_out()

    def come_back() -> None:
        air.name, air.password = "hall", "secret99"

    def change_password() -> None:
        air.password = "changed"
        throw_out()

    def move() -> None:
        air.address = "192.168.1.8"

    def fail() -> None:
        wlan.faults = {name: [OSError(1)] for name in TROUBLE}

    return (
        (leave, WIFI_NO_NETWORK),
        (come_back, ""),
        (change_password, WIFI_WRONG_PASSWORD),
        (come_back, ""),
        (throw_out, WIFI_LOST),
        (move, ""),
        (fail, WIFI_DRIVER),
        (throw_out, ""),
    )


async def suffer(change, code, air: Air, heard: list, talk: Talk) -> None:
    """One of them; the session goes on meanwhile and afterwards."""
    answers = talk.answers
    heard.clear()
    change()
    await until(lambda: (code or air.address) in heard)
    await until(lambda: talk.answers > answers)


async def scenario() -> None:
    turns, heard, air = Turns(), [], Air()
    wlan = Marked(air, {name: [OSError(1)] for name in TROUBLE}, turns)
    bus, peer = BareBus(Random(1)(32), "board", allow=ANYONE), BareBus(Random(2)(32), "peer")
    bus.on_stream("echo", echo)
    link = wifi.start(bus, CONFIG, heard.append, lambda error: heard.append(error.code), wlan.make)
    before = len(turns.calls)
    port = await bus.listen("127.0.0.1")
    connection = await peer.connect("127.0.0.1", port, bus.public)
    talk = Talk(await connection.open("echo"))
    pumped = pump_turns(next(iter(bus._connections.values())), turns)
    tasks = [asyncio.create_task(turns.run()), asyncio.create_task(talk.run())]
    await until(lambda: link.address)
    for change, code in stages(air, wlan):
        await suffer(change, code, air, heard, talk)
    assert connection.cause is None
    calls = turns.calls[before:]
    assert len(calls) > 50
    assert len(set(calls)) == len(calls), "two calls of the driver in one turn"
    longest = max([pumped[n + 1] - pumped[n] for n in range(len(pumped) - 1)])
    # One; two where this machine stood still for 20 ms between them.
    assert longest <= 2, "calls of the driver between two turns of the pump: %d" % longest
    second = await peer.connect("127.0.0.1", port, bus.public)  # who listened listens
    await second.close()
    for task in tasks:
        task.cancel()
    await peer.close()
    await bus.close()


def run(coroutine) -> None:
    """With less patience than a board has."""
    patient = wifi.Backoff, wifi._UP_MS, wifi._WAIT_MS
    wifi.Backoff, wifi._UP_MS, wifi._WAIT_MS = Impatient, 50, 50
    try:
        asyncio.run(asyncio.wait_for_ms(coroutine, LIMIT_MS))
    finally:
        wifi.Backoff, wifi._UP_MS, wifi._WAIT_MS = patient
        asyncio.new_event_loop()


def test_sessions_are_served_whatever_the_wifi_does():
    """No turn of the loop has more than one call of the driver; a session talks all along."""
    run(scenario())


def test_what_a_callback_raises_is_told_and_ends_nothing():
    async def scenario(error, tellings: int) -> None:
        def on_up(address: str) -> None:
            heard.append(address)
            if len(heard) == 1:
                raise error

        heard, told, air = [], [], Air()
        bus = BareBus(Random(1)(32), "board", allow=ANYONE)
        bus.on_error = told.append
        link = wifi.start(bus, CONFIG, on_up, make=Marked(air, {}, Turns()).make)
        await until(lambda: len(heard) == tellings)
        assert told == [error]
        air.address = "192.168.1.8"
        await until(lambda: heard[-1] == "192.168.1.8")
        link.stop()
        await bus.close()

    run(scenario(ValueError("the program's own"), 1))
    run(scenario(MemoryError(), 2))  # told again: nothing is left out
