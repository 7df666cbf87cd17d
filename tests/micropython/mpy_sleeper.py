"""A board's bus sleeps: what the next start costs, and what is left where it was kept."""

import asyncio

from support import Skip

try:
    import socket  # noqa: F401 - a bus has links
except ImportError:
    raise Skip("this port has no sockets")

import os

from flash import Fat, Flash, Littlefs, Mounted, PowerCut

import virtual_time
from dsoftbus.base.sleep_times import planned_s
from dsoftbus.const import LINK_STREAM, SMALL
from dsoftbus.errors import BAD_STATE, END_PEER, BusError, LocalError
from dsoftbus.resume.tickets import Tickets
from dsoftbus_mpy import ANYONE, BareBus, Bus, crypto
from dsoftbus_mpy.sleeper.kept import MOST, Kept, decode, encode, mark
from dsoftbus_mpy.sleeper.places import FILE, KeptFile, RtcMemory
from support import Random

HOST = "127.0.0.1"
LIMIT_MS = 60000
A, B, C = Random(1)(32), Random(2)(32), Random(3)(32)
NAP_MS = 600000


class Often(SMALL):
    handshakes = 1000


class Rtc:
    """The memory of an RTC: it outlives every start, and may be smaller than it says."""

    def __init__(self, size: int = MOST):
        self.size = size
        self.data = b""
        self.writes = 0

    def __call__(self, *data):
        if not data:
            return self.data
        if len(data[0]) > self.size:
            raise ValueError("buffer too long")
        self.writes += 1
        self.data = bytes(data[0])
        return None


class World:
    """A hub, a board that sleeps, and a count of the scalar multiplications of both."""

    def __init__(self, rtc=None):
        self.rtc = rtc or Rtc()
        self.products = 0
        self.values = []
        self._exchange = crypto._exchange

    async def __aenter__(self):
        crypto._exchange = self._counted
        self.hub = self.make_hub()
        self.port = await self.hub.listen(HOST)
        return self

    async def __aexit__(self, kind, error, trace):
        crypto._exchange = self._exchange
        await self.hub.close()

    def make_hub(self):
        hub = BareBus(A, "hub", Often, ANYONE)
        hub.node.tickets = Tickets(hub.node, hub.now, agrees=True)
        return hub

    async def restart_hub(self) -> None:
        await self.hub.close()
        self.hub = self.make_hub()
        await self.hub.listen(HOST, self.port)

    def _counted(self, secret, public) -> bytes:
        self.products += 1
        return self._exchange(secret, public)

    def board(self, place=None):
        return Bus("sensor", key=B, allow=(), profile=Often, sleeper=place or RtcMemory(self.rtc))

    async def session(self, bus):
        """By the route that was kept, or by the address that a person has given."""
        if bus.node.peers.get(self.hub.id) is None:
            return await bus.connect(HOST, self.port, self.hub.public)
        return await bus.peer(self.hub.id).connected(5000)

    async def wake(self, place=None) -> int:
        """One start, from the power to the sleep; returns the products of both sides in it."""
        before = self.products
        bus = self.board(place)
        async with bus:
            await self.session(bus)
            assert 0 < await bus.sleep(NAP_MS) <= NAP_MS
        return self.products - before


def run(test) -> None:
    """Runs it in the empty folder of a board."""
    flash = Flash(512, 128)
    Littlefs.vfs.mkfs(flash)
    before = os.getcwd()
    with Mounted(Littlefs, flash):
        os.chdir("/flash")
        try:
            virtual_time.run(test(), LIMIT_MS)
        finally:
            os.chdir(before)


# The sleeper's key pair; an ephemeral one and three products on each side.
FULL = 1 + 2 * 4


def test_the_next_start_costs_no_scalar_multiplication():
    async def test():
        async with World() as world:
            assert await world.wake() == FULL
            for _ in range(3):
                assert await world.wake() == 0
            assert decode(world.rtc.data).wakes == 4

    run(test)


def test_the_hub_hears_until_when_it_sleeps():
    async def test():
        async with World() as world:
            bus = world.board()
            async with bus:
                await world.session(bus)
                session = await world.hub.accept()
                assert bus.wakes == 1
                await bus.sleep(NAP_MS)
                cause = await session.ended()
                assert cause.code == END_PEER
                assert planned_s(cause.peer_code) == NAP_MS // 1000

    run(test)


def test_topics_are_counted_over_the_sleep_and_nothing_is_told_twice():
    async def test():
        async with World() as world:
            told = []

            async def listen():
                async for update in world.hub.subscribe("#"):
                    told.append((update.topic, update.value, update.lost))

            listens = asyncio.create_task(listen())
            for value in (20, None, 21):
                bus = world.board()
                async with bus:
                    if value is not None:
                        bus.publish("temperature", value)
                    await world.session(bus)
                    await bus.sleep(NAP_MS)
            assert told == [("temperature", 20, 0), ("temperature", 21, 0)]
            listens.cancel()

    run(test)


