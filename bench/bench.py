"""`make bench`: the host's sessions beside asyncio's TLS 1.3, on loopback, in one run.

Both ends run in one process, writes are of 32 KiB. The two take turns, round by round, and the one
that was first is last in the next: a machine that slows down for a moment slows both. Each figure
is the median over the rounds, each ratio the median of the rounds' ratios with their quartiles, in
wall time and in CPU time of this process, which other programs disturb less. With each suite of
ours TLS has the same cipher; a suite has a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import click
import tls_peer
from stopwatch import Figure, Spent, Stopwatch, report, row

from dsoftbus.const import HOST, SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.stream import BusStream
from dsoftbus_host.bare_bus import ANYONE, BareBus

WRITE_BYTES = 32768
ECHO_BYTES = 32
TRIPS = 2000  # in a round, if nothing else is said
CONNECTS = 100
AES = "AES-GCM"
SUITES = {  # and the cipher of TLS that goes with each
    AES: (SUITE_AESGCM_SHA256, "TLS_AES_256_GCM_SHA384"),
    "ChaChaPoly": (SUITE_CHACHA_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
}
OUTPUT = Path("build/bench/bench.json")


class Unhurried(HOST):
    """Measures what a handshake costs, not how many a node answers in a second."""

    handshakes = 1 << 20


class BusPair:
    """Two buses in one process, and a session between them over `link`, "tcp" or "udp"; with
    `resume` all but the first begin with a ticket."""

    def __init__(self, suite: int, link: str = "tcp", resume: bool = False) -> None:
        self._suite = suite
        self._link = link
        self._client = BareBus(os.urandom(32), resume=resume)
        self.server = BareBus(os.urandom(32), profile=Unhurried, allow=ANYONE, resume=resume)

    async def __aenter__(self) -> BusPair:
        self._port = await self.server.listen(link=self._link)
        self.near, self.far = await self._session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self.server.close()

    async def _session(self) -> tuple[Connection, Connection]:
        return await self._reached(self._client), await self.server.accept()

    async def _reached(self, client: BareBus) -> Connection:
        """A session of `client` with the server."""
        return await client.connect(
            "127.0.0.1", self._port, self.server.public, link=self._link, suite=self._suite
        )

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
    for n in range(rounds + 1):
        turns = measures[::-1] if n % 2 else measures
        # CPython 3.10 has no `await` in a comprehension within another.
        found = [await measure() for measure in turns]
        spent.append(found[::-1] if n % 2 else found)
    return spent[1:]


def rows(spent: list[list[Spent]], names: list[str], figure: Figure, reference: str) -> list[dict]:
    """A row per measure, against the last one."""
    taken = list(zip(*spent, strict=True))
    pairs = zip(names, taken, strict=False)
    return [row(name, figure, list(each), reference, list(taken[-1])) for name, each in pairs]


class Amounts(NamedTuple):
    """The work of one round."""

    bulk_bytes: int
    trips: int
    connects: int


async def _against_tls(suite: str, rounds: int, amounts: Amounts) -> list[dict]:
    """The rows of one suite, in a process whose TLS has the same cipher."""
    bulk_bytes, trips, connects = amounts
    code, cipher = SUITES[suite]
    found = []
    async with BusPair(code) as pair, tls_peer.TlsPair() as tls:
        if await tls.cipher() != cipher:
            raise SystemExit(f"this OpenSSL does not keep to {cipher}")
        for label, method, amount, figure in (
            ("bulk", "bulk", bulk_bytes, Figure("MB/s", bulk_bytes / 1e6, True)),
            ("round trip", "round_trip", trips, Figure("us", trips, False)),
            ("connects", "connects", connects, Figure("1/s", connects, True)),
        ):
            measures = [
                lambda end=end, method=method, amount=amount: getattr(end, method)(amount)
                for end in (pair, tls)
            ]
            spent = await compared(rounds, measures)
            found += rows(spent, [f"{label}, {suite}"], figure, f"asyncio TLS 1.3, {suite}")
    return found


async def _over_udp(rounds: int, trips: int) -> list[dict]:
    """A round trip over UDP beside one over TCP."""
    async with BusPair(SUITE_AESGCM_SHA256, "udp") as udp, BusPair(SUITE_AESGCM_SHA256) as tcp:
        spent = await compared(
            rounds, [lambda: udp.round_trip(trips), lambda: tcp.round_trip(trips)]
        )
    return rows(spent, ["round trip, UDP"], Figure("us", trips, False), "TCP")


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


def _run(part: Callable[..., Coroutine[Any, Any, list[dict]]], *args: object) -> list[dict]:
    return asyncio.run(part(*args))


def _alone(cipher: str, *work: Any) -> list[dict]:
    """Runs a part in a process of its own, whose TLS knows `cipher` alone."""
    spawn = multiprocessing.get_context("spawn")  # it reads its environment anew
    with tls_peer.only_cipher(cipher), ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(_run, *work).result()


def against_tls(rounds: int, amounts: Amounts) -> list[dict]:
    """The rows of every suite."""
    found = []
    for suite, (_, cipher) in SUITES.items():
        found += _alone(cipher, _against_tls, suite, rounds, amounts)
    return found


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--mb", default=64, show_default=True, help="Megabytes of bulk in a round.")
@click.option("--trips", default=TRIPS, show_default=True, help="Round trips in a round.")
@click.option("--connects", default=CONNECTS, show_default=True, help="Sessions in a round.")
def main(rounds: int, mb: int, trips: int, connects: int) -> None:
    """Compares the host's sessions with asyncio's TLS 1.3 on loopback."""
    bulk_bytes = mb * 1024 * 1024
    amounts = Amounts(bulk_bytes, trips, connects)
    found = against_tls(rounds, amounts)
    found += _run(_over_udp, rounds, trips)
    found += _run(_many_streams, rounds, bulk_bytes)
    found += _run(_files, rounds, bulk_bytes)
    report(found, OUTPUT)


if __name__ == "__main__":
    main()
