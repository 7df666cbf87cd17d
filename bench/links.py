"""`make bench-links`: sessions over QUIC and WebSockets, beside those over TCP, in one run.

Both ends run in one process on loopback; rounds, ratios and spread are those of `bench.py`. QUIC
is measured beside aioquic alone, too, since most of its time is the library's.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import click
from bench import BusPair, Measure, compared, rows
from quic_peer import QuicPair
from stopwatch import Figure, report

from dsoftbus.const import SUITE_AESGCM_SHA256

OUTPUT = Path("build/bench/links.json")


async def measured(rounds: int, bulk_bytes: int, trips: int) -> list[dict]:
    """The rows: a pair over each link beside one over TCP, and QUIC beside aioquic."""
    found = []
    async with contextlib.AsyncExitStack() as stack:
        tcp, ws, quic = [
            await stack.enter_async_context(BusPair(SUITE_AESGCM_SHA256, link))
            for link in ("tcp", "ws", "quic")
        ]
        aioquic = await stack.enter_async_context(QuicPair())
        beside = {"WebSocket": (ws, tcp, "TCP"), "QUIC": (quic, tcp, "TCP")}
        beside["QUIC, the library"] = (quic, aioquic, "aioquic")
        echo = Figure("us", trips, False)
        bulk = Figure("MB/s", bulk_bytes / 1e6, True)
        for name, figure, method, amount in (
            ("round trip", echo, "round_trip", trips),
            ("bulk", bulk, "bulk", bulk_bytes),
        ):
            for link, (ours, theirs, reference) in beside.items():
                measures = [_measure(end, method, amount) for end in (ours, theirs)]
                spent = await compared(rounds, measures)
                found += rows(spent, [f"{name}, {link}"], figure, reference)
    return found


def _measure(end: Any, method: str, amount: int) -> Measure:
    return lambda: getattr(end, method)(amount)


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--mb", default=4, show_default=True, help="Megabytes of bulk in a round.")
@click.option("--trips", default=500, show_default=True, help="Round trips in a round.")
def main(rounds: int, mb: int, trips: int) -> None:
    """Compares sessions over QUIC and WebSockets with those over TCP on loopback."""
    report(asyncio.run(measured(rounds, mb * 1024 * 1024, trips)), OUTPUT)


if __name__ == "__main__":
    main()
