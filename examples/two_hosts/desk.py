"""A host that asks the greenhouse how warm it is, wherever that is now.

    dsoftbus pair --grant 'allow both temperature'     # once, here and there
    python desk.py [SECONDS]

It waits so long (20 s) for a greenhouse that is not there yet, and says why if it does not come.
"""

import sys

from dsoftbus_host import Bus, BusError, run


async def main(patience_ms: int) -> None:
    async with Bus("desk", listen=False) as bus:
        greenhouse = bus.peer("greenhouse")
        async with await greenhouse.open("temperature", timeout_ms=patience_ms) as stream:
            await stream.finish()  # nothing to say, only to hear
            print("temperature", (await stream.read()).decode())


try:
    run(main(int((sys.argv[1:] or ["20"])[0]) * 1000))
except BusError as error:
    sys.exit(f"no answer: {error}")
