"""A node whose random bytes have ended: sessions that live go on, nobody new is let in."""

import asyncio

from support import Random, Skip

try:
    import socket  # noqa: F401 - the sessions are over TCP and UDP
except ImportError:
    raise Skip("this port has no sockets")

from dsoftbus.errors import (
    END_HANDSHAKE_TIMEOUT,
    END_REFUSED,
    ENTROPY_UNAVAILABLE,
    LocalError,
    PeerError,
)
from dsoftbus_mpy.bare_bus import ANYONE, BareBus

LIMIT_MS = 60000  # ends what hangs; nothing is held to a time


class Closing:
    """It is as `conditioner.Generator` is once a source has failed."""

    def __init__(self):
        self.closed = False
        self._random = Random(4)

    def __call__(self, n: int) -> bytes:
        if self.closed:
            raise LocalError(ENTROPY_UNAVAILABLE, "oscillator: repetition count")
        return self._random(n)


async def echo(connection, stream) -> None:
    async for chunk in stream:
        await stream.write(chunk)


async def ask(stream, data: bytes) -> None:
    await stream.write(data)
    assert await stream.readexactly(len(data)) == data


async def scenario(link: str) -> None:
    bus, told = BareBus(Random(1)(32), "board", allow=ANYONE), []
    bus.on_stream("echo", echo)
    bus.on_error = told.append
    random = Closing()
    bus.node.local.random = random
    port = await bus.listen("127.0.0.1", 0, link)
    friend, stranger = BareBus(Random(2)(32)), BareBus(Random(3)(32))
    living = await friend.connect("127.0.0.1", port, bus.public, link=link)
    stream = await living.open("echo")
    await ask(stream, b"before")
    random.closed = True
    for _ in range(3):
        refusal = await refused(stranger, port, bus.public, link)
        if link == "tcp":
            assert refusal.code == END_REFUSED and refusal.peer_code == ENTROPY_UNAVAILABLE
        else:
            assert refusal.code == END_HANDSHAKE_TIMEOUT  # there a refusal is a hint, no more
        await ask(stream, b"meanwhile")
    assert bus.alive(LIMIT_MS) and told == []
    for other in (friend, stranger, bus):
        await other.close()


async def refused(bus: BareBus, port: int, public: bytes, link: str):
    try:
        await bus.connect("127.0.0.1", port, public, 300 if link == "udp" else LIMIT_MS, link=link)
    except PeerError as error:
        return error
    raise AssertionError("a session without random bytes")


def test_live_sessions_go_on_over_tcp():
    asyncio.run(asyncio.wait_for_ms(scenario("tcp"), LIMIT_MS))
    asyncio.new_event_loop()


def test_live_sessions_go_on_over_udp():
    asyncio.run(asyncio.wait_for_ms(scenario("udp"), LIMIT_MS))
    asyncio.new_event_loop()
