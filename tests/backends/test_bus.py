"""The bus, on the backend of this interpreter: sessions, from their beginning to their end."""

import asyncio
import gc
import sys

from backend import cut, deaf_listener, drained, held, raw_peer, run, silence, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import (
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_INTERNAL,
    END_KEEPALIVE,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    END_REFUSED,
    HALF_OPEN_LIMIT,
    PEER_NOT_ALLOWED,
    PEER_SHARE,
    SESSION_LIMIT,
    Unsupported,
)
from node_pair import HOST, A, B, C, Hasty, Open, Pair, bus, refused, until
from support import Random


def test_both_ends_know_each_other():
    async def test():
        async with Pair() as pair:
            assert pair.client.peer_id == pair.server_bus.id
            assert pair.server.peer_id == pair.client_bus.id
            assert pair.server.peer_public == pair.client_bus.public
            assert (pair.client.peer_name, pair.server.peer_name) == ("server", "client")
            assert pair.client.cause is None

    run(test())


def test_the_end_of_a_session_wakes_every_waiter():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("waits")
            theirs = await pair.server.accept()
            waiters = (theirs.read(1), theirs.write(bytes(10_000)), pair.server.accept())
            tasks = [asyncio.create_task(refused(END_PEER, waiter)) for waiter in waiters]
            await sleep_ms(10)
            await pair.client.close()
            for task in tasks:
                await task
            await refused(END_LOCAL, ours.read())  # what had come, then the end
            await refused(END_LOCAL, pair.client.open("too late"))
            await refused(END_PEER, pair.server.open("too late"))
            assert pair.client.cause.code == END_LOCAL
            assert pair.server.cause.code == END_PEER

    run(test())


def test_an_abort_wakes_every_waiter_on_both_sides():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("waits")
            await pair.server.accept()
            own = (ours.read(1), ours.write(bytes(10_000)), pair.client.accept())
            tasks = [asyncio.create_task(refused(END_INTERNAL, waiter)) for waiter in own]
            other = asyncio.create_task(refused(END_LINK_DOWN, pair.server.accept()))
            await sleep_ms(10)
            pair.client.abort(END_INTERNAL)
            for task in tasks:
                await task
            await other
            assert pair.client_bus.node.sessions == []

    run(test())


def test_a_link_that_breaks_is_an_end_with_a_cause():
    async def test():
        async with Pair() as pair:
            theirs = asyncio.create_task(pair.server.accept())
            await sleep_ms(1)
            cut(pair.client)
            await refused(END_LINK_DOWN, theirs)

    run(test())


def test_sessions_that_end_before_they_are_accepted_are_gone():
    async def test():
        async with bus(A, "", Open) as server, bus(B) as client:
            port = await server.listen(HOST)
            for _ in range(2 * SMALL.sessions):
                await (await client.connect(HOST, port, server.public)).close()
                await until(lambda: not server.node.sessions)
            last = await client.connect(HOST, port, server.public)
            await (await last.open("live")).finish()
            accepted = await server.accept()
            assert (await accepted.accept()).name == "live"

    run(test())


def test_a_link_that_a_platform_lacks_is_unsupported():
    async def test():
        lacking = ["carrier pigeon"]
        if sys.implementation.name == "micropython":
            lacking += ["quic", "ws", "wss"]
        async with bus(A) as node:
            for link in lacking:
                for attempt in (node.listen, node.connect):
                    arguments = (0, link) if attempt == node.listen else (9, A, 99, None, link)
                    try:
                        await attempt(HOST, *arguments)
                        raise AssertionError(link)
                    except Unsupported as error:
                        assert error.detail == "link " + link

    run(test())


def test_a_wrong_key_is_refused():
    async def test():
        async with bus(A) as server, bus(B) as client, bus(C) as stranger:
            port = await server.listen(HOST)
            error = await refused(END_REFUSED, client.connect(HOST, port, stranger.public))
            assert "noise.reject.decrypt_failed" in str(error)

    run(test())


def test_a_wrong_key_over_datagrams_ends_with_the_time_and_says_why():
    async def test():
        async with bus(A) as server, bus(B) as client, bus(C) as stranger:
            port = await server.listen(HOST, 0, "udp")
            dialled = client.connect(HOST, port, stranger.public, timeout_ms=2000, link="udp")
            error = await refused(END_HANDSHAKE_TIMEOUT, dialled)
            assert "noise.reject.decrypt_failed" in str(error)

    run(test())


def test_only_allowed_peers_have_a_session():
    async def read_something(session):
        stream = await session.open("anything")
        await stream.read()

    async def test():
        client = bus(B)
        async with client, bus(C) as stranger, bus(A, allow=(client.public,)) as server:
            port = await server.listen(HOST)
            await client.connect(HOST, port, server.public)
            assert (await server.accept()).peer_id == client.id
            denied = await stranger.connect(HOST, port, server.public)
            error = await refused(END_PEER, read_something(denied))
            assert "session.reject.peer_not_allowed" in str(error), error
            error = await refused(END_PEER, denied.accept())
            assert "session.reject.peer_not_allowed" in str(error), error
            assert denied.session.peer_code == PEER_NOT_ALLOWED

    run(test())


