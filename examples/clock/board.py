"""A board without a clock takes its time from a host, when it starts and every hour.

The host answers with `dsoftbus serve --allow KEY`, where KEY is what this prints. settings.py
beside it says where that is and who:

    HOST, PORT = "192.168.1.20", 37020
    HUB = bytes.fromhex("...")      # its public key: `dsoftbus id` shows it
"""

import asyncio
import time

from settings import HOST, HUB, PORT

from dsoftbus_mpy import BareBus, BusError, entropy, key_file


async def set_clock(bus):
    async with await bus.connect(HOST, PORT, HUB) as hub:
        clock = await hub.time()
        await bus.step_clock(clock.offset_us)
    print("{}-{:02}-{:02} {:02}:{:02}:{:02} UTC".format(*time.gmtime()))


async def main():
    key = key_file.load_or_make("dsoftbus.key", entropy.source())
    async with BareBus(key, "sensor") as bus:
        print("key", bus.public.hex())
        while True:
            try:
                await set_clock(bus)
                wait_s = 3600
            except (BusError, OSError) as error:
                print(error)
                wait_s = 10
            await asyncio.sleep(wait_s)


asyncio.run(main())
