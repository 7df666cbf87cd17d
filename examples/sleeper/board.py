"""A sensor on a battery, on a board: it wakes, says what it has measured, and sleeps again.

It is the board's `main.py`. `config.json` has the Wi-Fi, and the hub is paired with the board
(`dsoftbus board token PORT`).
"""

import asyncio

import machine

from dsoftbus_mpy import Bus, BusError

SLEEP_MS = 600000  # ten minutes


async def main() -> int:
    async with Bus("sensor", sleeper=True) as bus:
        bus.publish("light", machine.ADC(0).read_u16())
        bus.publish("wakes", bus.wakes)
        try:
            await bus.peer("hub").connected(10000)
        except BusError as error:
            print("no hub:", error)
        return await bus.sleep(SLEEP_MS)


machine.deepsleep(asyncio.run(main()))
