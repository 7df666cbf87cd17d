"""A sensor: publishes a temperature every second, and answers the call that switches its fan.

python sensor.py NAME [CELSIUS]
"""

import asyncio
import sys

from dsoftbus_host import Bus, Connection, run

fan_is_on = False


def fan(_caller: Connection, on: bool) -> str:
    global fan_is_on
    fan_is_on = on
    return "on" if on else "off"


async def main(name: str, celsius: float) -> None:
    async with Bus(name) as bus:
        print("listening", bus.port, flush=True)
        bus.call("fan", about="the fan of this room", shape="true or false")(fan)
        bus.topic("temperature", about="in this room", unit="°C")
        while True:
            bus.publish("temperature", celsius - 5 * fan_is_on)  # here a sensor is read
            await asyncio.sleep(1)


run(main(sys.argv[1], float((sys.argv[2:] or ["21.5"])[0])))
