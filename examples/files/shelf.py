"""A MicroPython node that keeps files for one peer: on a board with a network, or the unix port.

settings.py beside it says who that is and where to listen:

    HOST, PORT = "0.0.0.0", 37021
    PEER = bytes.fromhex("...")     # the public key of the host: `dsoftbus id` shows it
"""

import asyncio

from settings import HOST, PEER, PORT

from dsoftbus_mpy import BareBus, entropy, folder, key_file


async def main():
    key = key_file.load_or_make("dsoftbus.key", entropy.source())
    async with BareBus(key, "shelf", allow=[PEER]) as bus:
        bus.share(folder.make("shelf"))  # a folder for that and nothing else
        print("listening", await bus.listen(HOST, PORT), bus.public.hex())
        await asyncio.Event().wait()


asyncio.run(main())
