"""A program that is the board's node itself, with the slices as an installation leaves them."""

import asyncio
import os

from dsoftbus.errors import STALE_PEER
from dsoftbus_host import ANYONE, BareBus
from nodes import KEY
from portable import TIMEOUT_S, micropython

PROGRAM = """
import asyncio
from dsoftbus_mpy import Bus, BusError

async def main():
    async with Bus("attic", listen=False, allow=()) as bus:
        session = await bus.connect("127.0.0.1", {port}, {key})
        async with await session.open("says") as stream:
            await stream.write(b"hello")
        try:
            await bus.peer("nobody").open("says", timeout_ms=10)
        except BusError as error:
            print(error.code)

asyncio.run(main())
"""
HERE = '{"name": "board", "serial": "", "port": 1, "discovery": false}'


def test_it_dials_asks_for_a_peer_and_ends(flash):
    async def story():
        heard = asyncio.get_running_loop().create_future()

        async def listen(session, stream):
            heard.set_result((session.peer_name, await stream.read()))

        async with BareBus(KEY, "hub", allow=ANYONE) as hub:
            hub.on_stream("says", listen)
            port = await hub.listen("127.0.0.1")
            (flash / "main.py").write_text(PROGRAM.format(port=port, key=hub.public))
            process = await asyncio.create_subprocess_exec(
                *(*micropython(), "-X", "heapsize=1M", "main.py"),
                cwd=flash,
                env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert (process.returncode, said.decode()) == (0, f"{STALE_PEER}\n")
            assert await heard == ("attic", b"hello")

    (flash / "config.json").write_text(HERE)
    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))
