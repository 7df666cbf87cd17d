"""`make bench-reach`: through a broker, in one run.

Two buses reach each other through the letters of a group: encrypted end to end, and acknowledged.
Beside them are plain MQTT clients at QoS 0 and at QoS 1, not encrypted, on the same mosquitto. All
clients are in this process, the broker is in one of its own, whose CPU time is not counted.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
from bench import ECHO_BYTES, compared
from mqtt_peer import HOST, Mqtt, installed
from services import BURST, Services
from stopwatch import Figure, machine, report, row

from dsoftbus.broker.group import SECRET_BYTES, Group
from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus_aio.connection import Connection
from dsoftbus_host.bare_bus import BareBus

OUTPUT = Path("build/bench/reach.json")
BROKER = "mosquitto"
SIZES = (ECHO_BYTES, 1000)


class Reach(Services):
    """A pair that meets at the broker on `port`."""

    def __init__(self, port: int) -> None:
        super().__init__(SUITE_CHACHA_SHA256, "mqtt")
        self._group = Group(os.urandom(SECRET_BYTES), "bench", f"mqtt://{HOST}:{port}")

    async def __aenter__(self) -> Reach:
        self.server.open_group(self._group, answers=True)
        self._client.open_group(self._group)
        self.near, self.far = await self._session()
        return self

    async def _reached(self, client: BareBus) -> Connection:
        client.open_group(self._group)
        return await client.connect(self._group.name, 0, self.server.public, link="mqtt")


async def _measured(rounds: int, calls: int) -> list[dict]:
    found = []
    async with Mqtt(BROKER) as plain, Reach(plain.port) as ours:
        for size in SIZES:
            trips = [
                lambda size=size: ours.round_trip(calls, size),
                lambda size=size: plain.requests(calls, size, 0),
                lambda size=size: plain.requests(calls, size, 1),
            ]
            figure = Figure("us", calls, False)
            found += _beside(f"round trip, {size} bytes", figure, await compared(rounds, trips))
            bursts = max(calls // BURST, 1)
            events = [
                lambda size=size, bursts=bursts: ours.events(bursts, BURST, size),
                lambda size=size, bursts=bursts: plain.events(bursts, BURST, size, 0),
                lambda size=size, bursts=bursts: plain.events(bursts, BURST, size, 1),
            ]
            figure = Figure("1/s", bursts * BURST, True)
            found += _beside(f"messages, {size} bytes", figure, await compared(rounds, events))
    return found


def _beside(name: str, figure: Figure, spent: list) -> list[dict]:
    """A row for each of the two references."""
    ours, *theirs = map(list, zip(*spent, strict=True))
    levels = enumerate(theirs)
    return [row(name, figure, ours, f"MQTT, QoS {qos}", each) for qos, each in levels]


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--calls", default=1000, show_default=True, help="Round trips in a round.")
def main(rounds: int, calls: int) -> None:
    """Compares sessions through a broker with plain MQTT at the same broker."""
    if not installed()[BROKER]:
        print(machine(), f"{BROKER}: not installed, nothing is measured", "", "", sep="\n")
        return
    report(asyncio.run(_measured(rounds, calls)), OUTPUT)


if __name__ == "__main__":
    main()