def test_a_start_that_ends_without_a_word_does_not_go_back_in_its_count():
    async def test():
        async with World() as world:
            told = []

            async def listen():
                async for update in world.hub.subscribe("#"):
                    told.append((update.value, update.lost))

            listens = asyncio.create_task(listen())
            bus = world.board()
            async with bus:
                bus.publish("temperature", 20)
                await world.session(bus)
                await bus.sleep(NAP_MS)
            async with world.board() as bus:  # the power fails in it
                bus.publish("temperature", 21)
                await world.session(bus)
                while len(told) < 2:
                    await asyncio.sleep_ms(5)
            bus = world.board()
            async with bus:
                bus.publish("temperature", 22)
                await world.session(bus)
                await bus.sleep(NAP_MS)
            assert told == [(20, 0), (21, 0), (22, None)]
            listens.cancel()

    run(test)


def test_it_sleeps_over_udp_as_well():
    async def test():
        async with World() as world:
            await world.hub.listen(HOST, world.port, "udp")
            for wakes in range(3):
                before = world.products
                async with world.board() as bus:
                    if wakes:
                        await bus.peer(world.hub.id).connected(5000)
                    else:
                        await bus.connect(HOST, world.port, world.hub.public, link="udp")
                    session = await world.hub.accept()
                    assert session.session.reliable is not None
                    await bus.sleep(NAP_MS)
                    assert planned_s((await session.ended()).peer_code) == NAP_MS // 1000
                assert not wakes or world.products == before

    run(test)


def test_two_sleepers_have_tickets_of_their_own():
    async def test():
        async with World() as world:
            places = RtcMemory(world.rtc), RtcMemory(Rtc())
            for wakes in range(2):
                before = world.products
                for key, place in zip((B, C), places):
                    async with Bus("s", key=key, allow=(), profile=Often, sleeper=place) as bus:
                        await world.session(bus)
                        await bus.sleep(NAP_MS)
                assert not wakes or world.products == before

    run(test)


def test_a_hub_that_has_lost_its_tickets_costs_one_full_handshake():
    async def test():
        async with World() as world:
            await world.wake()
            await world.restart_hub()
            assert await world.wake() == FULL
            assert await world.wake() == 0

    run(test)


