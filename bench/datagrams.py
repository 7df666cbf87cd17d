"""`make bench-datagrams`: sessions over UDP, beside those over TCP and beside aioquic, in one run.

Both ends run in one process on loopback; rounds, ratios and spread are those of `bench.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click
from bench import BusPair, Measure, compared, rows
from quic_peer import QuicPair
from stopwatch import Figure, report

from dsoftbus.const import SUITE_AESGCM_SHA256

OUTPUT = Path("build/bench/datagrams.json")


async def measured(rounds: int, bulk_bytes: int, trips: int) -> list[dict]:
    """The rows: a pair over UDP beside one over TCP, and beside aioquic."""
    found = []
    async with contextlib.AsyncExitStack() as stack:
        udp = await stack.enter_async_context(BusPair(SUITE_AESGCM_SHA256, "udp"))
        tcp = await stack.enter_async_context(BusPair(SUITE_AESGCM_SHA256))
        quic = await stack.enter_async_context(QuicPair())
        echo = Figure("us", trips, False)
        bulk = Figure("MB/s", bulk_bytes / 1e6, True)
        for name, figure, method, amount in (
            ("round trip", echo, "round_trip", trips),
            ("bulk", bulk, "bulk", bulk_bytes),
        ):
            measures: list[Measure] = [
                lambda end=end, method=method, amount=amount: getattr(end, method)(amount)
                for end in (udp, tcp, quic)
            ]
            spent = await compared(rounds, measures)
            found += rows([one[:2] for one in spent], [f"{name}, UDP"], figure, "TCP")
            beside = f"{name}, UDP beside QUIC"
            found += rows([one[::2] for one in spent], [beside], figure, "aioquic")
    return found


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--mb", default=8, show_default=True, help="Megabytes of bulk in a round.")
@click.option("--trips", default=1000, show_default=True, help="Round trips in a round.")
def main(rounds: int, mb: int, trips: int) -> None:
    """Compares sessions over UDP with those over TCP and with aioquic on loopback."""
    found = asyncio.run(measured(rounds, mb * 1024 * 1024, trips))
    report(found, OUTPUT)


if __name__ == "__main__":
    main()
