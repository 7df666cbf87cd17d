"""Every allocation of an exchange between whole nodes fails once: what is left has to be usable.

    micropython -X heapsize=4M tests/micropython/alloc_failures.py SCENE FIRST STEP

Three nodes in one process, on asyncio; `a` begins an exchange with `b` while there are only so and
so many free blocks: FIRST, FIRST + STEP ... up to what it takes. Memory runs out, on either side:
the exchange ends, well or with a cause; nothing of it stays; and `a` then has a fresh exchange
with `b`, and one with `c`.
"""

import asyncio
import gc
import os
import sys
import time

HERE = __file__.rsplit("/", 1)[0]
sys.path[:0] = [HERE, HERE + "/../core", HERE + "/../../core", HERE + "/../../micropython"]

from shortage import BLOCK, Shortage  # noqa: E402

from dsoftbus.const import (  # noqa: E402 - after the path
    EV_ESTABLISHED,
    EV_OPENED,
    EV_PAIR_DIGITS,
    EV_PAIRED,
    EV_READABLE,
    KIND_MESSAGES,
    SMALL,
)
from dsoftbus.errors import END_LINK_DOWN, END_NO_MEMORY, BusError  # noqa: E402
from dsoftbus.line.line import NEIGHBOUR  # noqa: E402
from dsoftbus.session import point_to_point  # noqa: E402
from dsoftbus.trust.acl import grant  # noqa: E402
from dsoftbus.trust.guard import Guard  # noqa: E402
from dsoftbus_aio.echo import serve_echo  # noqa: E402
from dsoftbus_aio.housekeeping import Housekeeping  # noqa: E402
from dsoftbus_aio.reconnecting_session import ReconnectingSession  # noqa: E402
from dsoftbus_mpy import entropy, folder, node  # noqa: E402
from dsoftbus_mpy.bare_bus import ANYONE, BareBus  # noqa: E402
from dsoftbus_mpy.links import tcp  # noqa: E402
from dsoftbus_mpy.loop import Loop  # noqa: E402
from dsoftbus_mpy.services import shared_files  # noqa: E402
from dsoftbus_mpy.trust_file import StoreFile  # noqa: E402

HOST = "127.0.0.1"
DATA = bytes(range(256)) * 4
NAMES = "abc"
CONNECT_MS = 3000
PAIR_MS = 1000
SETTLE_MS = 12000  # four farewells to a peer that says nothing any more, each later than the last
CAUSES = (BusError, OSError, MemoryError)
LASTS_MS = (0, 60)  # there is memory again at once, and only after many have asked for some


# As `Hasty`, on a line: handshakes have 4 s more there in place of a minute.
point_to_point.PATIENCE_MS = 200


class Hasty(SMALL):
    """Deadlines that a test can wait for, and no limit that a row of exchanges would meet."""

    handshake_ms = 2000
    keepalive_ms = 100
    close_ms = 100
    handshakes = 256


async def within(ms: int, condition) -> bool:
    until = time.ticks_add(time.ticks_ms(), ms)
    while not condition():
        if time.ticks_diff(until, time.ticks_ms()) < 0:
            return False
        await asyncio.sleep_ms(10)
    return True


async def talk(connection) -> None:
    """Bytes there and back, and a message."""
    async with await connection.open("echo") as stream:
        await stream.write(DATA)
        await stream.finish()
        assert await stream.readexactly(len(DATA)) == DATA
    async with await connection.open("post", 2, KIND_MESSAGES) as stream:
        await stream.send(DATA[:500])
        assert await stream.receive() == DATA[:500]


async def post(connection, stream) -> None:
    await stream.send(await stream.receive())


class Buses:
    """`a`, `b` and `c` on one kind of link."""

    def __init__(self, link: str):
        self.link = link
        self.last_error = None
        self.buses = [self.make(name) for name in NAMES]
        self.ports = {}

    def make(self, name: str) -> BareBus:
        bus = BareBus(name.encode() * 32, name, Hasty, ANYONE)
        bus.on_error = self.on_error
        self.serve(bus)
        return bus

    def serve(self, bus) -> None:
        serve_echo(bus)
        bus.on_stream("post", post)

    def on_error(self, error) -> None:
        self.last_error = error

    async def start(self) -> None:
        for bus in self.buses[1:]:
            self.ports[bus.id] = await bus.listen(HOST, 0, self.link)

    async def connect(self, other: int):
        bus = self.buses[other]
        port = self.ports[bus.id]
        return await self.buses[0].connect(HOST, port, bus.public, CONNECT_MS, None, self.link)

    async def exchange(self, other: int) -> None:
        async with await self.connect(other) as connection:
            await talk(connection)

    def idle(self) -> bool:
        """Nothing is left of any session."""
        return not any(bus.node.sessions or bus._connections for bus in self.buses)

    def whole(self) -> bool:
        """All tasks of all nodes live."""
        return all(bus.alive(SETTLE_MS) for bus in self.buses)