def test_whatever_becomes_of_the_memory_costs_one_full_handshake():
    async def test():
        async with World() as world:
            await world.wake()
            whole = world.rtc.data
            spoilt = bytearray(whole)
            spoilt[len(whole) // 2] ^= 1
            longer = bytearray(whole)
            longer[5] ^= 0xFF
            for data in (b"", whole[:-1], whole[:7], bytes(spoilt), bytes(longer), b"\xff" * MOST):
                world.rtc.data = data
                assert await world.wake() == FULL
                assert await world.wake() == 0

    run(test)


def test_another_key_has_no_use_for_what_was_kept():
    async def test():
        async with World() as world:
            await world.wake()
            async with Bus("other", key=C, allow=(), sleeper=RtcMemory(world.rtc)) as bus:
                assert bus.wakes == 1
                assert bus.public == BareBus(C).public
                assert bus.node.peers.get(world.hub.id) is None

    run(test)


def test_a_memory_that_is_short_holds_what_matters_most():
    async def test():
        for size, resumes in ((2048, True), (512, True), (300, True), (100, False), (0, False)):
            async with World(Rtc(size)) as world:
                world.hub.on_error = lambda error: None
                errors = []
                bus = world.board()
                bus.on_error = errors.append
                async with bus:
                    for i in range(4):
                        bus.publish("topic%d" % i, "x" * 100)
                    await world.session(bus)
                    await bus.sleep(NAP_MS)
                assert bool(errors) != resumes
                assert (await world.wake() == 0) == resumes

    run(test)


def test_a_hub_that_has_moved_is_sought_anew():
    async def test():
        async with World() as world:
            await world.wake()
            await world.hub.close()
            world.hub = world.make_hub()
            world.port = await world.hub.listen(HOST)
            bus = world.board()
            async with bus:
                peer = bus.peer(world.hub.id)
                peer.start()
                while peer.why is None:
                    await asyncio.sleep_ms(5)
                assert bus.node.peers.get(world.hub.id).fixed is None  # and it listens now
                assert bus._own._heard.discovery is not None
                session = await bus.connect(HOST, world.port, world.hub.public)
                await bus.sleep(NAP_MS)
                assert session.cause is not None
            kept = decode(world.rtc.data)
            assert kept.routes == {world.hub.public: (LINK_STREAM, HOST, world.port)}

    run(test)


def test_a_bus_that_does_not_sleep_says_so():
    async def test():
        async with Bus("attic", key=B, allow=(), listen=False) as bus:
            assert bus.wakes == 0
            try:
                await bus.sleep(NAP_MS)
            except LocalError as error:
                assert error.code == BAD_STATE
            else:
                raise AssertionError("it slept")

    run(test)


def test_a_sleep_that_is_cancelled_leaves_old_or_new():
    async def test():
        async with World() as world:
            await world.wake()
            steps, done = 0, False
            while not done:
                bus = world.board()
                async with bus:
                    await world.session(bus)
                    sleeps = asyncio.create_task(bus.sleep(NAP_MS))
                    await asyncio.sleep_ms(steps)
                    done = sleeps.done()
                    sleeps.cancel()
                    try:
                        await sleeps
                    except asyncio.CancelledError:
                        pass
                steps += 1
                assert steps < 200
            assert steps > 3
            assert await world.wake() == 0

    run(test)


# What is kept


def full() -> Kept:
    kept = Kept()
    kept.mark, kept.public = mark(B), bytes(32)
    kept.wakes, kept.slept_ms, kept.tickets = 7, NAP_MS, bytes(101)
    kept.routes = {A: (LINK_STREAM, "fe80::1%eth0", 65535)}
    kept.epoch = 5
    kept.topics = [("t/\u00e9", False, 3, b"\x01"), ("door", True, 9, b"")]
    return kept


def said(kept: Kept) -> tuple:
    head = (kept.mark, kept.public, kept.wakes, kept.slept_ms, kept.tickets)
    return head + (kept.routes, kept.epoch, kept.topics)


def test_what_is_kept_comes_back_and_nothing_of_what_is_wrong():
    data = encode(full())
    assert said(decode(data)) == said(full())
    assert said(decode(data + b"what was longer before")) == said(full())
    for n in range(len(data)):
        assert said(decode(data[:n])) == said(Kept())
        wrong = bytearray(data)
        wrong[n] ^= 0x40
        assert said(decode(wrong)) == said(Kept())
    assert said(decode(None)) == said(Kept())


def test_it_is_as_long_as_it_may_be_and_no_longer():
    whole = len(encode(full()))
    for most in range(200, whole + 1):
        data = encode(full(), most)
        assert len(data) <= most
        assert decode(data).tickets == full().tickets
    assert said(decode(encode(full(), whole))) == said(full())
    assert len(decode(encode(full(), whole - 1)).topics) == 1


# The file


def cut_at_each_write(system) -> None:
    """Power that goes at any write leaves what was there, or what was to be."""
    old, new = full(), full()
    new.wakes = 8
    cuts, whole = 0, False
    while not whole:
        flash = Flash(*system.blocks)
        system.vfs.mkfs(flash)
        with Mounted(system, flash):
            KeptFile("/flash/" + FILE).store(encode(old))
        flash.cut = cuts
        try:
            with Mounted(system, flash):
                KeptFile("/flash/" + FILE).store(encode(new))
            whole = not flash.dead
        except (PowerCut, OSError):
            pass
        flash.dead, flash.cut = False, -1
        with Mounted(system, flash):
            assert decode(KeptFile("/flash/" + FILE).load()).wakes in (7, 8), cuts
        cuts += 1
    assert cuts > 2


def test_power_cuts_on_littlefs():
    cut_at_each_write(Littlefs)


def test_power_cuts_on_fat():
    cut_at_each_write(Fat)


class Dying(RtcMemory):
    """Power goes at its `at`-th write: before it, or once it is done."""

    def __init__(self, rtc, at: int, done: bool):
        super().__init__(rtc)
        self.left = at
        self._done = done

    def store(self, data: bytes) -> None:
        self.left -= 1
        if self.left != 0 or self._done:
            super().store(data)
        if self.left == 0:
            raise PowerCut


async def cut(world, at: int, done: bool) -> bool:
    """One start in which the power goes; False where it came to its end."""
    place = Dying(world.rtc, at, done)
    try:
        bus = world.board(place)
        async with bus:
            bus.publish("level", at)
            await world.session(bus)
            await bus.sleep(NAP_MS)
    except (PowerCut, BusError):
        pass
    return place.left <= 0


def test_power_that_goes_at_any_write_of_a_start_costs_a_full_handshake_at_most():
    async def test():
        async with World() as world:
            world.hub.on_error = lambda error: None
            cuts = 0
            for done in (False, True):
                at = 1
                while await cut(world, at, done):
                    at += 1
                    cuts += 1
                    assert await world.wake() <= FULL
                    assert await world.wake() == 0
            assert cuts >= 4

    run(test)


def test_a_file_serves_where_there_is_no_memory_and_is_written_only_where_it_changes():
    async def test():
        async with World() as world:
            assert await world.wake(KeptFile("/flash/" + FILE)) == FULL
            assert await world.wake(KeptFile("/flash/" + FILE)) == 0
            with open("/flash/" + FILE, "r+b") as file:
                file.write(b"spoilt")
            assert await world.wake(KeptFile("/flash/" + FILE)) == FULL
            place = KeptFile("/flash/" + FILE)
            data = place.load()
            os.remove("/flash/" + FILE)
            place.store(data)  # nothing has changed: nothing is written
            assert FILE not in os.listdir("/flash")

    run(test)
