"""Every wait of the bus may be cancelled, at each of its suspensions, on the backend of this
interpreter: nothing is lost by that, and nothing is left behind."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import BAD_STATE
from node_pair import HOST, A, B, Hasty, Open, Pair, bus, refused, until
from test_peer import World, asked, echo

STEPS = 24  # more turns of the loop than any of these takes


async def cancelled_after(steps: int, coroutine) -> bool:
    """Cancels it after so many turns of the loop; True when it was quicker."""
    task = asyncio.create_task(coroutine)
    for _ in range(steps):
        await sleep_ms(0)
    quicker = task.done()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return quicker


def test_a_connect_leaves_no_session():
    async def test():
        async with bus(A, "", Open) as server, bus(B, "", Open) as client:
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            for steps in range(STEPS):
                await cancelled_after(steps, client.connect(HOST, port, server.public))
                for session in client.connections(server.id):
                    await session.close()
                await until(lambda: not client.node.sessions and not server.node.sessions)
            session = await client.connect(HOST, port, server.public)
            assert await asked(await session.open("echo")) == b"hello"

    run(test())


def test_an_accept_takes_nothing_with_it():
    async def test():
        async with Pair() as pair:
            for steps in range(STEPS):
                waiting = cancelled_after(steps, pair.server.accept())
                stream = await pair.client.open("late %d" % steps)
                if not await waiting:
                    theirs = await pair.server.accept()
                    assert theirs.name == stream.name
                stream.reset()
                await sleep_ms(5)

    run(test())


def test_a_session_that_came_is_there_for_the_next_accept():
    async def test():
        async with bus(A, "", Open) as server, bus(B, "", Open) as client:
            port = await server.listen(HOST)
            for steps in range(STEPS):
                await cancelled_after(steps, server.accept())
                async with await client.connect(HOST, port, server.public):
                    session = await server.accept()
                    assert session.peer_id == client.id
                await until(lambda: not server.node.sessions)

    run(test())


def test_a_write_has_sent_its_beginning_and_nothing_else():
    async def test():
        async with Pair() as pair:
            data = bytes(range(256)) * (SMALL.stream_credit // 64)
            for steps in range(STEPS):
                stream = await pair.client.open("cut")
                theirs = await pair.server.accept()
                reading = asyncio.create_task(theirs.read())
                await cancelled_after(steps, stream.write(data))
                await stream.finish()
                got = await reading
                assert data[: len(got)] == got
                await theirs.finish()
            await both_ways(pair)

    run(test())


async def both_ways(pair) -> None:
    pair.server_bus.on_stream("echo", echo)
    assert await asked(await pair.client.open("echo")) == b"hello"


def test_who_waits_for_a_peer_no_more_leaves_it_as_it_is():
    async def test():
        async with World() as world:
            peer = world.desk.peer("kitchen")
            for steps in range(STEPS):
                await cancelled_after(steps, peer.open("echo"))
                await cancelled_after(steps, peer.connected())
            world.announce()
            for steps in range(STEPS):
                await cancelled_after(steps, peer.open("echo"))
            assert await asked(await peer.open("echo")) == b"hello"
            assert len(world.desk.node.sessions) == 1
            for steps in range(1, 4):  # more handshakes than that wait for their turn
                await cancelled_after(steps, peer.close())
                await until(lambda: not world.desk.node.sessions)
                await refused(BAD_STATE, peer.open("echo"))
                peer = world.desk.peer("kitchen")
                assert await asked(await peer.open("echo")) == b"hello"

    run(test())


def test_closing_a_bus_leaves_nothing_open():
    async def test():
        for steps in range(1, STEPS):  # with none it has not begun
            async with bus(A, "", Open) as server:
                server.on_stream("echo", echo)
                port = await server.listen(HOST)
                client = bus(B, "", Hasty)
                session = await client.connect(HOST, port, server.public)
                await session.open("echo")
                await cancelled_after(steps, client.close())
                assert session.released and not client.node.sessions
                await until(lambda: not server.node.sessions)

    run(test())
