"""A MicroPython node that uses every service, for test_services.py: over its console, TCP, UDP."""

import asyncio
import sys

from dsoftbus.const import SMALL
from dsoftbus_mpy.bare_bus import ANYONE, BareBus

KEY = b"b" * 32
CALL_MS = 60000  # ends what hangs: a line that spoils bytes is as slow as its luck


async def follow(bus) -> None:
    """Says again what its peers publish, and asks them for what they ask."""
    async for update in bus.subscribe("#"):
        if update.topic == "ask":
            answer = await update.peer.connection.call("double", update.value, CALL_MS)
            bus.publish("answered", answer)
        else:
            bus.publish("heard", [update.topic, update.value, update.lost])


async def main(link: str) -> None:
    bus = BareBus(KEY, "board", SMALL, ANYONE)
    bus.topic("heard", event=True)
    bus.topic("answered", event=True)
    bus.publish("temperature", 21.5)
    bus.call("triple")(lambda _connection, value: value * 3)
    if link == "serial":
        from dsoftbus_mpy.console_port import ConsolePort

        bus.open_serial(ConsolePort())
        print("ready")
    else:
        print("ready", await bus.listen("127.0.0.1", 0, "auto"))
    await follow(bus)


def begin(link: str) -> None:
    asyncio.run(main(link))


if __name__ == "__main__":
    begin(sys.argv[1])
