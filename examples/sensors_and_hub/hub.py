"""A hub: shows what its sensors measure, who comes and who leaves, and has the warm ones cooled.

    python hub.py

It hears of every node that `dsoftbus pair` has paired with this one, those that come later, too.
"""

import asyncio

from dsoftbus_host import Bus, BusError, run

WARM = 25.0


async def readings(bus: Bus) -> None:
    async for update in bus.subscribe("temperature"):
        print(update.peer.name, update.value, flush=True)
        if update.value > WARM:
            try:
                answer = await bus.peer(update.peer.id).call("fan", True)
            except BusError as error:
                answer = error
            print(update.peer.name, "fan:", answer, flush=True)


async def presence(bus: Bus) -> None:
    async for peer in bus.presence():
        print(peer.name, "is here" if peer.online else f"left: {peer.why}", flush=True)


async def main() -> None:
    async with Bus("hub") as bus:
        print("listening", bus.port, flush=True)
        await asyncio.gather(readings(bus), presence(bus))


run(main())
