"""A host that takes what boards say.

    python hub.py HOST PORT KEY...

KEYs are the public keys of the boards, as board.py prints its own.
"""

import asyncio
import sys

from dsoftbus_host import BareBus, BusStream, Connection, key_file, run


async def take(session: Connection, stream: BusStream) -> None:
    """Runs as a task for each stream of its name, of any of the boards."""
    print(session.peer_name, stream.name, (await stream.read()).decode(), flush=True)


async def main(host: str, port: int, boards: list[bytes]) -> None:
    async with BareBus(key_file.load_or_make(), "hub", allow=boards) as bus:
        bus.on_stream("temperature", take)
        print("listening", await bus.listen(host, port), bus.public.hex(), flush=True)
        await asyncio.Event().wait()


run(main(sys.argv[1], int(sys.argv[2]), [bytes.fromhex(key) for key in sys.argv[3:]]))
