"""A node on a cable and on UDP, for tests of moves: `moving_node.py SECRET PATH`; it prints its
port, echoes streams, and answers the call `where` with the path of the caller's session."""

import asyncio
import sys

from dsoftbus_aio.echo import serve_echo
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.event_loop import run


async def main(secret: bytes, path: str) -> None:
    async with BareBus(secret, "moving", allow=ANYONE) as bus:
        serve_echo(bus)
        bus.topic("tick", event=True)

        @bus.call("where")
        def where(connection, _value):
            return connection.path

        bus.open_serial(path)
        print(await bus.listen("127.0.0.1", link="udp"), flush=True)
        number = 0
        while True:
            bus.publish("tick", number)
            number += 1
            await asyncio.sleep(0.05)


run(main(bytes.fromhex(sys.argv[1]), sys.argv[2]))
