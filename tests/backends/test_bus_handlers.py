"""The bus, on the backend of this interpreter: handlers of streams."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import (
    END_LINK_DOWN,
    END_PEER,
    HANDLER_FAILED,
    NO_SUCH_SERVICE,
    STREAM_REFUSED,
)
from node_pair import HOST, A, B, Pair, bus, refused, until


def test_handlers_serve_and_unknown_names_are_refused():
    async def test():
        async def upper(session, stream):
            await stream.write((await stream.read()).upper() + stream.name.encode())

        async with bus(A) as server, bus(B) as client:
            server.on_stream("upper", upper)
            server.on_stream("any/*", upper)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            for name in ("upper", "any/thing"):
                stream = await session.open(name)
                await stream.write(b"text ")
                await stream.finish()
                assert await stream.read() == b"TEXT " + name.encode()
            stream = await session.open("unheard of")
            await refused(NO_SUCH_SERVICE, stream.read())

    run(test())


def test_many_unknown_names_at_once():
    async def test():
        async with bus(A) as server, bus(B) as client:
            server.on_stream("known", None)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            for round_ in range(20):
                names = ["%d-%d" % (round_, n) for n in range(SMALL.streams)]
                streams = []
                for name in names:
                    streams.append(await session.open(name))
                for stream in streams:
                    await refused(NO_SUCH_SERVICE, stream.read())

    run(test())


def test_a_handler_that_raises_ends_its_stream_alone():
    async def test():
        errors = []

        async def faulty(session, stream):
            raise ValueError("the program's own")

        async def echo(session, stream):
            await stream.write(await stream.read())

        async with bus(A) as server, bus(B) as client:
            server.on_error = errors.append
            server.on_stream("faulty", faulty)
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            await refused(HANDLER_FAILED, (await session.open("faulty")).read())
            stream = await session.open("echo")
            await stream.write(b"still here")
            await stream.finish()
            assert await stream.read() == b"still here"
            assert [str(error) for error in errors] == ["the program's own"]

    run(test())


def test_handlers_may_come_after_the_session_and_on_either_side():
    async def hello(session, stream):
        await stream.write(b"hello from " + session.session.local.name.encode())

    async def ask(session):
        stream = await session.open("hello")
        await stream.finish()
        return await stream.read()

    async def test():
        async with Pair() as pair:
            pair.client_bus.on_stream("hello", hello)
            pair.server_bus.on_stream("hello", hello)
            assert await ask(pair.client) == b"hello from server"
            assert await ask(pair.server) == b"hello from client"

    run(test())


def test_a_handler_may_end_its_session_and_its_bus():
    async def test():
        async with bus(A) as server, bus(B) as client:

            async def end_session(session, stream):
                await session.close()

            async def end_bus(session, stream):
                await server.close()

            server.on_stream("session", end_session)
            server.on_stream("bus", end_bus)
            port = await server.listen(HOST)
            for name in ("session", "bus"):
                session = await client.connect(HOST, port, server.public)
                await refused(END_PEER, (await session.open(name)).read())
            await refused(END_LINK_DOWN, client.connect(HOST, port, server.public))

    run(test())


def test_handlers_that_outlive_their_streams_are_bounded():
    async def test():
        running = []
        go_on = asyncio.Event()

        async def stubborn(session, stream):
            running.append(stream)
            await go_on.wait()

        async with bus(A) as server, bus(B) as client:
            server.on_stream("stubborn", stubborn)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            for _ in range(2 * SMALL.streams):
                stream = await session.open("stubborn")
                await stream.accepted()
                stream.reset()
            await refused(STREAM_REFUSED, (await session.open("stubborn")).read())
            assert len(running) == 2 * SMALL.streams
            go_on.set()
            await sleep_ms(1)
            await (await session.open("stubborn")).accepted()

    run(test())


def test_what_came_before_the_end_of_the_session_is_served():
    async def test():
        got = []

        async def keep(session, stream):
            got.append(await stream.read())

        async with bus(A) as server, bus(B) as client:
            server.on_stream("keep", keep)
            port = await server.listen(HOST)
            for data in (b"said and gone", b""):
                session = await client.connect(HOST, port, server.public)
                async with session, await session.open("keep") as stream:
                    await stream.write(data)
                await until(lambda: not server.node.sessions)
            await until(lambda: len(got) == 2)
            assert got == [b"said and gone", b""]

    run(test())


def test_what_nobody_took_up_before_the_end_is_gone():
    async def test():
        async with Pair() as pair:
            async with await pair.client.open("last words") as stream:
                await stream.write(b"data")
            await pair.client.close()
            await refused(END_PEER, pair.server.accept())

    run(test())
