"""The bus, on the backend of this interpreter: who comes and who leaves."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.errors import END_LOCAL, END_PEER
from node_pair import HOST, A, C, Open, Pair, bus, until


async def told(watch, count: int) -> list:
    found = []
    while len(found) < count:
        found.append(await watch.__anext__())
    return found


async def visit(pair, key: bytes) -> None:
    """Somebody comes and leaves."""
    sessions = pair.server_bus.connections
    other = bus(key, "other")
    await other.connect(HOST, pair.port, pair.server_bus.public)
    await until(lambda: len(sessions()) == 2)
    await other.close()
    await until(lambda: len(sessions()) == 1)


def test_first_who_is_there_and_then_who_comes_and_leaves():
    async def test():
        async with Pair() as pair:
            watch = pair.server_bus.presence()
            (here,) = await told(watch, 1)
            assert (here.id, here.name, here.online) == (pair.client_bus.id, "client", True)
            assert (here.why, here.lost) == (None, 0)
            other = bus(C, "other")
            connection = await other.connect(HOST, pair.port, pair.server_bus.public)
            (came,) = await told(watch, 1)
            assert (came.id, came.name, came.online, came.lost) == (other.id, "other", True, 0)
            await connection.close()
            (left,) = await told(watch, 1)
            assert (left.id, left.name, left.online, left.lost) == (other.id, "other", False, 0)
            assert left.why.code == END_PEER
            await other.close()

    run(test())


def test_a_peer_leaves_with_its_last_session():
    async def test():
        async with Pair() as pair:
            watch = pair.client_bus.presence()
            await told(watch, 1)
            second = await pair.client_bus.connect(HOST, pair.port, pair.server_bus.public)
            await pair.client.close()
            waits = asyncio.create_task(told(watch, 1))
            await sleep_ms(20)
            assert not waits.done()
            await second.close()
            (left,) = await waits
            assert (left.online, left.why.code, left.lost) == (False, END_LOCAL, 0)

    run(test())


def test_who_reads_slowly_gets_the_latest_and_hears_how_much_it_missed():
    async def test():
        async with Pair(Open) as pair:
            watch = pair.server_bus.presence()
            await told(watch, 1)
            for _ in range(3):
                await visit(pair, C)
            other = bus(C, "again")
            await other.connect(HOST, pair.port, pair.server_bus.public)
            await until(lambda: len(pair.server_bus.connections()) == 2)
            (came,) = await told(watch, 1)
            assert (came.name, came.online, came.lost) == ("again", True, 6)
            await other.close()
            (left,) = await told(watch, 1)
            assert (left.online, left.lost) == (False, 0)

    run(test())


def test_strangers_that_come_and_go_take_no_memory():
    async def test():
        async with Pair(Open) as pair:
            pair.server_bus.presence()
            log = pair.server_bus.presence_log
            for i in range(12):
                await visit(pair, bytes((i,)) * 32)
            assert log.changes == 25
            assert len(log.causes) == Open.sessions
            assert len(log.online) == 1

    run(test())


def test_a_wait_that_is_cancelled_loses_nothing_and_the_end_of_the_bus_ends_it():
    async def test():
        async with Pair() as pair:
            watch = pair.client_bus.presence()
            await told(watch, 1)
            waits = asyncio.create_task(told(watch, 1))
            await sleep_ms(5)
            waits.cancel()
            await sleep_ms(0)
            await pair.client.close()
            (left,) = await told(watch, 1)
            assert not left.online

            async def rest():
                async for peer in watch:
                    raise AssertionError(peer.name)

            waits = asyncio.create_task(rest())
            await sleep_ms(5)
            await pair.client_bus.close()
            await waits

    run(test())


def test_each_watch_hears_all():
    async def test():
        async with Pair() as pair:
            watches = [pair.server_bus.presence() for _ in range(2)]
            for watch in watches:
                assert (await told(watch, 1))[0].name == "client"
            server = bus(A)
            assert server.presence_log is None
            await server.close()

    run(test())
