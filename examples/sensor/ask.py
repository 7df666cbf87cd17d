"""On the host that the board's cable is plugged into: asks for the temperature.

    dsoftbus board token /dev/ttyACM0 --grant 'allow both temperature'
    python ask.py /dev/ttyACM0 KEY

KEY is the board's public key, as `token` printed it; `token` also let the board know this host's.
"""

import sys

from dsoftbus_host import BareBus, key_file, run


async def main(path: str, board: bytes) -> None:
    async with BareBus(key_file.load_or_make(), "laptop") as bus:
        session = await bus.open_serial(path).connect(board)
        async with await session.open("temperature") as stream:
            print("temperature", (await stream.read()).decode())


run(main(sys.argv[1], bytes.fromhex(sys.argv[2])))
