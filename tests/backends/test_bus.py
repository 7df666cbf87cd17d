"""The bus, on the backend of this interpreter: nodes in one process, over loopback."""

import asyncio
import gc

from backend import Bus, cut, deaf_listener, drained, held, raw_peer, run, silence, sleep_ms
from dsoftbus.const import KIND_MESSAGES, SMALL
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_KEEPALIVE,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    END_REFUSED,
    HALF_OPEN_LIMIT,
    MALFORMED,
    NO_SUCH_SERVICE,
    PEER_NOT_ALLOWED,
    STREAM_CANCELLED,
    BusError,
)
from support import Random

HOST = "127.0.0.1"
A, B, C = (Random(n)(32) for n in (1, 2, 3))
LIMIT_MS = 60000  # ends what hangs; nothing is held to a time


class Hasty(SMALL):
    """Deadlines that a test can wait for."""

    handshake_ms = 300
    keepalive_ms = 50
    close_ms = 200


def bus(key: bytes, name: str = "", profile=SMALL, allow=None) -> Bus:
    """A node with a board's limits on either backend."""
    return Bus(key, name, profile, allow)


async def refused(code: int, awaitable) -> BusError:
    """Awaits the BusError with this code."""
    try:
        await awaitable
    except BusError as error:
        assert error.code == code, error
        return error
    raise AssertionError("nothing was raised")


async def until(condition) -> None:
    while not condition():
        await sleep_ms(1)


class Pair:
    """Two nodes with a session between them: `client` and `server` are its ends."""

    def __init__(self, profile=SMALL):
        self.server_bus = bus(A, "server", profile)
        self.client_bus = bus(B, "client", profile)

    async def __aenter__(self):
        self.port = await self.server_bus.listen(HOST)
        self.client = await self.client_bus.connect(HOST, self.port, self.server_bus.public)
        self.server = await self.server_bus.accept()
        return self

    async def __aexit__(self, kind, error, trace):
        await self.client_bus.close()
        await self.server_bus.close()


def test_both_ends_know_each_other():
    async def test():
        async with Pair() as pair:
            assert pair.client.peer_id == pair.server_bus.id
            assert pair.server.peer_id == pair.client_bus.id
            assert pair.server.peer_public == pair.client_bus.public
            assert (pair.client.peer_name, pair.server.peer_name) == ("server", "client")
            assert pair.client.cause is None

    run(test(), LIMIT_MS)


def test_bytes_both_ways_with_half_close():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("bytes")
            await ours.write(b"ping")
            await ours.finish()
            theirs = await pair.server.accept()
            assert theirs.name == "bytes"
            assert await theirs.read(100) == b"ping"
            assert await theirs.read(100) == b""
            await theirs.write(b"pong")
            await theirs.finish()
            assert await ours.read() == b"pong"

    run(test(), LIMIT_MS)


def test_much_more_than_the_credit():
    async def test():
        data = Random(4)(100_000)

        async def reader(session):
            async with await session.accept() as stream:
                return await stream.read()

        async with Pair() as pair:
            received = asyncio.create_task(reader(pair.server))
            async with await pair.client.open("much") as stream:
                await stream.write(data)
            assert await received == data

    run(test(), LIMIT_MS)


def test_iteration_over_sessions_streams_and_bytes():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            for name in ("one", "two"):
                async with await session.open(name) as stream:
                    await stream.write(name.encode())
            seen = {}
            async for incoming in server:
                async for stream in incoming:
                    async for chunk in stream:
                        seen[stream.name] = chunk
                    await stream.finish()
                    if len(seen) == 2:
                        await session.close()
                break
            assert seen == {"one": b"one", "two": b"two"}

    run(test(), LIMIT_MS)


def test_messages_stay_whole():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("words", 3, KIND_MESSAGES)
            theirs = await pair.server.accept()
            for message in (b"a", b"", b"c" * 1000):
                await ours.send(message)
                assert await theirs.receive() == message
            await refused(BAD_ARGUMENT, ours.send(bytes(5000)))
            await ours.finish()
            assert await theirs.receive() is None

    run(test(), LIMIT_MS)


def test_readexactly_says_what_is_missing():
    async def test():
        async with Pair() as pair:
            async with await pair.client.open("short") as ours:
                await ours.write(b"12345")
            theirs = await pair.server.accept()
            assert await theirs.readexactly(3) == b"123"
            await refused(MALFORMED, theirs.readexactly(3))

    run(test(), LIMIT_MS)


def test_a_reset_wakes_the_other_side():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("doomed")
            theirs = await pair.server.accept()
            reading = asyncio.create_task(theirs.read(1))
            await sleep_ms(0)
            ours.reset()
            await refused(STREAM_CANCELLED, reading)
            await refused(STREAM_CANCELLED, theirs.write(b"late"))

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


