"""`make bench-hub`: what an echo of 32 bytes costs at a hub, as the number of its sessions grows.

One bus holds all sessions with the hub, over TCP or over one UDP socket, and writes on each of
them in turn, so that every session is busy. `both ends` is the time of one process with both;
`hub alone` is the CPU time of the hub in a process of its own. Rounds take turns, and each figure
is the median over the rounds, beside that of 10 sessions in the same round.

`--sessions N` opens so many instead, and says what they cost: bytes of the hub's memory a session,
and how much of a core it takes while they are idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import multiprocessing
import os
import resource
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import click
import table
from bench import ECHO_BYTES, Unhurried, compared, rows
from stopwatch import Figure, Spent, Stopwatch, report

from dsoftbus_aio.connection import Connection
from dsoftbus_aio.echo import serve_echo
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.cli.demo.svg import Drawing

COUNTS = (1, 10, 100, 400, 1000)
REFERENCE = 10
LINKS = ("tcp", "udp")
AT_ONCE = 8  # handshakes
OUTPUT = Path("build/bench/hub.json")
COLOURS = {"tcp": "#2266aa", "udp": "#cc7722"}
# us of CPU time at both ends, when each turn walked over all sessions, on a quiet machine of two
# cores.
# With 1000 over UDP there was no figure: they did not live long enough.
BEFORE: dict[str, list[float]] = {"tcp": [84, 93, 103, 111], "udp": [270, 860, 1570, 6290]}


class Large(Unhurried):
    """A hub that has places for all that are asked of it."""

    sessions = peer_sessions = 16384
    half_open = 1024


def hub_bus() -> BareBus:
    """A bus that answers `echo` for everyone."""
    bus = BareBus(os.urandom(32), profile=Large, allow=ANYONE, resume=False)
    serve_echo(bus)
    return bus


async def answer(link: str, pipe: Pipe) -> None:
    """A hub in a process of its own: each word on `pipe` is answered; None ends it."""
    bus = hub_bus()
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def on_word() -> None:
        word = pipe.recv()
        if word is None:
            over.set()
        else:
            pipe.send(time.process_time() if word == "cpu" else resident_bytes())

    loop.add_reader(pipe.fileno(), on_word)
    pipe.send((await bus.listen("127.0.0.1", link=link), bus.public))
    await over.wait()
    loop.remove_reader(pipe.fileno())
    await bus.close()


def serve(link: str, pipe: Pipe) -> None:
    raise_limits()
    asyncio.run(answer(link, pipe))


def resident_bytes() -> int:
    """Returns how much of this process lies in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def raise_limits() -> None:
    """Each session over TCP has a descriptor at either end."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Crowd:
    """`count` sessions over `link` with a hub, in this process or, `alone`, in another."""

    def __init__(self, link: str, count: int, alone: bool = False) -> None:
        self.link = link
        self.count = count
        self.alone = alone
        self.sessions: list[Connection] = []
        self._bus = BareBus(os.urandom(32), profile=Large, resume=False)
        self._next = 0

    async def __aenter__(self) -> Crowd:
        if self.alone:
            self._begin_process()
            self._port, self._public = self._pipe.recv()
        else:
            self._hub = hub_bus()
            self._public = self._hub.public
            self._port = await self._hub.listen("127.0.0.1", link=self.link)
        return self

    def _begin_process(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(self.link, other), daemon=True)
        self._process.start()

    async def __aexit__(self, *_: object) -> None:
        if self.alone:
            self._process.kill()  # so many sessions take long to part
            self._process.join()
        else:
            await self._hub.close()
        await self._bus.close()

    def asked(self, word: str) -> float:
        """The other process's "cpu" time in s, or its "memory" in bytes."""
        self._pipe.send(word)
        return float(self._pipe.recv())

    async def fill(self) -> None:
        """Opens the sessions."""
        missing = iter(range(self.count))

        async def some() -> None:
            for _ in missing:
                address = ("127.0.0.1", self._port, self._public)
                self.sessions.append(await self._bus.connect(*address, link=self.link))

        await asyncio.gather(*[some() for _ in range(AT_ONCE)])

    async def begin(self) -> None:
        """Opens the sessions, and a stream on each."""
        await self.fill()
        self._streams = [await session.open("echo") for session in self.sessions]

    async def round_trips(self, count: int) -> Spent:
        """Times so many writes and their echoes, on one session after the other."""
        before = self.asked("cpu") if self.alone else 0
        with Stopwatch() as watch:
            for _ in range(count):
                stream = self._streams[self._next % self.count]
                self._next += 1
                await stream.write(bytes(ECHO_BYTES))
                await stream.readexactly(ECHO_BYTES)
        spent = watch.spent
        return Spent(spent.wall, self.asked("cpu") - before) if self.alone else spent


