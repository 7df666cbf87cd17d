"""Gathered writes: whatever programs do and however little the link takes, nothing stays unsent
once the loop has nothing more to do."""

import asyncio
import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from backend import run
from draws import draws
from dsoftbus.const import HOST as LIMITS
from node_pair import Pair

SIZES = st.sampled_from([1, 32, 1000, 16_384, 65_537, 200_000])
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.booleans(), SIZES),
    st.tuples(st.just("read"), st.booleans(), SIZES),
    st.tuples(st.just("ping"), st.booleans(), st.just(0)),
    st.tuples(st.just("open"), st.booleans(), st.just(0)),
    st.tuples(st.just("wait"), st.booleans(), st.sampled_from([0, 1, 3])),
)
TAKES = st.lists(st.sampled_from([0, 1, 100, 5000, 1 << 20]), min_size=1, max_size=8)
QUIET = 8  # turns of the loop in which nothing has moved


class Stingy:
    """A link that takes what it likes of what it is given."""

    def __init__(self, link, takes: list) -> None:
        self.readinto = link.readinto
        self.close = link.close
        self.socket = link.socket
        self.sent = 0
        self._write = link.write
        # One that takes nothing at all, for ever, would be a link that hangs.
        self._takes = itertools.cycle([*takes, 50_000])

    def write(self, buffer, at, stop):
        most = next(self._takes)
        n = self._write(buffer, at, min(stop, at + most)) if most else None
        self.sent += n or 0
        return n


class Program:
    """One end: its writes and reads, each kind in its order."""

    def __init__(self, connection, stream, takes) -> None:
        self.connection = connection
        self.stream = stream
        self.link = connection._pump.link = Stingy(connection._pump.link, takes)
        self.written = bytearray()
        self.got = bytearray()
        self._data = random.Random(1).randbytes(200_000)
        self._writes = asyncio.Queue()
        self._reads = asyncio.Queue()
        self.tasks = [asyncio.ensure_future(t) for t in (self._write_all(), self._read_all())]
        self._names = map(str, itertools.count())

    async def do(self, what: str, n: int) -> None:
        if what == "write":
            self.written += self._data[:n]
            self._writes.put_nowait(n)
        elif what == "read":
            self._reads.put_nowait(n)
        elif what == "ping":
            await self.connection.ping()
        elif what == "open":
            (await self.connection.open(next(self._names))).reset()
        for _ in range(n if what == "wait" else 0):
            await asyncio.sleep(0)

    async def _write_all(self):
        while n := await self._writes.get():
            await self.stream.write(self._data[:n])
        await self.stream.finish()

    async def _read_all(self):
        while (n := await self._reads.get()) > 0:
            self.got += await self.stream.read(n)
        self.got += await self.stream.read()

    def end(self) -> None:
        self._writes.put_nowait(0)
        self._reads.put_nowait(0)

    @property
    def settled(self) -> bool:
        """All that could be said has been handed to the link."""
        pump = self.connection._pump
        return not (pump._stop or pump.blocked or self.connection.session.has_output)


async def quiet(programs) -> None:
    """Returns when several turns of the loop have moved nothing."""
    still = 0
    while still < QUIET:
        before = [program.link.sent for program in programs]
        await asyncio.sleep(0)
        still = still + 1 if before == [program.link.sent for program in programs] else 0


@settings(max_examples=draws(100))
@given(st.lists(OPERATIONS, max_size=30), TAKES, TAKES)
def test_nothing_is_left_unsent(operations, client_takes, server_takes):
    async def test():
        async with Pair(LIMITS) as pair:
            ours = await pair.client.open("both ways")
            theirs = await pair.server.accept()
            programs = (
                Program(pair.client, ours, client_takes),
                Program(pair.server, theirs, server_takes),
            )
            for what, side, n in operations:
                await programs[side].do(what, n)
            await quiet(programs)
            assert all(program.settled for program in programs)
            for program in programs:
                program.end()
            await asyncio.gather(*programs[0].tasks, *programs[1].tasks)
            assert programs[0].got == programs[1].written
            assert programs[1].got == programs[0].written

    run(test())
