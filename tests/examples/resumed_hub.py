"""A hub that shows of each reading whether its session began with a ticket."""

import asyncio

from dsoftbus_host import Bus


async def main() -> None:
    async with Bus("hub") as bus:
        print("waiting for sensors", flush=True)
        async for update in bus.subscribe("wakes"):
            began = ["resumed" if c.session.resumed else "full" for c in bus.connections()]
            print(update.value, *began, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