Measure = Callable[[], Awaitable[Spent]]


async def measured(link: str, alone: bool, counts: list[int], rounds: int, trips: int) -> list:
    """The rows of one link."""
    async with contextlib.AsyncExitStack() as stack:
        crowds = [await stack.enter_async_context(Crowd(link, n, alone)) for n in counts]
        measures: list[Measure] = []
        for crowd in crowds:
            await crowd.begin()
            measures.append(lambda crowd=crowd: crowd.round_trips(trips))
        spent = await compared(rounds, measures)
    ends = "hub alone" if alone else "both ends"
    names = [f"{link.upper()}, {ends}, {n} sessions" for n in counts]
    found = rows(spent, names, Figure("us", trips, False), f"{counts[-1]} sessions")
    for row, count in zip(found, counts, strict=True):
        row.update(link=link, alone=alone, sessions=count)
    return found


def chart(found: list[dict], before: dict[str, list[float]]) -> str:
    """An SVG of CPU time (us) over the number of sessions, both on a logarithmic scale."""
    drawing = Drawing(520, 300)
    for power in (1, 2, 3, 4):
        y = _y(10.0**power)
        drawing.line([(50, y), (490, y)], "#dddddd")
        drawing.text(8, y + 4, f"{10**power}")
    for n, count in enumerate(COUNTS):
        drawing.text(52 + 105 * n, 272, f"{count}")
    drawing.text(120, 292, "sessions of a hub; us of CPU time an echo, both ends")
    for link in LINKS:
        now = [row["cpu"]["value"] for row in found if row["link"] == link and not row["alone"]]
        for name, values, colour, below in (
            ("before", before.get(link, []), "#999999", 18),
            ("now", now, COLOURS[link], -8),
        ):
            points = [(60.0 + 105 * n, _y(value)) for n, value in enumerate(values)]
            drawing.line(points, colour)
            for x, y in points:
                drawing.box(x - 2, y - 2, 4, 4, colour)
            if points:
                drawing.text(points[-1][0] - 70, points[-1][1] + below, f"{link.upper()} {name}")
    return str(drawing)


def _y(us: float) -> float:
    return 320 - 60 * math.log10(us)


async def crowded(link: str, count: int, idle_s: float) -> list[dict]:
    """The rows of a hub with so many sessions, and nothing to do."""
    async with Crowd(link, count, alone=True) as crowd:
        empty = crowd.asked("memory")
        with Stopwatch() as watch:
            await crowd.fill()
        bytes_each = (crowd.asked("memory") - empty) / count
        cpu, begun = crowd.asked("cpu"), time.monotonic()
        await asyncio.sleep(idle_s)
        share = (crowd.asked("cpu") - cpu) / (time.monotonic() - begun)
        live = sum(session.cause is None for session in crowd.sessions)
    name = f"{link.upper()}, {count} sessions"
    return [
        table.row(f"{name}, live", live, "", "", None),
        table.row(f"{name}, opened in", watch.spent.wall, "s", "", None),
        table.row(f"{name}, memory of each", bytes_each / 1024, "KB", "", None),
        table.row(f"{name}, idle", share * 100, "% of CPU", "", None),
    ]


async def all_measured(counts: list[int], rounds: int, trips: int) -> list[dict]:
    found = []
    for link in LINKS:
        for alone in (False, True):
            found += await measured(link, alone, counts, rounds, trips)
    return found


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Rounds of each measurement.")
@click.option("--trips", default=1000, show_default=True, help="Echoes in a round.")
@click.option("--most", default=max(COUNTS), show_default=True, help="No more sessions.")
@click.option("--sessions", default=0, help="Open so many, and nothing else.")
@click.option("--idle", default=30.0, show_default=True, help="Seconds for --sessions.")
@click.option("--svg", type=click.Path(path_type=Path), help="Where to write the chart.")
def main(rounds: int, trips: int, most: int, sessions: int, idle: float, svg: Path | None) -> None:
    """Measures what an echo costs at a hub with 1 to 1000 sessions."""
    raise_limits()
    if sessions:
        found = [row for link in LINKS for row in asyncio.run(crowded(link, sessions, idle))]
    else:
        counts = [n for n in COUNTS if n <= most and n != REFERENCE]
        found = asyncio.run(all_measured([*counts, REFERENCE], rounds, trips))
        found.sort(key=lambda row: (row["link"], row["alone"], row["sessions"]))
    report(found, OUTPUT)
    if svg is not None:
        svg.write_text(chart(found, BEFORE))


if __name__ == "__main__":
    main()
