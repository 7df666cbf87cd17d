"""Connections on asyncio: odd sockets, cancellation anywhere, and nothing that stays behind."""

import asyncio
import errno
import gc
import random
import socket
import tracemalloc

import pytest

from backend import drained, narrow, raw_peer, reset, run, stop_reading
from dsoftbus.const import HOST as LIMITS
from dsoftbus.const import KIND_MESSAGES
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_HANDSHAKE_TIMEOUT,
    END_INTERNAL,
    END_LINK_DOWN,
    END_PEER,
    END_REFUSED,
    SESSION_LIMIT,
    LocalError,
)
from dsoftbus_host import runtime
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.links import listening, resolver
from node_pair import HOST, A, B, C, Hasty, Pair, refused, until

STEPS = 40  # of the loop: more than any of these operations takes


def random_bytes(n: int) -> bytes:
    return random.Random(n).randbytes(n)


async def both_ways(pair, name: str, data: bytes) -> None:
    """Carries `data` in both directions of one stream at once."""
    ours = await pair.client.open(name)
    theirs = await pair.server.accept()

    async def write(stream):
        await stream.write(data)
        await stream.finish()

    writing = [asyncio.ensure_future(write(stream)) for stream in (ours, theirs)]
    assert await asyncio.gather(ours.read(), theirs.read()) == [data, data]
    await asyncio.gather(*writing)


def idle(pair) -> bool:
    """Nothing waits to be sent on either side, and nobody would be woken to send it."""
    return not any(c._pump._stop or c._pump.blocked for c in (pair.client, pair.server))


# Links


def test_bulk_both_ways_at_once():
    async def test():
        async with Pair(LIMITS) as pair:
            await both_ways(pair, "bulk", random_bytes(5_000_000))
            assert idle(pair)

    run(test())


def test_partial_writes():
    async def test():
        async with Pair(LIMITS) as pair:
            for connection in (pair.client, pair.server):
                narrow(connection)
            await both_ways(pair, "narrow", random_bytes(1_000_000))
            await until(lambda: idle(pair))

    run(test())


def test_sixty_four_streams_at_once():
    async def test():
        async def carry(n):
            data = random_bytes(100_000 + n)
            async with await pair.client.open(f"s{n}", n % 8) as ours:
                await ours.write(data)
                await ours.finish()
                assert await ours.read() == data[::-1]

        async def turn_round(_session, stream):
            await stream.write((await stream.read())[::-1])

        async with Pair(LIMITS) as pair:
            pair.server_bus.on_stream("*", turn_round)
            await asyncio.gather(*[carry(n) for n in range(64)])
            assert idle(pair)

    run(test())


def test_ipv6_and_names():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen("::1")
            assert (await client.connect("::1", port, server.public)).peer_id == server.id
            port = await server.listen("localhost")
            assert (await client.connect("localhost", port, server.public)).peer_id == server.id

    run(test())


def test_a_port_is_one_that_every_link_has_free(monkeypatch):
    class Busy(socket.socket):
        """Sometimes another program has the port."""

        refusals = 3

        def bind(self, address):
            if self.type == socket.SOCK_DGRAM and Busy.refusals:
                Busy.refusals -= 1
                raise OSError(errno.EADDRINUSE, "Address already in use")
            super().bind(address)

    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST, 0, "auto")
            for link in ("tcp", "udp"):
                await client.connect(HOST, port, server.public, link=link)
            with pytest.raises(OSError, match="in use"):
                await client.listen(HOST, port, "udp")
            with pytest.raises(OSError, match="in use"):
                await client.listen(HOST, port, "auto")
            assert (len(server.streams.listeners), client.streams.listeners) == (1, [])

    with monkeypatch.context() as patch:
        patch.setattr(listening.socket, "socket", Busy)
        run(test())
    assert Busy.refusals == 0


def test_every_address_of_a_name_is_tried(monkeypatch):
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            dead = await server.listen(HOST)
            listener, watch = server.streams.listeners.pop()
            watch.close()
            listener.close()

            async def two(host, port):
                return [(socket.AF_INET, (HOST, dead)), (socket.AF_INET, (HOST, port))]

            monkeypatch.setattr(resolver, "addresses", two)
            await client.connect("several", port, server.public)

    run(test())


def test_nobody_listens_and_the_message_says_where():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            await server.close()
            error = await refused(END_LINK_DOWN, client.connect(HOST, port, server.public))
            assert f"{HOST}:{port}" in str(error)
            assert isinstance(error.__cause__, ConnectionRefusedError)

    run(test())


def test_a_name_that_does_not_resolve(monkeypatch):
    async def test():
        async def resolve(*_arguments, **_options):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async with BareBus(B) as client:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
            with pytest.raises(socket.gaierror, match="nowhere: Name or service not known"):
                await client.connect("nowhere", 1, client.public)

    run(test())


