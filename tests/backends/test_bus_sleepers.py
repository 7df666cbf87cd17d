"""Peers that sleep, as a host has them: calls that wait, states with their age, presence."""

import asyncio
import sys

from backend import run, sleep_ms
from dsoftbus.base.sleep_times import code_of, planned_s
from dsoftbus.errors import END_KEEPALIVE, END_PEER, PEER_ASLEEP, STALE_PEER, BusError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from node_pair import HOST, A, B, C, Hasty, bus, refused, until
from support import Random, Skip

if sys.implementation.name == "micropython":
    raise Skip("only a host keeps count of sleepers")

NAP_MS = 10000
OVERDUE_MS = NAP_MS + NAP_MS // 8 + 30000


class Often(Hasty):
    """A sleeper comes more often than a small board answers strangers."""

    handshakes = 1000


class World:
    """`hub` trusts `sensor` (and `second`), which begin sessions with it and never listen."""

    def __init__(self):
        self.hub = bus(B, "hub", Often)
        self.hub.on_error = lambda error: None
        self.store = TrustStore(Hasty)
        self.hub.node.guard = Guard(self.store, Random(5))
        self.hub.node.discover()
        for key, name in ((A, "sensor"), (C, "second")):
            self.store.add(Entry(bus(key).public, name, [grant("allow both *")]))
        self.sensors = []

    async def __aenter__(self):
        self.port = await self.hub.listen(HOST)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.hub.close()
        for sensor in self.sensors:
            await sensor.close()

    async def wake(self, key=A, name="sensor"):
        """(the sensor's bus, its session with the hub)"""
        sensor = bus(key, name, Hasty)
        self.sensors.append(sensor)
        sensor.call("double")(lambda _connection, value: value * 2)
        connection = await sensor.connect(HOST, self.port, self.hub.public)
        await until(lambda: self.hub.connections(sensor.id))
        return sensor, connection

    async def doze(self, sensor, connection, ms=NAP_MS) -> None:
        """Says goodbye as `Bus.sleep` does."""
        connection.session.refuse(code_of(ms))
        connection.drive()
        await sensor.close()
        await until(lambda: not self.hub.connections(sensor.id))


async def told(watch, count: int) -> list:
    found = []
    for _ in range(count):  # MicroPython has no `await` in a comprehension
        found.append(await watch.__anext__())
    return found


