"""A hub on a host: it shows what its sensors say, and who of them sleeps until when."""

import asyncio

from dsoftbus_host import Bus


async def show_readings(bus: Bus) -> None:
    async for update in bus.subscribe("#"):
        age = f", {update.age_ms // 1000} s ago" if update.age_ms else ""
        print(f"{update.peer.name}: {update.topic} is {update.value}{age}", flush=True)


async def show_presence(bus: Bus) -> None:
    async for peer in bus.presence():
        if peer.asleep_s is not None:
            print(f"{peer.name}: asleep for {round(peer.asleep_s / 60)} min", flush=True)
        else:
            print(f"{peer.name}: {'awake' if peer.online else 'absent'}", flush=True)


async def main() -> None:
    async with Bus("hub") as bus:
        print("waiting for sensors", flush=True)
        await asyncio.gather(show_readings(bus), show_presence(bus))


if __name__ == "__main__":
    asyncio.run(main())