def test_a_peer_that_vanishes():
    async def test():
        async with Pair(LIMITS) as pair:
            theirs = asyncio.ensure_future(pair.server.accept())
            link = pair.client._pump.link
            stop_reading(pair.client)
            reset(link.socket)
            await refused(END_LINK_DOWN, theirs)
            assert pair.server_bus.node.sessions == []
            pair.client.abort(END_INTERNAL)

    run(test())


def test_a_peer_that_vanishes_in_the_handshake():
    async def test():
        async with BareBus(A, allow=ANYONE) as server:
            port = await server.listen(HOST)
            for data in (b"", b"\0", bytes(100)):
                sock = raw_peer(HOST, port)
                sock.send(data)
                await asyncio.sleep(0.01)
                reset(sock)
                await until(lambda: not server.node.sessions)

    run(test())


def test_a_peer_that_hangs_up_and_does_not_read_is_let_go_at_once():
    class Patient(LIMITS):
        close_ms = 3_600_000

    async def test():
        async with Pair(Patient) as pair:
            stream = await pair.server.open("much")
            narrow(pair.server)
            narrow(pair.client, socket.SO_RCVBUF)
            client = pair.client
            stop_reading(client)
            writing = asyncio.ensure_future(stream.write(bytes(100_000)))
            await until(lambda: pair.server._pump.blocked)
            client._pump.link.socket.shutdown(socket.SHUT_WR)
            await refused(END_LINK_DOWN, writing)
            assert pair.server.released
            client.abort(END_INTERNAL)

    run(test())


# Beginnings


def test_a_refused_session_leaves_nothing():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            await refused(END_REFUSED, client.connect(HOST, port, client.public))
            await until(lambda: not (client._connections or server._connections))
            assert client.node.sessions == server.node.sessions == []

    run(test())


def test_a_node_without_a_place_opens_no_link():
    class Lonely(LIMITS):
        sessions = 1

    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B, profile=Lonely) as client:
            port = await server.listen(HOST)
            await client.connect(HOST, port, server.public)
            error = await refused(SESSION_LIMIT, client.connect(HOST, port, server.public))
            assert isinstance(error, LocalError)
            await until(lambda: len(server.node.sessions) == 1)

    run(test())


def test_a_key_of_the_wrong_length():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            await refused(BAD_ARGUMENT, client.connect(HOST, port, bytes(31)))

    run(test())


def test_a_name_that_is_too_long_is_said_at_once():
    with pytest.raises(LocalError):
        BareBus(A, "é" * 17)


def test_a_timeout_leaves_nothing():
    async def test():
        with socket.create_server((HOST, 0)) as deaf:
            async with BareBus(B) as client:
                port = deaf.getsockname()[1]
                await refused(END_HANDSHAKE_TIMEOUT, client.connect(HOST, port, C, timeout_ms=20))
                assert client._connections == {}

    run(test())


def test_no_descriptors_left(monkeypatch, caplog):
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            listener = server.streams.listeners[0][0]
            listener.socket = Starved(listener.socket)
            await client.connect(HOST, port, server.public)
            # It paused, and did not spin.
            assert listener.socket.asked == 2 + listener.socket.failures

    monkeypatch.setattr(runtime, "PAUSE_MS", 10)
    run(test())
    assert "Too many open files" in caplog.text


class Starved:
    """A listening socket of a process that has no descriptors left for a moment."""

    failures = 3

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.asked = 0
        self.close = listener.close

    def accept(self):
        self.asked += 1
        if self.asked <= self.failures:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._listener.accept()


# Endings


def test_blocks_that_raise_end_what_they_hold():
    async def test():
        server = BareBus(A, allow=ANYONE)
        port = await server.listen(HOST)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with (
                    BareBus(B) as client,
                    await client.connect(HOST, port, server.public) as session,
                    await session.open("x") as stream,
                ):
                    await stream.write(b"x")
                    raise ZeroDivisionError
            assert (client._connections, client.node.sessions) == ({}, [])
        await server.close()
        assert (server._connections, server.node.sessions) == ({}, [])

    run(test())


def test_a_fault_of_ours_ends_its_session_and_no_other(monkeypatch, caplog):
    async def test():
        async with Pair(LIMITS) as pair:
            second = await pair.client_bus.connect(HOST, pair.port, pair.server_bus.public)
            their_second = await pair.server_bus.accept()

            def fault(*_arguments):
                raise ZeroDivisionError("a bug")

            monkeypatch.setattr(pair.server.session, "filled", fault)
            stream = await pair.client.open("x")
            await refused(END_INTERNAL, pair.server.accept())
            await refused(END_LINK_DOWN, stream.read())
            await second.open("unharmed")
            assert (await their_second.accept()).name == "unharmed"

    run(test())
    assert "a bug" in caplog.text


def test_a_fault_while_sending_ends_the_session_too(monkeypatch, caplog):
    async def test():
        async with Pair(LIMITS) as pair:
            stream = await pair.client.open("x")

            def fault(*_arguments):
                raise ZeroDivisionError("a bug")

            monkeypatch.setattr(pair.client._pump, "turn", fault)
            asyncio.get_running_loop().call_soon(pair.client._flush)
            await refused(END_INTERNAL, stream.read())
            await until(lambda: not pair.client_bus.node.sessions)

    run(test())
    assert "a bug" in caplog.text


