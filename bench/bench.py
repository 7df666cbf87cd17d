"""`make bench`: the host's sessions beside asyncio's TLS 1.3, on loopback, in one run.

Both ends run in one process, writes are of 32 KiB. The two take turns, round by round, and each
figure is the median over the rounds, each ratio the median of the rounds' ratios: a machine that
slows down for a moment slows both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import table
import tls_peer

from dsoftbus.const import HOST, SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256
from dsoftbus_host.bus import ANYONE, Bus
from dsoftbus_host.connection import Connection
from dsoftbus_host.stream import BusStream

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
        self._client = Bus(os.urandom(32))
        self._server = Bus(os.urandom(32), profile=Unhurried, allow=ANYONE)

    async def __aenter__(self) -> BusPair:
        self._port = await self._server.listen()
        self.near, self.far = await self._session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._server.close()

    async def _session(self) -> tuple[Connection, Connection]:
        near = await self._client.connect(
            "127.0.0.1", self._port, self._server.public, suite=self._suite
        )
        return near, await self._server.accept()

    async def _stream(self, name: str) -> tuple[BusStream, BusStream]:
        near = await self.near.open(name)
        return near, await self.far.accept()

    async def bulk(self, total: int, streams: int = 1) -> float:
        """MB/s of `total` bytes, spread over `streams` concurrent streams."""
        pairs = [await self._stream(f"bulk{i}") for i in range(streams)]
        share = total // streams
        start = time.perf_counter()
        await asyncio.gather(
            *[_send(near, share) for near, _ in pairs], *[_drain(far) for _, far in pairs]
        )
        return share * streams / 1e6 / (time.perf_counter() - start)

    async def round_trip(self, count: int) -> float:
        """us from a write of 32 bytes to its echo."""
        near, far = await self._stream("echo")
        echo = asyncio.ensure_future(_echo(far))
        data = bytes(ECHO_BYTES)
        start = time.perf_counter()
        for _ in range(count):
            await near.write(data)
            await near.readexactly(ECHO_BYTES)
        spent = time.perf_counter() - start
        await near.finish()
        await echo
        return spent / count * 1e6

    async def connects(self, count: int) -> float:
        """Sessions opened, authenticated and closed, a second."""
        start = time.perf_counter()
        for _ in range(count):
            near, _far = await self._session()
            await near.close()
        return count / (time.perf_counter() - start)


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


Measure = Callable[[], Awaitable[float]]


async def _compare(rounds: int, measures: list[Measure]) -> list[list[float]]:
    """For each round the values of all measures, taken in turn, after one round to warm up."""
    values = [[await measure() for measure in measures] for _ in range(rounds + 1)]
    return values[1:]


def _rows(values: list[list[float]], names: list[str], unit: str, reference: str) -> list[dict]:
    """A row per measure, against the last one."""
    rows = []
    for i, name in enumerate(names):
        row = table.row(
            name,
            table.median([v[i] for v in values]),
            unit,
            reference,
            table.median([v[-1] for v in values]),
        )
        row["ratio"] = table.median([v[i] / v[-1] for v in values])
        rows.append(row)
    return rows


async def _against_tls(rounds: int, bulk_bytes: int, trips: int, connects: int) -> list[dict]:
    rows = []
    async with contextlib.AsyncExitStack() as stack:
        pairs = [await stack.enter_async_context(BusPair(code)) for code in SUITES.values()]
        tls = await stack.enter_async_context(tls_peer.TlsPair())
        for label, unit, method, amount in (
            ("bulk", "MB/s", "bulk", bulk_bytes),
            ("round trip", "us", "round_trip", trips),
            ("connects", "1/s", "connects", connects),
        ):
            measures = [
                lambda end=end, method=method, amount=amount: getattr(end, method)(amount)
                for end in (*pairs, tls)
            ]
            names = [f"{label}, {suite}" for suite in SUITES]
            rows += _rows(await _compare(rounds, measures), names, unit, "asyncio TLS 1.3")
    return rows


async def _many_streams(rounds: int, bulk_bytes: int) -> list[dict]:
    async with BusPair(SUITE_AESGCM_SHA256) as pair:
        counts = (64, 8, 1)
        measures = [lambda n=n: pair.bulk(bulk_bytes, n) for n in counts]
        values = await _compare(rounds, measures)
    return _rows(values, [f"bulk, {n} streams" for n in counts[:-1]], "MB/s", "1 stream")


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--mb", default=64, show_default=True, help="Megabytes of bulk in a round.")
def main(rounds: int, mb: int) -> None:
    """Compares the host's sessions with asyncio's TLS 1.3 on loopback."""
    bulk_bytes = mb * 1024 * 1024
    rows = asyncio.run(_against_tls(rounds, bulk_bytes, 2000, 100))
    rows += asyncio.run(_many_streams(rounds, bulk_bytes))
    table.show(rows)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    table.write(rows, OUTPUT)


if __name__ == "__main__":
    main()
