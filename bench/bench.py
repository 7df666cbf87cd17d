"""`make bench`: the host's sessions beside asyncio's TLS 1.3, on loopback, in one run.

Both ends run in one process, writes are of 32 KiB. The two take turns, round by round, and each
figure is the median over the rounds, each ratio the median of the rounds' ratios with the lowest
and the highest: a machine that slows down for a moment slows both. Ratios are of wall time and of
this process's CPU time, which other programs disturb less.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import table
import tls_peer
from stopwatch import Figure, Spent, Stopwatch, row

from dsoftbus.const import HOST, SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.stream import BusStream
from dsoftbus_host.bare_bus import ANYONE, BareBus

WRITE_BYTES = 32768
ECHO_BYTES = 32
SUITES = {"AESGCM": SUITE_AESGCM_SHA256, "ChaChaPoly": SUITE_CHACHA_SHA256}
OUTPUT = Path("build/bench/bench.json")


class Unhurried(HOST):
    """Measures what a handshake costs, not how many a node answers in a second."""

    handshakes = 1 << 20


class BusPair:
    """Two buses in one process, and a session between them."""

    def __init__(self, suite: int) -> None:
        self._suite = suite
        self._client = BareBus(os.urandom(32))
        self.server = BareBus(os.urandom(32), profile=Unhurried, allow=ANYONE)

    async def __aenter__(self) -> BusPair:
        self._port = await self.server.listen()
        self.near, self.far = await self._session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self.server.close()

    async def _session(self) -> tuple[Connection, Connection]:
        return await self._reached(self._client), await self.server.accept()

    async def _reached(self, client: BareBus) -> Connection:
        """A session of `client` with the server."""
        return await client.connect("127.0.0.1", self._port, self.server.public, suite=self._suite)

    async def _stream(self, name: str) -> tuple[BusStream, BusStream]:
        near = await self.near.open(name)
        return near, await self.far.accept()

    async def bulk(self, total: int, streams: int = 1) -> Spent:
        """`total` bytes, spread over `streams` concurrent streams."""
        pairs = [await self._stream(f"bulk{i}") for i in range(streams)]
        share = total // streams
        with Stopwatch() as watch:
            await asyncio.gather(
                *[_send(near, share) for near, _ in pairs], *[_drain(far) for _, far in pairs]
            )
        return watch.spent

    async def round_trip(self, count: int, size: int = ECHO_BYTES) -> Spent:
        """So many times a write of `size` bytes, and its echo."""
        near, far = await self._stream("echo")
        echo = asyncio.ensure_future(_echo(far))
        data = bytes(size)
        with Stopwatch() as watch:
            for _ in range(count):
                await near.write(data)
                await near.readexactly(size)
        await near.finish()
        await echo
        return watch.spent

    async def connects(self, count: int) -> Spent:
        """So many sessions, opened, authenticated and closed."""
        with Stopwatch() as watch:
            for _ in range(count):
                near, _far = await self._session()
                await near.close()
        return watch.spent


async def _send(stream: BusStream, total: int) -> None:
    data = bytes(WRITE_BYTES)
    for _ in range(total // WRITE_BYTES):
        await stream.write(data)
    await stream.finish()


async def _drain(stream: BusStream) -> None:
    while await stream.read(65536):
        pass
    await stream.finish()


async def _echo(stream: BusStream) -> None:
    while data := await stream.read(65536):
        await stream.write(data)
    await stream.finish()


Measure = Callable[[], Awaitable[Spent]]


async def compared(rounds: int, measures: list[Measure]) -> list[list[Spent]]:
    """Returns for each round what all measures have spent, in turn, after one round to warm up."""
    spent = []
    for _ in range(rounds + 1):  # CPython 3.10 has no `await` in a comprehension within another
        spent.append([await measure() for measure in measures])
    return spent[1:]


def rows(spent: list[list[Spent]], names: list[str], figure: Figure, reference: str) -> list[dict]:
    """A row per measure, against the last one."""
    taken = list(zip(*spent, strict=True))
    pairs = zip(names, taken, strict=False)
    return [row(name, figure, list(each), reference, list(taken[-1])) for name, each in pairs]


async def _against_tls(rounds: int, bulk_bytes: int, trips: int, connects: int) -> list[dict]:
    found = []
    async with contextlib.AsyncExitStack() as stack:
        pairs = [await stack.enter_async_context(BusPair(code)) for code in SUITES.values()]
        tls = await stack.enter_async_context(tls_peer.TlsPair())
        for label, method, amount, figure in (
            ("bulk", "bulk", bulk_bytes, Figure("MB/s", bulk_bytes / 1e6, True)),
            ("round trip", "round_trip", trips, Figure("us", trips, False)),
            ("connects", "connects", connects, Figure("1/s", connects, True)),
        ):
            measures = [
                lambda end=end, method=method, amount=amount: getattr(end, method)(amount)
                for end in (*pairs, tls)
            ]
            names = [f"{label}, {suite}" for suite in SUITES]
            spent = await compared(rounds, measures)
            found += rows(spent, names, figure, "asyncio TLS 1.3")
    return found


async def _many_streams(rounds: int, bulk_bytes: int) -> list[dict]:
    async with BusPair(SUITE_AESGCM_SHA256) as pair:
        counts = (64, 8, 1)
        measures = [lambda n=n: pair.bulk(bulk_bytes, n) for n in counts]
        spent = await compared(rounds, measures)
    figure = Figure("MB/s", bulk_bytes / 1e6, True)
    return rows(spent, [f"bulk, {n} streams" for n in counts[:-1]], figure, "1 stream")


async def _files(rounds: int, size: int) -> list[dict]:
    from shares import beside_a_stream  # which has a pair of these

    return await beside_a_stream(rounds, size)


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--mb", default=64, show_default=True, help="Megabytes of bulk in a round.")
def main(rounds: int, mb: int) -> None:
    """Compares the host's sessions with asyncio's TLS 1.3 on loopback."""
    bulk_bytes = mb * 1024 * 1024
    found = asyncio.run(_against_tls(rounds, bulk_bytes, 2000, 100))
    found += asyncio.run(_many_streams(rounds, bulk_bytes))
    found += asyncio.run(_files(rounds, bulk_bytes))
    table.show(found)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    table.write(found, OUTPUT)


if __name__ == "__main__":
    main()