class BytePort:
    """One end of a cable: a TCP connection."""

    def __init__(self, link):
        self.waits_for = link.waits_for
        self._link = link

    def readinto(self, view):
        return self._link.readinto(view)

    def write(self, buffer, at: int, stop: int):
        return self._link.write(buffer, at, stop)

    def close(self) -> None:
        self._link.close()


class Cables(Buses):
    """A cable from `a` to each of the others."""

    def __init__(self, link: str):
        super().__init__(link)
        self.cables = [None]

    async def start(self) -> None:
        for bus in self.buses[1:]:
            listener = tcp.Listener(HOST, 0)
            near = tcp.connect(HOST, listener.port)
            bus.open_serial(BytePort(listener.accept()[0]))
            listener.close()
            self.cables.append(self.buses[0].open_serial(BytePort(near)))

    async def connect(self, other: int):
        cable = self.cables[other]
        bus = self.buses[0]
        session = cable.endpoint.connect(NEIGHBOUR, self.buses[other].public, bus.now())
        connection = cable.adopt(session)
        try:
            connection.turn()
            await connection.established()
        except MemoryError:
            connection.abort(END_NO_MEMORY)
            raise
        return connection


class Plenty:
    """In the place of a limit that a row of pairings would meet."""

    def take(self, now: int) -> bool:
        return True


class Strangers(Buses):
    """Nodes that pair first, and forget each other afterwards."""

    def make(self, name: str) -> BareBus:
        trust = StoreFile("trust-" + name, Hasty)  # in the folder that this runs in
        guard = Guard(trust.store, entropy.source(), None, [grant("allow both *")])
        bus = BareBus(name.encode() * 32, name, Hasty, guard=guard)
        bus.on_error = self.on_error
        bus.paired = 0
        guard.desk._bucket = Plenty()
        bus.watch = Housekeeping(bus, lambda event: self.on_event(bus, event), trust)
        bus.watch.start()
        self.serve(bus)
        return bus

    def on_event(self, bus, event) -> None:
        if event.kind == EV_PAIR_DIGITS:
            bus.node.guard.confirm(event.about.pairing.digits)
        elif event.kind == EV_PAIRED:
            bus.paired += 1

    async def exchange(self, other: int) -> None:
        a, b = self.buses[0], self.buses[other]
        a.paired = b.paired = 0
        b.node.guard.desk.open(b.now())
        try:
            async with await self.connect(other) as connection:
                a.node.guard.pair(connection.session, a.now())
                a.watch.wake()
                await within(PAIR_MS, lambda: (a.paired and b.paired) or connection.cause)
                await talk(connection)
        finally:
            b.node.guard.desk.close()

    def idle(self) -> bool:
        if self.paired_yet():
            return False
        return super().idle()

    def paired_yet(self) -> bool:
        found = False
        for bus in self.buses:
            for entry in list(bus.node.guard.store):
                bus.node.unpair(entry.id)
                found = True
        return found


class Kept(Buses):
    """A session that comes back by itself, with its stream, whatever has ended it."""

    def __init__(self, link: str):
        super().__init__(link)
        self.echoed = 0
        self.keepers = [None]

    async def start(self) -> None:
        await super().start()
        for other in (1, 2):
            keeper = ReconnectingSession(self.buses[0], lambda other=other: self.connect(other))
            await keeper.__aenter__()
            keeper.keep("echo", self.ask)
            self.keepers.append(keeper)

    async def ask(self, connection, stream) -> None:
        """Asks again and again, as long as there is a session."""
        buffer = bytearray(len(DATA))
        while True:
            await stream.write(DATA)
            at = 0
            while at < len(DATA):
                at += await stream.readinto(buffer, at)
            assert buffer == DATA
            self.echoed += 1
            await asyncio.sleep_ms(20)

    async def exchange(self, other: int) -> None:
        """The session is cut; the next one brings an answer."""
        keeper = self.keepers[other]
        keeper._policy.announced(self.buses[0].now())
        keeper._policy.connected(self.buses[0].now())
        if keeper.connection is not None:
            keeper.connection.abort(END_LINK_DOWN)
        await asyncio.sleep_ms(0)
        before = self.echoed
        if not await within(5000, lambda: keeper.connection is not None):
            raise AssertionError("the keeper does not come back")
        if not await within(5000, lambda: self.echoed > before + 1):
            raise AssertionError("the kept stream does not come back")

    def idle(self) -> bool:
        return all(len(bus.node.sessions) <= 2 for bus in self.buses)


class Shares(Buses):
    """A file to a shared folder and back; folders lie in the one that this runs in."""

    def make(self, name: str) -> BareBus:
        bus = super().make(name)
        bus.share(folder.make("shared-" + name))
        with open("sent", "wb") as file:
            file.write(DATA * 9)
        return bus

    async def exchange(self, other: int) -> None:
        async with await self.connect(other) as connection:
            await connection.send("sent", replace=True)
            await connection.fetch("sent", folder.make("back"), replace=True)
        for path in ("shared-" + NAMES[other], "back"):
            with open(path + "/sent", "rb") as file:
                assert file.read() == DATA * 9
            os.remove(path + "/sent")

    def idle(self) -> bool:
        return super().idle() and not (shared_files._parts or shared_files._read)