def test_a_link_that_breaks_is_an_end_with_a_cause():
    async def test():
        async with Pair() as pair:
            theirs = asyncio.create_task(pair.server.accept())
            await sleep_ms(1)
            cut(pair.client)
            await refused(END_LINK_DOWN, theirs)

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


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
            await refused(STREAM_CANCELLED, (await session.open("faulty")).read())
            stream = await session.open("echo")
            await stream.write(b"still here")
            await stream.finish()
            assert await stream.read() == b"still here"
            assert [str(error) for error in errors] == ["the program's own"]

    run(test(), LIMIT_MS)


def test_a_wrong_key_is_refused():
    async def test():
        async with bus(A) as server, bus(B) as client, bus(C) as stranger:
            port = await server.listen(HOST)
            error = await refused(END_REFUSED, client.connect(HOST, port, stranger.public))
            assert "noise.reject.decrypt_failed" in str(error)

    run(test(), LIMIT_MS)


def test_only_allowed_peers_have_a_session():
    async def test():
        client = bus(B)
        async with client, bus(C) as stranger, bus(A, allow=(client.public,)) as server:
            port = await server.listen(HOST)
            await client.connect(HOST, port, server.public)
            assert (await server.accept()).peer_id == client.id
            denied = await stranger.connect(HOST, port, server.public)
            error = await refused(END_PEER, denied.accept())
            assert "session.reject.peer_not_allowed" in str(error), error
            assert denied.session.peer_code == PEER_NOT_ALLOWED

    run(test(), LIMIT_MS)


def test_nobody_listens():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            await server.close()
            await refused(END_LINK_DOWN, client.connect(HOST, port, server.public))
            assert client.node.sessions == []

    run(test(), LIMIT_MS)


def test_a_peer_that_says_nothing_is_given_up():
    async def test():
        async with bus(A, profile=Hasty) as server:
            sock = raw_peer(HOST, await server.listen(HOST))
            answer = await drained(sock)
            assert answer == bytes((0, 2, 5, END_HANDSHAKE_TIMEOUT))
            assert server.node.sessions == []
            sock.close()

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


def test_a_full_node_closes_what_comes_after():
    async def test():
        async with bus(A) as server:
            port = await server.listen(HOST)
            clients = [bus(Random(10 + n)(32)) for n in range(SMALL.sessions + 1)]
            for client in clients[:-1]:
                await client.connect(HOST, port, server.public)
            await refused(END_LINK_DOWN, clients[-1].connect(HOST, port, server.public))
            await clients[0].close()
            await until(lambda: len(server.node.sessions) < SMALL.sessions)
            await clients[-1].connect(HOST, port, server.public)
            for client in clients[1:]:
                await client.close()

    run(test(), LIMIT_MS)


def test_a_slow_reader_holds_up_itself_alone():
    async def test():
        async with Pair() as pair:
            slow = await pair.client.open("slow")
            unread = await pair.server.accept()
            writing = asyncio.create_task(slow.write(bytes(3 * SMALL.stream_credit)))
            quick = await pair.client.open("quick")
            other = await pair.server.accept()
            size = SMALL.stream_credit // 2  # as much may be held back by the batching of credit
            for n in range(20):
                data = Random(n)(size)
                await quick.write(data)
                assert await other.readexactly(size) == data
            assert not writing.done()
            assert len(await unread.readexactly(3 * SMALL.stream_credit)) == 6144
            await writing

    run(test(), LIMIT_MS)


def test_a_peer_that_falls_silent_is_noticed():
    async def test():
        async with Pair(Hasty) as pair:
            silence(pair.client_bus, pair.client)
            await refused(END_KEEPALIVE, pair.server.accept())
            await until(lambda: not pair.server_bus.node.sessions)
            pair.client.abort(END_LOCAL)

    run(test(), LIMIT_MS)


def test_a_write_that_is_cancelled_leaves_the_buffer_to_its_owner():
    async def test():
        async with Pair() as pair:
            buffer = bytearray(b"x" * (SMALL.stream_credit + 100))
            ours = await pair.client.open("cut")
            first = await pair.client.open("first")  # takes the session's turn, below
            assert first.name == "first"
            theirs = await pair.server.accept()
            writing = asyncio.create_task(ours.write(buffer))
            await sleep_ms(5)
            writing.cancel()
            try:
                await writing
            except asyncio.CancelledError:
                pass
            for i in range(len(buffer)):
                buffer[i] = 0
            assert await theirs.readexactly(SMALL.stream_credit) == b"x" * SMALL.stream_credit

    run(test(), LIMIT_MS)


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

    run(test(), LIMIT_MS)


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

        async with bus(A) as server, bus(B) as client:
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

    run(test(), LIMIT_MS)