def test_a_call_waits_for_the_next_wake():
    async def test():
        async with World() as world:
            peer = world.hub.peer("sensor")
            peer.start()
            awake = await world.wake()
            assert await peer.call("double", 2) == 4
            await world.doze(*awake)
            waits = asyncio.create_task(peer.call("double", 3, NAP_MS))
            await sleep_ms(NAP_MS // 2)
            assert not waits.done()
            assert peer.why.code == PEER_ASLEEP
            awake = await world.wake()
            assert await waits == 6
            await world.doze(*awake)

    run(test())


def test_a_call_fails_at_its_deadline_and_says_that_the_peer_sleeps():
    async def test():
        async with World() as world:
            peer = world.hub.peer("sensor")
            peer.start()
            await world.doze(*await world.wake(), 600000)
            begun = world.hub.now()
            waits = asyncio.create_task(refused(PEER_ASLEEP, peer.call("double", 3, 5000)))
            await sleep_ms(4900)
            assert not waits.done()
            error = await waits
            assert world.hub.now() - begun >= 5000
            assert error.label == "discovery.wait.peer_asleep"
            assert "sensor" in str(error)
            assert "10 minutes" in str(error)

    run(test())


def test_nobody_dials_a_peer_that_sleeps():
    async def test():
        async with World() as world:
            peer = world.hub.peer("sensor")
            peer.start()
            await world.doze(*await world.wake())
            tries = []
            seek = peer._dial

            async def counted():
                tries.append(1)
                return await seek()

            peer._dial = counted
            await sleep_ms(OVERDUE_MS - 1000)
            assert not tries
            assert peer.why.code == PEER_ASLEEP
            await sleep_ms(3000)
            assert tries
            assert peer.why.code == STALE_PEER

    run(test())


def test_a_stream_that_was_open_ends_with_a_label_that_says_so():
    async def test():
        async with World() as world:
            sensor, connection = await world.wake()
            sensor.on_stream("slow", lambda _connection, stream: stream.read())
            (session,) = world.hub.connections()
            stream = await session.open("slow")
            reads = asyncio.create_task(refused(END_PEER, stream.read()))
            await sleep_ms(5)
            await world.doze(sensor, connection)
            error = await reads
            assert planned_s(error.peer_code) == 10
            assert "session.end.asleep_10_s" in str(error)

    run(test())


def test_presence_says_until_when_it_sleeps_and_that_it_is_overdue():
    async def test():
        async with World() as world:
            watch = world.hub.presence()
            awake = await world.wake()
            (came,) = await told(watch, 1)
            assert (came.name, came.online, came.asleep_s) == ("sensor", True, None)
            await world.doze(*awake)
            (sleeps,) = await told(watch, 1)
            assert (sleeps.name, sleeps.online) == ("sensor", False)
            assert 9 <= sleeps.asleep_s <= 10
            (late,) = await told(world.hub.presence(), 1)  # who asks later hears of it, too
            assert (late.name, late.online) == ("sensor", False)
            assert late.asleep_s is not None
            begun = world.hub.now()
            (gone,) = await told(watch, 1)
            assert OVERDUE_MS - 100 <= world.hub.now() - begun <= OVERDUE_MS + 1000
            assert (gone.name, gone.online, gone.asleep_s) == ("sensor", False, None)
            assert gone.why.code == STALE_PEER
            awake = await world.wake()
            (back,) = await told(watch, 1)
            assert (back.name, back.online, back.lost) == ("sensor", True, 0)
            await world.doze(*awake)

    run(test())


def test_a_peer_that_is_cut_off_or_closes_is_not_asleep():
    async def test():
        async with World() as world:
            watch = world.hub.presence()
            sensor, connection = await world.wake()
            await told(watch, 1)
            await connection.close()
            (left,) = await told(watch, 1)
            assert (left.online, left.asleep_s) == (False, None)
            sensor, connection = await world.wake()
            await told(watch, 1)
            connection._watch.close()  # the node stays connected, and does nothing any more
            connection._timer.close()
            (left,) = await told(watch, 1)
            assert (left.asleep_s, left.why.code) == (None, END_KEEPALIVE)
            assert world.hub.sleepers.get(sensor.id) is None

    run(test())


def test_two_sessions_of_a_sleeper_end_before_it_is_asleep():
    async def test():
        async with World() as world:
            sensor, first = await world.wake()
            second = await sensor.connect(HOST, world.port, world.hub.public)
            await until(lambda: len(world.hub.connections(sensor.id)) == 2)
            first.session.refuse(code_of(NAP_MS))
            first.drive()
            await until(lambda: len(world.hub.connections(sensor.id)) == 1)
            await sleep_ms(10)
            assert world.hub.sleepers.get(sensor.id) is None
            await world.doze(sensor, second)
            assert world.hub.sleepers.get(sensor.id) is not None

    run(test())


def test_a_state_is_there_with_its_age_while_its_publisher_sleeps():
    async def test():
        async with World() as world:
            first = world.hub.peer("sensor").subscribe("temperature")
            awake = await world.wake()
            await world.doze(*awake)  # from here on it is known for one that sleeps
            awake = await world.wake()
            awake[0].publish("temperature", 21.5)
            update = await first.__anext__()
            assert (update.value, update.age_ms) == (21.5, 0)
            await world.doze(*awake)
            await sleep_ms(6000)
            for updates in (
                world.hub.peer("sensor").subscribe("+"),
                world.hub.peer("sensor").subscribe("temperature"),
                world.hub.subscribe("#"),
            ):
                update = await updates.__anext__()
                assert (update.topic, update.value) == ("temperature", 21.5)
                assert (update.lost, update.event, update.peer.name) == (0, False, "sensor")
                assert 6000 <= update.age_ms < 8000
                updates.close()
            waits = asyncio.create_task(first.__anext__())
            await sleep_ms(100)
            assert not waits.done()  # who has heard it does not hear it again
            awake = await world.wake()
            awake[0].publish("temperature", 22)
            update = await waits
            assert (update.value, update.age_ms) == (22, 0)
            await world.doze(*awake)

    run(test())


def test_events_and_states_of_others_are_not_kept():
    async def test():
        async with World() as world:
            updates = world.hub.subscribe("#")
            awake = await world.wake()
            await world.doze(*awake)
            sensor, connection = await world.wake()
            sensor.topic("door", event=True)
            sensor.publish("level", 1)
            await updates.__anext__()
            sensor.publish("door", "open")
            await updates.__anext__()
            other, session = await world.wake(C, "second")
            other.publish("level", 2)
            await updates.__anext__()
            await world.doze(sensor, connection)
            late = world.hub.subscribe("#")
            update = await late.__anext__()
            assert (update.topic, update.value, update.peer.name) == ("level", 1, "sensor")
            kept = world.hub.sleepers.get(sensor.id).states
            assert list(kept) == ["level"]
            await session.close()

    run(test())


def test_what_a_sleeper_publishes_takes_a_bounded_place():
    async def test():
        async with World() as world:
            await world.doze(*await world.wake())
            sleeper = next(iter(world.hub.sleepers))
            for i in range(200):
                sleeper.keep("t%d" % i, bytes(100), (1, i + 1), i)
            assert len(sleeper.states) == 64
            assert "t199" in sleeper.states
            sleeper.keep("large", bytes(16384), (1, 1), 300)
            assert list(sleeper.states) == ["large"]
            sleeper.keep("larger", bytes(16385), (1, 1), 300)
            assert sleeper.size == sum(len(kept[0]) for kept in sleeper.states.values())

    run(test())


def test_nothing_is_said_of_a_sleeper_that_is_not_trusted_any_more():
    async def test():
        async with World() as world:
            updates = world.hub.subscribe("#")
            await world.doze(*await world.wake())
            awake = await world.wake()
            awake[0].publish("level", 1)
            await updates.__anext__()
            await world.doze(*awake)
            peer = world.hub.peer(awake[0].id)
            world.hub.node.unpair(awake[0].id)
            late = peer.subscribe("#")
            waits = asyncio.create_task(late.__anext__())
            await sleep_ms(100)
            assert not waits.done()
            waits.cancel()

    run(test())


def test_two_sleepers_are_told_apart():
    async def test():
        async with World() as world:
            first = await world.wake()
            second = await world.wake(C, "second")
            await world.doze(*first, 5000)
            await world.doze(*second, 20000)
            now = world.hub.now()
            asleep = {sleeper.name: sleeper.left_s(now) for sleeper in world.hub.sleepers}
            assert 4 <= asleep["sensor"] <= 5
            assert 19 <= asleep["second"] <= 20
            await sleep_ms(5000 + 625 + 30500)
            assert [sleeper.name for sleeper in world.hub.sleepers] == ["second"]
            awake = await world.wake(C, "second")
            assert not list(world.hub.sleepers)
            await awake[1].close()

    run(test())


def test_a_host_that_starts_while_a_peer_sleeps_takes_it_when_it_comes():
    async def test():
        async with World() as world:
            peer = world.hub.peer("sensor")
            waits = asyncio.create_task(peer.call("double", 4, 50000))
            await sleep_ms(30000)  # it has been tried in vain, and waits for long now
            begun = world.hub.now()
            awake = await world.wake()
            assert await waits == 8
            assert world.hub.now() - begun < 1000
            await world.doze(*awake)

    run(test())


def test_a_wait_that_is_cancelled_leaves_nothing():
    async def test():
        async with World() as world:
            peer = world.hub.peer("sensor")
            peer.start()
            await world.doze(*await world.wake())
            for ms in (0, 1, 300, 2000):
                waits = asyncio.create_task(peer.call("double", 3, NAP_MS))
                await sleep_ms(ms)
                waits.cancel()
                try:
                    await waits
                except (asyncio.CancelledError, BusError):
                    pass
            awake = await world.wake()
            assert await peer.call("double", 3) == 6
            await world.doze(*awake)

    run(test())
