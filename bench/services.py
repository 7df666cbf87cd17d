"""`make bench-services`: calls and topics, in one run.

A call is beside the round trip of a bare stream: both carry the same bytes there and back, in one
session between two buses of one process. Calls, events and states are beside MQTT on this machine:
theirs are not encrypted, their clients are in this process too, and their broker is in one of its
own, whose CPU time is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import click
import table
from bench import ECHO_BYTES, BusPair, Measure, compared, rows
from mqtt_peer import Mqtt, installed
from stopwatch import Figure, Spent, Stopwatch, keep, machine, row

from dsoftbus.const import SUITE_AESGCM_SHA256
from dsoftbus_host.bare_bus import BareBus

OUTPUT = Path("build/bench/services.json")
SIZES = (ECHO_BYTES, 1000, 16000)
BURST = 100  # events that are published before the first of them is awaited


class Services(BusPair):
    """A pair whose server echoes what it is called with, and publishes."""

    async def requests(self, count: int, size: int) -> Spent:
        """So many calls, one after the other, of `size` bytes there and back."""
        self.server.call("echo")(lambda _connection, value: value)
        data = bytes(size)
        await self.near.call("echo", data)  # opens the stream
        with Stopwatch() as watch:
            for _ in range(count):
                await self.near.call("echo", data)
        return watch.spent

    async def events(self, bursts: int, burst: int, size: int) -> Spent:
        """So many times a burst of events, each of which the subscriber has before the next."""
        self.server.topic("event", event=True)
        updates = self.near.subscribe("event")
        await self._taken(updates)
        data = bytes(size)
        with Stopwatch() as watch:
            for _ in range(bursts):
                for _ in range(burst):
                    self.server.publish("event", data)
                for _ in range(burst):
                    await anext(updates)
        updates.close()
        return watch.spent

    async def _taken(self, updates) -> None:
        """Publishes until the first event comes through: the subscription has been taken."""
        first = asyncio.ensure_future(anext(updates))
        while not first.done():
            self.server.publish("event", None)
            await asyncio.wait([first], timeout=0.01)

    async def states(self, count: int, subscribers: int) -> Spent:
        """So many values, each of which all subscribers have before the next."""
        self.server.publish("state", -1)
        async with contextlib.AsyncExitStack() as stack:
            sources = []
            for _ in range(subscribers):
                bus = await stack.enter_async_context(BareBus(os.urandom(32)))
                sources.append((await self._reached(bus)).subscribe("state"))
            for source in sources:
                await anext(source)  # the value that it has already
            with Stopwatch() as watch:
                for i in range(count):
                    self.server.publish("state", i)
                    for source in sources:
                        await anext(source)
        return watch.spent


class Amount(NamedTuple):
    """Both sides do this in a round: a method of theirs, with arguments."""

    name: str
    method: str
    arguments: tuple[int, ...]
    figure: Figure

    def measure(self, end: Services | Mqtt) -> Measure:
        return lambda: getattr(end, self.method)(*self.arguments)


def _amounts(calls: int, subscribers: int) -> list[Amount]:
    bursts, states = max(calls // BURST, 1), max(calls // (5 * subscribers), 1)
    size = ECHO_BYTES
    trip, rate = Figure("us", calls, False), Figure("1/s", bursts * BURST, True)
    to_all = Figure("us", states, False)
    return [
        Amount(f"request and answer, {size} bytes", "requests", (calls, size), trip),
        Amount(f"events, {size} bytes", "events", (bursts, BURST, size), rate),
        Amount(f"state to {subscribers} subscribers", "states", (states, subscribers), to_all),
    ]


async def _calls(rounds: int, count: int) -> list[dict]:
    found = []
    async with Services(SUITE_AESGCM_SHA256) as pair:
        for size in SIZES:
            measures = [
                lambda size=size: pair.requests(count, size),
                lambda size=size: pair.round_trip(count, size),
            ]
            spent = await compared(rounds, measures)
            figure = Figure("us", count, False)
            found += rows(spent, [f"call, {size} bytes"], figure, "a stream's round trip")
    return found


async def _against_mqtt(rounds: int, amounts: list[Amount], brokers: list[str]) -> list[dict]:
    """A row of each amount and broker; all take turns, round by round."""
    found = []
    async with contextlib.AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(Services(SUITE_AESGCM_SHA256))]
        ends += [await stack.enter_async_context(Mqtt(broker)) for broker in brokers]
        for amount in amounts:
            spent = await compared(rounds, [amount.measure(end) for end in ends])
            ours, *theirs = map(list, zip(*spent, strict=True))
            for broker, each in zip(brokers, theirs, strict=True):
                found.append(row(amount.name, amount.figure, ours, broker, each))
    return found


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--calls", default=2000, show_default=True, help="Calls, and events, in a round.")
@click.option("--subscribers", default=100, show_default=True, help="Those of a state.")
def main(rounds: int, calls: int, subscribers: int) -> None:
    """Compares calls with the bare stream that carries them, and calls and topics with MQTT."""
    print(machine())
    found = asyncio.run(_calls(rounds, calls))
    table.show(found)
    here = installed()
    if brokers := [name for name in here if here[name]]:
        amounts = _amounts(calls, subscribers)
        beside = asyncio.run(_against_mqtt(rounds, amounts, brokers))
        table.show(beside)
        found += beside
    for name in here:
        if not here[name]:
            print(f"{name}: not installed")
    keep(found, OUTPUT)


if __name__ == "__main__":
    main()
