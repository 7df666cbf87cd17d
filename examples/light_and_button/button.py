"""A button: each Enter switches the board's light, whoever switched it last.

    dsoftbus board token /dev/ttyACM0
    python button.py /dev/ttyACM0 NAME

NAME is the board's, as `dsoftbus board config` has given it.
"""

import asyncio
import sys

from dsoftbus_host import Bus, run


async def main(port: str, name: str) -> None:
    async with Bus("button", serial=[port], listen=False) as bus:
        board = bus.peer(name)
        async for light in board.subscribe("light"):
            print("the light is", "on" if light.value else "off", flush=True)
            if not await asyncio.to_thread(sys.stdin.readline):
                return
            await board.call("light", not light.value)


run(main(sys.argv[1], sys.argv[2]))
