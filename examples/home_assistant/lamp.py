"""A lamp that can be dimmed, and a thermometer, as Home Assistant finds them through a gateway.

python lamp.py; then, on a node that is paired with this one: dsoftbus gateway mqtt BROKER
"""

import asyncio
from typing import Any

from dsoftbus_host import Bus, Connection, run

LAMP = {"on": False, "brightness": 128}


async def main() -> None:
    async with Bus("lamp") as bus:

        def set_lamp(_caller: Connection, wanted: dict[str, Any]) -> None:
            LAMP.update((name, wanted[name]) for name in LAMP if name in wanted)
            bus.publish("lamp", LAMP)  # here a lamp is dimmed

        def blink(_caller: Connection, _value: None) -> None:
            print("blinks", flush=True)

        # A state and a call NAME/set are a switch, a number or a light: `shape` says which.
        bus.topic("lamp", about="over the table", shape="light: on bool, brightness 0..255")
        bus.call("lamp/set")(set_lamp)
        bus.call("blink", shape="no value")(blink)  # a button
        bus.topic("temperature", unit="°C")
        bus.publish("lamp", LAMP)
        bus.publish("temperature", 21.5)
        print("listening", bus.port, flush=True)
        await asyncio.Event().wait()


run(main())
