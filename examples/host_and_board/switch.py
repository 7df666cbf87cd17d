"""On the host that the board's cable is plugged into: switches the board's light.

    dsoftbus board token /dev/ttyACM0 --grant 'allow both light'
    python switch.py /dev/ttyACM0 KEY on

KEY is the board's public key, as `token` printed it; `token` also let the board know this host's.
"""

import sys

from dsoftbus_host import BareBus, key_file, run


async def main(path: str, board: bytes, state: str) -> None:
    async with BareBus(key_file.load_or_make(), "laptop") as bus:
        session = await bus.open_serial(path).connect(board)
        async with await session.open("light") as stream:
            await stream.write(state.encode())
            await stream.finish()
            print("light", (await stream.read()).decode())


run(main(sys.argv[1], bytes.fromhex(sys.argv[2]), sys.argv[3]))
