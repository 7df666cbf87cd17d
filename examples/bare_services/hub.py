"""A host that switches the light of a board when it is cold.

    python hub.py HOST PORT KEY...

KEYs are the public keys of the boards, as board.py prints its own.
"""

import asyncio
import sys

from dsoftbus_host import BareBus, key_file, run


async def main(host: str, port: int, boards: list[bytes]) -> None:
    async with BareBus(key_file.load_or_make(), "hub", allow=boards) as bus:
        print("listening", await bus.listen(host, port), bus.public.hex(), flush=True)
        async for update in bus.subscribe("temperature"):
            is_cold = update.value < 22
            said = await update.peer.connection.call("light/set", is_cold)
            print(update.peer.name, update.value, "degrees, light", said, flush=True)
            await asyncio.sleep(1)


run(main(sys.argv[1], int(sys.argv[2]), [bytes.fromhex(key) for key in sys.argv[3:]]))