class Loops:
    """Nodes without asyncio."""

    def __init__(self, link: str):
        self.link = link
        self.last_error = None
        self.got = bytearray(len(DATA))
        self.n = 0
        self.done = False
        self.stream = None
        nodes = [node.make(name.encode() * 32, name, Hasty, allowed=ANYONE) for name in NAMES]
        self.loops = [Loop(made, self.on_event) for made in nodes]

    async def start(self) -> None:
        self.ports = [loop.listen(HOST, 0, self.link) for loop in self.loops]

    def on_event(self, session, event) -> None:
        stream = event.stream
        if event.kind == EV_ESTABLISHED and session.initiator:
            self.stream = session.open("echo")
            self.stream.send(DATA)
        elif event.kind == EV_OPENED:
            stream.accept()
        elif event.kind == EV_READABLE and stream is self.stream:
            self.n += stream.recv_into(self.got, self.n)
            if self.n == len(DATA):
                assert self.got == DATA
                self.done = True
        elif event.kind == EV_READABLE:
            while stream.readable and not stream.pending:
                stream.send(stream.recv(stream.readable))

    async def exchange(self, other: int) -> None:
        self.n = 0
        self.done = False
        a, b = self.loops[0], self.loops[other]
        session = a.connect(HOST, self.ports[other], b.node.public, self.link)
        until = time.ticks_add(time.ticks_ms(), CONNECT_MS)
        while not (self.done or session.closed) and time.ticks_diff(until, time.ticks_ms()) > 0:
            await self.turn()
        if session.cause:
            raise session.failure
        assert self.done, "no answer"
        session.close(a.now())

    async def turn(self) -> None:
        for loop in self.loops:
            loop.run_once(0)
        await asyncio.sleep_ms(1)

    def idle(self) -> bool:
        for loop in self.loops:
            for session in loop.node.sessions:
                session.close(loop.now())
            loop.run_once(0)
        return not any(loop.node.sessions for loop in self.loops)

    def whole(self) -> bool:
        return True


SCENES = {
    "tcp": lambda: Buses("tcp"),
    "udp": lambda: Buses("udp"),
    "line": lambda: Cables("line"),
    "trust": lambda: Strangers("tcp"),
    "keeper": lambda: Kept("tcp"),
    "share": lambda: Shares("tcp"),
    "loop": lambda: Loops("tcp"),
    "loop-udp": lambda: Loops("udp"),
}


class Sweep:
    """One scene, over and over, with ever more memory."""

    def __init__(self, scene):
        self.scene = scene
        self.lack = Shortage()
        self.outcome = None
        self.tried = 0
        self.short = 0  # how often there was a lack

    async def run(self, first: int, step: int) -> None:
        await self.scene.start()
        for other in (1, 2, 1):  # what is made once is made here
            await self.scene.exchange(other)
            assert await self.settled()
        used = await self.measure()
        for blocks in range(first, used, step):
            await self.without(blocks)
        print("blocks", used, "tried", self.tried, "short", self.short)

    async def measure(self) -> int:
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        await self.scene.exchange(1)
        used = (gc.mem_alloc() - before) // BLOCK
        gc.enable()
        assert await self.settled()
        return used

    async def settled(self) -> bool:
        return await within(SETTLE_MS, self.scene.idle)

    async def without(self, blocks: int) -> None:
        """The exchange with this many blocks, and then two with all of them."""
        self.lack.lasting_ms = LASTS_MS[self.tried % len(LASTS_MS)]
        self.tried += 1
        self.outcome = None
        task = asyncio.create_task(self.attempt())
        self.lack.begin(blocks)
        if not await within(2 * SETTLE_MS, task.done):
            raise AssertionError(blocks, "blocks: it hangs")
        self.lack.end()
        self.short += self.lack.felt
        try:
            assert await self.settled(), "something is left"
            assert self.scene.whole(), "a task has ended"
            for other in (1, 2):
                await self.scene.exchange(other)
            assert await self.settled(), "something is left of a good exchange"
        except Exception as error:
            print("after", blocks, "blocks, lasting", self.lack.lasting_ms, "ms")
            for known in (self.outcome, self.scene.last_error):
                if known is not None:
                    sys.print_exception(known)
            raise error

    async def attempt(self) -> None:
        """The program is told with a cause, and no other way."""
        try:
            await self.scene.exchange(1)
        except CAUSES as error:
            self.outcome = error


if __name__ == "__main__":
    asyncio.run(Sweep(SCENES[sys.argv[1]]()).run(int(sys.argv[2]), int(sys.argv[3])))
