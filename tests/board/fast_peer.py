"""A board's node with little memory, whose peer is fast: on MicroPython's unix port.

    micropython -X heapsize=N fast_peer.py LINK

From linked slices, as on a board, with asyncio. Prints what is free and what is held once it has
started, and the port that it listens on. Its stream `sink` answers with the SHA-256 of all it got.
"""

import gc
import hashlib
import sys

gc.threshold(gc.mem_free() // 4)  # as `startup` does
import asyncio  # noqa: E402 - after the threshold

import dsoftbus_profile  # noqa: E402
from dsoftbus.const import ANYONE  # noqa: E402
from dsoftbus_mpy.bare_bus import BareBus  # noqa: E402

_CHUNK = 1024


async def sink(connection, stream):
    sha = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    n = await stream.readinto(buffer)
    while n:
        sha.update(view[:n])
        n = await stream.readinto(buffer)
    await stream.write(sha.digest())
    await stream.finish()


async def main(link):
    bus = BareBus(b"b" * 32, "board", dsoftbus_profile.PROFILE, ANYONE)
    bus.on_stream("sink", sink)
    port = 0
    if link == "serial":
        from dsoftbus_mpy.console_port import ConsolePort

        bus.open_serial(ConsolePort())
    else:
        port = await bus.listen("127.0.0.1", 0, link)
    gc.collect()
    print("started", gc.mem_free(), gc.mem_alloc(), port, "ready")
    await asyncio.Event().wait()


def begin(link):
    asyncio.run(main(link))


if sys.argv[-1] in ("tcp", "udp"):
    begin(sys.argv[1])
