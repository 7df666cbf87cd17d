"""A node for tests of moves, `moving_node.py SECRET PATH [BROKER]`: on a cable, on UDP, and in the
group of `moving_group` at a broker. It prints its port, echoes streams, publishes ticks, and
answers the call `where` with the path of the caller's session."""

import asyncio
import sys

from dsoftbus.broker.group import Group
from dsoftbus_aio.echo import serve_echo
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.event_loop import run


def moving_group(url: str) -> Group:
    """The group, whose broker is at `url`."""
    return Group(bytes(range(32)), "home", url)


async def main(secret: bytes, path: str, broker: str = "") -> None:
    async with BareBus(secret, "moving", allow=ANYONE) as bus:
        serve_echo(bus)
        bus.topic("tick", event=True)

        @bus.call("where")
        def where(connection, _value):
            return connection.path

        bus.open_serial(path)
        if broker:
            await bus.open_group(moving_group(broker), answers=True).link.connection.wait_open(
                bus.now() + 60000
            )
        print(await bus.listen("127.0.0.1", link="udp"), flush=True)
        number = 0
        while True:
            bus.publish("tick", number)
            number += 1
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    run(main(bytes.fromhex(sys.argv[1]), *sys.argv[2:]))