def test_close_may_be_called_by_many_and_again():
    async def test():
        async with Pair(LIMITS) as pair:
            await asyncio.gather(*[pair.client.close() for _ in range(3)])
            await pair.client.close()
            await asyncio.gather(pair.server.close(), pair.server_bus.close())
            await pair.server_bus.close()

    run(test())


def test_what_was_written_before_the_end_arrives():
    async def test():
        data = random_bytes(60_000)
        async with Pair(LIMITS) as pair:
            async with await pair.client.open("last words") as stream:
                await stream.write(data)
            closing = asyncio.ensure_future(pair.client.close())
            theirs = await pair.server.accept()
            assert await theirs.read() == data
            await refused(END_PEER, pair.server.accept())
            await closing


# Cancellation


async def cancelled_after(steps: int, coroutine) -> bool:
    """Cancels it after so many turns of the loop; True when it was quicker."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(steps):
        await asyncio.sleep(0)
    quicker = task.done()
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and task.exception():
        raise task.exception()
    return quicker


@pytest.mark.parametrize(
    "operation",
    [
        lambda pair, stream: pair.client.accept(),
        lambda pair, stream: stream.read(),
        lambda pair, stream: stream.readexactly(10),
        lambda pair, stream: stream.write(bytes(300_000)),
        lambda pair, stream: stream.accepted(),
        lambda pair, stream: pair.client_bus.accept(),
        lambda pair, stream: pair.client.ping(),
    ],
    ids=["accept", "read", "readexactly", "write", "accepted", "bus.accept", "ping"],
)
def test_a_session_outlives_what_is_cancelled_in_it(operation):
    async def test():
        async with Pair(LIMITS) as pair:
            for steps in range(0, STEPS, 3):
                stream = await pair.client.open(f"cancelled {steps}")
                theirs = await pair.server.accept()
                await cancelled_after(steps, operation(pair, stream))
                stream.reset()
                theirs.reset()
            await both_ways(pair, "after it", random_bytes(500_000))

    run(test())


def test_a_message_that_is_cancelled_is_sent_or_not_sent():
    async def test():
        async with Pair(LIMITS) as pair:
            ours = await pair.client.open("words", kind=KIND_MESSAGES)
            theirs = await pair.server.accept()
            for steps in range(STEPS):
                await cancelled_after(steps % 5, ours.send(b"%d" % steps * 1000))
            await ours.send(b"last")
            whole = {b"%d" % steps * 1000: steps for steps in range(STEPS)}
            seen = []
            while (message := await theirs.receive()) != b"last":
                seen.append(whole[message])
            assert seen == sorted(set(seen))  # each at most once, in order
            assert seen and len(seen) < STEPS  # some were cut short, and some were not

    run(test())


def test_a_connect_that_is_cancelled_leaves_nothing():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            for steps in range(STEPS):
                await cancelled_after(steps, client.connect(HOST, port, server.public))
                for connection in list(client._connections.values()):
                    await connection.close()
                await until(lambda: not server.node.sessions)
                assert (client._connections, client.node.sessions) == ({}, [])

    run(test())


def test_a_close_that_is_cancelled_goes_on_by_itself():
    async def test():
        for steps in range(5):
            async with Pair(Hasty) as pair:
                await cancelled_after(steps, pair.client.close())
                if steps:
                    await pair.client.ended()

    run(test())


# Memory


def test_five_hundred_sessions_leave_nothing_behind():
    async def visit(client, server, port):
        async with await client.connect(HOST, port, server.public) as session:
            stream = await session.open("echo")
            await stream.write(b"again")
            await stream.finish()
            assert await stream.read() == b"again"

    async def test():
        async def echo(_session, stream):
            await stream.write(await stream.read())

        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            sizes = []
            tracemalloc.start()
            try:
                for n in range(500):
                    await visit(client, server, port)
                    if n in (99, 499):
                        await until(lambda: not server.node.sessions)
                        gc.collect()
                        sizes.append((len(gc.get_objects()), tracemalloc.get_traced_memory()[0]))
            finally:
                tracemalloc.stop()
            (objects, size), (objects_later, size_later) = sizes
            assert objects_later - objects < 100
            # The interpreter keeps frames for later use; a session's own buffers are 3 KB.
            assert size_later - size < 80_000

    run(test())


def test_idle_peers_that_say_nothing_are_let_go():
    class Impatient(LIMITS):
        handshake_ms = 50

    async def test():
        async with BareBus(A, profile=Impatient, allow=ANYONE) as server:
            port = await server.listen(HOST)
            for sock in [raw_peer(HOST, port) for _ in range(10)]:
                assert len(await drained(sock)) == 4
                sock.close()
            await until(lambda: not server._connections)

    run(test())
