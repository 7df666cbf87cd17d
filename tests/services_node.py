"""A node of `services_soak`: `services_node.py SECRET HUB LOG START`, of which the first two are
hexadecimal. It prints its port, logs the id of each call that it runs, and counts."""

import asyncio
import os
import sys

from dsoftbus.service.status import CallError
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.event_loop import run

TICK_S = 0.01


async def main(secret: bytes, hub: bytes, log: int, start: int) -> None:
    async with BareBus(secret, "node", allow=[hub]) as bus:

        @bus.call("double")
        def double(_connection, value):
            os.write(log, b"%d\n" % value)
            return 2 * value

        @bus.call("slow")
        async def slow(_connection, value):
            os.write(log, b"%d\n" % value)
            await asyncio.sleep(value % 97 / 1000)
            return 2 * value

        @bus.call("fails")
        def fails(_connection, value):
            os.write(log, b"%d\n" % value)
            raise CallError(value % 1000, "its own")

        bus.topic("tick", event=True)
        print(await bus.listen("127.0.0.1"), flush=True)
        number = 0
        while True:
            number += 1
            bus.publish("tick", [start, number])
            bus.publish("count", [start, number])
            await asyncio.sleep(TICK_S)


_, secret, hub, log, start = sys.argv
flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
run(main(bytes.fromhex(secret), bytes.fromhex(hub), os.open(log, flags), int(start)))