def test_nobody_listens():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            await server.close()
            await refused(END_LINK_DOWN, client.connect(HOST, port, server.public))
            assert client.node.sessions == []

    run(test())


def test_a_peer_that_says_nothing_is_given_up():
    async def test():
        async with bus(A, profile=Hasty) as server:
            sock = raw_peer(HOST, await server.listen(HOST))
            answer = await drained(sock)
            assert answer == bytes((0, 2, 5, END_HANDSHAKE_TIMEOUT))
            assert server.node.sessions == []
            sock.close()

    run(test())


def test_connect_gives_up_on_a_server_that_says_nothing():
    async def test():
        async with bus(B) as client, bus(A) as server:
            port = await server.listen(HOST)
            await server.close()
            listener = deaf_listener(HOST, port)
            connecting = client.connect(HOST, port, server.public, 100)
            await refused(END_HANDSHAKE_TIMEOUT, connecting)
            assert client.node.sessions == []
            listener.close()

    run(test())


def test_garbage_ends_its_connection_alone():
    async def test():
        async with Pair() as pair:
            stream = await pair.client.open("before")
            for size in (1, 3, 64, 600):
                sock = raw_peer(HOST, pair.port)
                sock.send(Random(size)(size))
                if size > 3:  # what is too short to be wrong is silence
                    answer = await drained(sock)
                    assert answer[:3] == bytes((0, 2, 5)) or answer == b"", answer
                sock.close()
            await stream.write(b"unharmed")
            assert await (await pair.server.accept()).read(8) == b"unharmed"

    run(test())


def test_idle_connections_give_way():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            idle = [raw_peer(HOST, port) for _ in range(SMALL.half_open + 1)]
            assert await drained(idle[0]) == bytes((0, 2, 5, HALF_OPEN_LIMIT))
            session = await client.connect(HOST, port, server.public)
            assert session.peer_id == server.id
            for sock in idle:
                sock.close()

    run(test())


def test_a_full_node_refuses_who_comes_after_and_says_why():
    async def test():
        async with bus(A, "", Open) as server:
            port = await server.listen(HOST)
            clients = [bus(Random(10 + n)(32)) for n in range(SMALL.sessions + 1)]
            for client in clients[:-1]:
                await client.connect(HOST, port, server.public)
            late = await clients[-1].connect(HOST, port, server.public)
            await refused(END_PEER, late.accept())
            assert late.session.peer_code == SESSION_LIMIT
            await clients[0].close()
            await until(lambda: len(server.node.sessions) < SMALL.sessions)
            await (await (await clients[-1].connect(HOST, port, server.public)).open("x")).finish()
            await until(lambda: len(server.node.placed()) == SMALL.sessions)
            for client in clients[1:]:
                await client.close()

    run(test())


def test_a_peer_that_begins_more_than_its_share_gives_up_its_own():
    async def test():
        async with bus(A, "", Open) as server, bus(B) as client, bus(C) as other:
            port = await server.listen(HOST)
            elsewhere = await other.connect(HOST, port, server.public)
            mine = []
            for _ in range(SMALL.peer_sessions + 1):
                mine.append(await client.connect(HOST, port, server.public))
                await sleep_ms(2)
            await refused(END_PEER, mine[0].accept())
            assert mine[0].session.peer_code == PEER_SHARE
            await until(lambda: len(server.node.placed()) == SMALL.peer_sessions + 1)
            assert not elsewhere.cause and not mine[1].cause and not mine[-1].cause

    run(test())


def test_a_peer_that_falls_silent_is_noticed():
    async def test():
        async with Pair(Hasty) as pair:
            silence(pair.client)
            await refused(END_KEEPALIVE, pair.server.accept())
            await until(lambda: not pair.server_bus.node.sessions)
            pair.client.abort(END_LOCAL)

    run(test())


def test_a_closed_bus_says_so():
    async def test():
        node = bus(A)
        waiting = asyncio.create_task(refused(BAD_STATE, node.accept()))
        await sleep_ms(1)
        await node.close()
        await waiting
        await refused(BAD_STATE, node.listen(HOST))
        await refused(BAD_STATE, node.connect(HOST, 1, bytes(32)))
        await refused(BAD_STATE, node.accept())
        async for _session in node:
            raise AssertionError("a session of a closed bus")

    run(test())


def test_sessions_leave_no_memory_behind():
    async def test():
        async def echo(session, stream):
            await stream.write(await stream.read())

        async def visit(client, server, port):
            async with await client.connect(HOST, port, server.public) as session:
                stream = await session.open("echo")
                await stream.write(b"again")
                await stream.finish()
                assert await stream.read() == b"again"

        async with bus(A, "", Open) as server, bus(B) as client:
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            left = []
            for n in range(200):
                await visit(client, server, port)
                await until(lambda: not server.node.sessions)
                if n % 10 == 9:
                    gc.collect()
                    left.append(held())
            # What a collector takes for a reference may keep one session more for a while; what
            # each of a hundred visits leaves behind is a hundred pieces.
            assert min(left[10:]) < min(left[:10]) + 50, left

    run(test())
