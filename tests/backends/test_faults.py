"""A fault of the other side, the network or the program ends nothing that it should not."""

import asyncio

from backend import ReconnectingSession, now_ms, raw_listener, reset, run, sleep_ms
from dsoftbus.errors import (
    END_INTERNAL,
    END_KEEPALIVE,
    END_LINK_DOWN,
    END_PEER,
    HANDLER_FAILED,
    STREAM_CANCELLED,
    BusError,
    LocalError,
)
from node_pair import HOST, A, B, Hasty, Pair, bus, refused, until


class Resetting:
    """Lets peers connect, and resets each connection before they have said anything."""

    def __init__(self, pause_ms: int = 0):
        self.port, self._sock = raw_listener(HOST)
        self.count = 0
        self._pause_ms = pause_ms
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            try:
                sock = self._sock.accept()[0]
            except OSError:
                await sleep_ms(self._pause_ms)
                continue
            reset(sock)
            self.count += 1

    def close(self):
        self._task.cancel()
        self._sock.close()


def test_a_peer_that_resets_before_the_first_write():
    async def test():
        server = Resetting()
        async with bus(A) as client:
            for _ in range(400):
                await refused(END_LINK_DOWN, client.connect(HOST, server.port, client.public))
            assert server.count == 400
            assert not client._connections and not client.node.sessions
        server.close()

    run(test())


def test_a_keeper_outlives_a_peer_that_resets():
    async def test():
        server = Resetting(1)
        async with bus(A) as client:
            dialled = []

            def dial():
                dialled.append(client.node)
                return client.connect(HOST, server.port, client.public)

            async with ReconnectingSession(client, dial) as keeper:
                await until(lambda: len(dialled) == 3)
                assert keeper.failure.code == END_LINK_DOWN
                assert not keeper._task.done()
        server.close()

    run(test())


def fails(*_arguments):
    raise ValueError("the program's")


class Failing:
    """Awaited, it fails."""

    def __init__(self, error):
        self.error = error

    def __await__(self):
        raise self.error
        yield  # what makes this a generator

    __iter__ = __await__


def test_whatever_a_dial_raises_is_a_failed_attempt_and_told():
    async def test():
        async with Pair() as pair:
            told = []
            client = pair.client_bus
            client.on_error = told.append

            def nothing():
                return sleep_ms(0)

            def well():
                return client.connect(HOST, pair.port, pair.server_bus.public)

            def failing():
                return Failing(KeyError("no such place"))

            attempts = [fails, nothing, failing, well]
            times = []

            def dial():
                times.append(len(told))
                return attempts.pop(0)()

            async with ReconnectingSession(client, dial) as keeper:
                await keeper.connected()
                kinds = [type(error) for error in told]
                assert kinds == [ValueError, TypeError, KeyError], kinds
                assert times == [0, 1, 2, 3]
                assert type(keeper.failure) is KeyError

    run(test())


def test_a_keeper_outlives_what_its_program_raises():
    async def test():
        async with Pair() as pair:
            told = []
            client = pair.client_bus
            client.on_error = told.append

            def dial():
                return client.connect(HOST, pair.port, pair.server_bus.public)

            async with ReconnectingSession(client, dial, fails, fails, fails) as keeper:
                first = await keeper.connected()
                await until(lambda: len(told) == 1)  # on_up
                first.abort(END_INTERNAL)
                await until(lambda: keeper.connection not in (None, first))
                # on_down, heard at each look, on_up
                assert len(told) >= 4 and all(isinstance(e, ValueError) for e in told)

    run(test())


def test_a_refusing_peer_is_not_dialled_in_a_tight_loop():
    async def test():
        async with bus(A, allow=()) as server, bus(B) as client:
            port = await server.listen(HOST)
            times = []

            def dial():
                times.append(now_ms(client))
                return client.connect(HOST, port, server.public)

            async with ReconnectingSession(client, dial):
                await until(lambda: len(times) == 4)
            for n, least in enumerate((1000, 2000, 4000)):
                assert times[n + 1] - times[n] >= least, times

    run(test())


async def echo(_session, stream):
    await stream.write(await stream.read(100))


async def echoes(session) -> bool:
    async with await session.open("echo") as stream:
        await stream.write(b"still there")
        return await stream.read(100) == b"still there"


def test_a_handler_and_an_on_error_that_raise_end_nothing_else():
    async def test():
        async with Pair() as pair:
            told = []

            def on_error(error):
                told.append(error)
                raise ValueError("nor can I")

            async def handler(_session, _stream):
                raise KeyError("no")

            async def cancelled(_session, _stream):
                raise asyncio.CancelledError

            server = pair.server_bus
            server.on_error = on_error
            server.on_stream("echo", echo)
            server.on_stream("fails", handler)
            server.on_stream("cancelled", cancelled)
            for name, code in (("fails", HANDLER_FAILED), ("cancelled", STREAM_CANCELLED)):
                stream = await pair.client.open(name)
                await refused(code, stream.read(1))
                assert await echoes(pair.client)
            await until(lambda: len(told) == 2)
            assert [type(error) for error in told] == [KeyError, LocalError]
            assert pair.client.cause is None and pair.server.serving == 0

    run(test())


CAUSES = (END_INTERNAL, END_PEER, END_LINK_DOWN, END_KEEPALIVE)
FAULTY = ("handle_timer", "next_event", "poll_timer", "poll_transmit")


def test_a_fault_in_one_session_ends_it_and_no_other():
    """Each entry of the core, over TCP and UDP, made to raise in one session of two."""

    async def test():
        for link in ("tcp", "udp"):
            inputs = ("filled",) if link == "tcp" else ("receive_datagram",)
            for name in FAULTY + inputs:
                await faulty(link, name)

    async def faulty(link: str, name: str):
        async with bus(A, profile=Hasty) as server, bus(B, profile=Hasty) as client:
            said = []
            server.on_error = client.on_error = said.append
            port = await server.listen(HOST, link=link)
            server.on_stream("echo", echo)
            one = await client.connect(HOST, port, server.public, link=link)
            two = await client.connect(HOST, port, server.public, link=link)
            assert await echoes(one) and await echoes(two)
            (bad, _good) = server.node.sessions
            for session in (bad, one.session) if name == "handle_timer" else (bad,):
                setattr(session, name, fails)  # one side's probes keep the other's from being due
            cause = await ended(one)
            assert cause.code in CAUSES, (link, name, cause)
            await until(lambda: bad not in server.node.sessions)
            assert await echoes(two), (link, name)
            await sleep_ms(1000)  # two handshakes a second, over UDP
            three = await client.connect(HOST, port, server.public, link=link)
            assert await echoes(three), (link, name)

    async def ended(connection):
        """Its cause: it has something to say, and then it is silent until its timers are due."""
        if connection.cause is None:
            try:
                await connection.open("echo")
            except BusError:
                pass
        return await connection.ended()

    run(test())
