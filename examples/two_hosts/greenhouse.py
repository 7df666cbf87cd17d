"""A host that says its temperature to the peers that it is paired with, and to nobody else.

    dsoftbus pair --grant 'allow both temperature'     # once, here and there
    python greenhouse.py

Its key, its trust store and its settings are those of the user, as the commands have them.
"""

import asyncio

from dsoftbus_host import Bus, BusStream, Connection, run


async def temperature(session: Connection, stream: BusStream) -> None:
    """Runs as a task for each stream of its name that a peer opens."""
    print("asked by", session.peer_name, flush=True)
    await stream.write(b"21.5")  # here a sensor is read


async def main() -> None:
    async with Bus("greenhouse") as bus:
        bus.on_stream("temperature", temperature)
        print("listening", bus.port, flush=True)
        await asyncio.Event().wait()


run(main())
