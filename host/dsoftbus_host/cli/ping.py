"""The command that asks a peer for a sign of life."""

from __future__ import annotations

import asyncio
import statistics
import time

import click

from dsoftbus_aio.connection import Connection
from dsoftbus_host import address, event_loop
from dsoftbus_host.bus import LINK_NAMES
from dsoftbus_host.cli.common import command, console, peer_argument, short_id
from dsoftbus_host.cli.reach import Place, place_options, reached


@click.command("ping")
@peer_argument
@click.option("-c", "--count", type=click.IntRange(1), default=4, show_default=True)
@click.option(
    "--interval",
    type=click.FloatRange(0),
    default=1,
    show_default=True,
    metavar="SECONDS",
    help="From one to the next.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="What is not answered by then is lost.",
)
@place_options
@command
def ping(peer: str, count: int, interval: float, timeout: float, place: Place) -> None:
    """Ask a peer for a sign of life.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. It shows how long each answer
    takes, within one session. Exit status 1: no answer came, or the peer refuses this node, and
    then it says why.
    """
    trips: list[float | None] = []
    try:
        event_loop.run(_ping(peer, count, interval, timeout, place, trips))
    finally:
        if trips:
            console.print(_summary(trips))
    if all(trip is None for trip in trips):
        raise SystemExit(1)


async def _ping(
    peer: str,
    count: int,
    interval: float,
    timeout: float,
    place: Place,
    trips: list[float | None],
) -> None:
    async with reached(place, peer) as connection:
        path = connection.path
        for number in range(1, count + 1):
            trip = await _round_trip(connection, timeout)
            if connection.cause is not None:  # a refusal, perhaps, which follows the handshake
                raise connection.cause
            if number == 1:
                name = connection.peer_name or "-"
                console.print(f"{name} ({short_id(connection.peer_id)}){_way(connection)}")
            elif connection.path != path:
                path = connection.path
                console.print(f"the session goes on over {path}")
            trips.append(trip)
            said = f"no answer within {timeout:g} s" if trip is None else f"{trip:.2f} ms"
            console.print(f"{number}: {said}")
            if number < count:
                await asyncio.sleep(interval)


async def _round_trip(connection: Connection, timeout: float) -> float | None:
    """The time in ms; None where there is no answer in time, or the session ends."""
    keepalive = connection.session.keepalive
    answered = asyncio.Event()
    keepalive.on_answer = answered.set
    start = time.perf_counter()
    if (
        not keepalive.waiting
    ):  # for the answer to the last one, which would be taken for this one's
        await connection.ping()
    tasks = [asyncio.ensure_future(answered.wait()), asyncio.ensure_future(connection.ended())]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return (time.perf_counter() - start) * 1000 if answered.is_set() else None
    finally:
        keepalive.on_answer = None
        for task in tasks:
            task.cancel()


def _way(connection: Connection) -> str:
    route = connection.session.route
    if route is None or route[0] not in LINK_NAMES:
        return ""
    kind, host, port = route
    return f" at {LINK_NAMES[kind]}://{address.host_port(host, port) if port else host}"


def _summary(trips: list[float | None]) -> str:
    times = [trip for trip in trips if trip is not None]
    lost = 100 * (len(trips) - len(times)) / len(trips)
    said = f"{len(trips)} sent, {len(times)} answered, {lost:.0f} % lost"
    if times:
        least, middle, most = min(times), statistics.median(times), max(times)
        said += f"; least {least:.2f}, median {middle:.2f}, most {most:.2f} ms"
    return said
