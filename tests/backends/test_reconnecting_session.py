"""Sessions that come back by themselves, on the backend of this interpreter."""

import asyncio

from backend import ReconnectingSession, cut, now_ms, run, sleep_ms
from dsoftbus.const import KEEPALIVE_DEAD, SMALL
from dsoftbus.errors import (
    BAD_STATE,
    END_KEEPALIVE,
    END_LINK_DOWN,
    NO_SUCH_SERVICE,
    STREAM_LIMIT,
    LocalError,
    PeerError,
)
from node_pair import HOST, A, B, Hasty, bus, until
from support import raises

SLACK_MS = 5000  # for a machine that does other things; the bound itself is test_keepalive's


class Proxy:
    """Carries the bytes of TCP links to `port`, until it is frozen: then nobody is told."""

    def __init__(self, port: int):
        self._target = port
        self._frozen = []  # one flag a link
        self._tasks = []
        self._writers = []

    async def __aenter__(self):
        for port in range(32000 + self._target % 700, 32768):  # see free_ports.py
            try:
                self._server = await asyncio.start_server(self._serve, HOST, port)
                self.port = port
                return self
            except OSError:
                pass  # the port is taken
        raise AssertionError("no port")

    async def __aexit__(self, kind, error, trace):
        for task in self._tasks:
            task.cancel()
        self._server.close()
        for writer in self._writers:
            writer.close()
            await closed(writer)

    def freeze(self) -> None:
        """The links that there are fall silent; new ones are carried."""
        for flag in self._frozen:
            flag.append(True)

    async def _serve(self, reader, writer) -> None:
        flag = []
        self._frozen.append(flag)
        far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        self._writers += (writer, far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._tasks.append(asyncio.create_task(self._carry(source, sink, flag)))

    async def _carry(self, source, sink, flag) -> None:
        try:
            data = await source.read(512)
            while data:
                if not flag:
                    sink.write(data)
                    await sink.drain()
                data = await source.read(512)
        except OSError:
            pass  # one end has closed
        if not flag:
            sink.close()


async def closed(writer) -> None:
    try:
        await writer.wait_closed()
    except OSError:
        pass  # the other end was quicker


def server():
    """A node that answers; that its streams end with their sessions is nothing to tell."""
    node = bus(A, "server", Hasty)
    node.on_stream("echo", echo)
    node.on_error = lambda error: None
    return node


class World:
    """A server, a client's bus, and what the keeper says."""

    def __init__(self):
        self.server = server()
        self.client = bus(B, "client", Hasty)
        self.ups = []
        self.downs = []

    async def __aenter__(self):
        self.client.on_error = self.downs.append
        self.port = await self.server.listen(HOST)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.client.close()
        await self.server.close()

    def keeper(self, port: int = 0) -> ReconnectingSession:
        def dial():
            return self.client.connect(HOST, port or self.port, self.server.public)

        return ReconnectingSession(self.client, dial, self.ups.append, self.downs.append)


async def echo(session, stream) -> None:
    data = await stream.read(100)
    while data:
        await stream.write(data)
        data = await stream.read(100)


class Asker:
    """A kept stream that asks again and again."""

    def __init__(self):
        self.answers = []  # in each session

    async def __call__(self, session, stream) -> None:
        answers = []
        self.answers.append(answers)
        while True:
            await stream.write(b"?")
            answers.append(await stream.read(1))
            await sleep_ms(5)


def test_a_peer_that_refuses_is_not_dialled_in_a_loop():
    """Neither one that refuses after the handshake, nor a port where nobody is."""

    async def dialled(client, dial, ms: int) -> list:
        """Returns how long after the first each attempt came."""
        at = []

        async def count():
            at.append(now_ms(client))
            if len(at) > 20:
                await sleep_ms(ms)  # a loop, in which no time would pass
            return await dial()

        async with ReconnectingSession(client, count):
            await until(lambda: at)
            while now_ms(client) < at[0] + ms:
                await sleep_ms(50)
        return [moment - at[0] for moment in at]

    async def test():
        allowed = (bytes(range(32)),)
        async with bus(A, "", SMALL, allowed) as server, bus(B) as client:
            port = await server.listen(HOST)
            refused = await dialled(
                client, lambda: client.connect(HOST, port, server.public), 20000
            )
            nobody = await dialled(client, lambda: client.connect(HOST, 1, server.public), 20000)
        for at in (refused, nobody):
            # 1, 2, 4 and 8 s later, each up to a quarter more, and what an attempt takes.
            assert 4 <= len(at) <= 6, at
            waits = [at[n + 1] - at[n] for n in range(len(at) - 1)]
            assert min(waits) >= 1000, at

    run(test())


def test_a_link_that_falls_silent_is_noticed_on_both_sides_and_made_anew():
    async def test():
        async with World() as world, Proxy(world.port) as proxy, world.keeper(proxy.port) as kept:
            asker = Asker()
            kept.keep("echo", asker)
            await kept.connected()
            await until(lambda: asker.answers and len(asker.answers[0]) > 3)
            (near,) = world.client.node.sessions
            (far,) = world.server.node.sessions
            proxy.freeze()
            await until(lambda: near.closed and far.closed)
            bound_ms = Hasty.keepalive_ms * KEEPALIVE_DEAD
            for session in (near, far):
                assert session.failure.code == END_KEEPALIVE
                assert now_ms(world.client) - session.keepalive.heard < bound_ms + SLACK_MS
            await until(lambda: len(world.ups) == 2)
            assert [cause.code for cause in world.downs] == [END_KEEPALIVE]
            # The stream is there again, and nobody asked for it.
            await until(lambda: len(asker.answers) == 2 and len(asker.answers[1]) > 3)

    run(test())


def test_a_node_that_starts_anew_is_found_again():
    async def test():
        async with World() as world, world.keeper() as kept:
            asker = Asker()
            kept.keep("echo", asker)
            await until(lambda: asker.answers and asker.answers[0])
            await world.server.close()
            await until(lambda: kept.failure is not None)  # nobody is there
            assert kept.connection is None
            world.server = server()
            await world.server.listen(HOST, world.port)
            await until(lambda: len(asker.answers) == 2 and asker.answers[1])
            assert len(world.ups) == 2
            assert kept.failure.code == END_LINK_DOWN

    run(test())


def test_a_stream_that_has_done_its_work_is_opened_no_more():
    async def test():
        async with World() as world, world.keeper() as kept:
            opened = []

            async def once(session, stream):
                opened.append(session)
                await stream.write(b"!")
                assert await stream.read(1) == b"!"

            async def fails(session, stream):
                opened.append(session)
                raise PeerError(NO_SUCH_SERVICE)

            kept.keep("echo", once)
            kept.keep("echo2", fails)
            await until(lambda: len(opened) == 2 and not kept._streams)
            assert [cause.code for cause in world.downs] == [NO_SUCH_SERVICE]
            cut(await kept.connected())
            await until(lambda: len(world.ups) == 2)
            await sleep_ms(10)
            assert len(opened) == 2

    run(test())


def test_a_stream_comes_back_within_its_session_when_the_peer_s_handler_failed():
    async def test():
        async with World() as world, world.keeper() as kept:
            failed_at = []
            logged = []

            async def falters(session, stream):
                if len(failed_at) < 3:
                    failed_at.append(now_ms(world.server))
                    raise OSError("no sensor")
                await echo(session, stream)

            world.server.on_stream("falters", falters)
            world.server.on_error = logged.append
            asker = Asker()
            kept.keep("falters", asker)
            await until(lambda: asker.answers and asker.answers[-1])
            waits = [failed_at[n + 1] - failed_at[n] for n in range(2)]
            assert 1000 <= waits[0] < 2000 <= waits[1] < 4000, waits
            assert len(logged) == 3 and len(asker.answers) == 4
            assert len(world.ups) == 1 and world.downs == []

    run(test())


def test_no_more_streams_are_kept_than_a_session_holds():
    async def test():
        async with World() as world, world.keeper() as kept:
            for n in range(SMALL.streams):
                kept.keep("s%d" % n, echo)
            raises(STREAM_LIMIT, kept.keep, "one more", echo)

    run(test())


def test_a_keeper_ends_with_its_program_and_with_its_bus():
    async def test():
        async with World() as world:
            async with world.keeper() as kept:
                await kept.connected()
            await until(lambda: not world.client.node.sessions)
            async with world.keeper(1) as kept:  # nobody there
                waiting = asyncio.create_task(kept.connected())
                await until(lambda: kept.failure is not None)
                await world.client.close()
                try:
                    await waiting
                except LocalError as error:
                    assert error.code == BAD_STATE
                else:
                    raise AssertionError("connected, and the bus is closed")

    run(test())
