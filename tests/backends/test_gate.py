"""The gate on the backend of this interpreter: a raw attacker, over TCP and UDP."""

import asyncio

from attacker import PAYLOAD, OverDatagrams, OverStream, attacker
from backend import ANYONE, BareBus, drained, raw_peer, received, run, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import (
    BAD_STATE,
    END_LOCAL,
    NOT_PAIRED,
    PEER_NOT_ALLOWED,
    TOKEN_REQUIRED,
    TRUST_REVOKED,
)
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from node_pair import HOST, A, B, Open, bus, refused, until
from support import Random, Skip

try:
    import socket
except ImportError:
    raise Skip("this port has no sockets")

TOKEN = b"t" * 32


class Quick(Open):
    """A profile with which sessions end soon."""

    close_ms = 50


STRANGER = attacker()


def guard(*rules) -> Guard:
    made = Guard(TrustStore(SMALL), Random(9))
    for text in rules:
        made.store.add_rule(rule(text))
    return made


def closed_doors():
    """Returns the arguments of a node that lets no stranger in, and the code that it is told."""
    friend = bus(B).public
    return (
        ({}, PEER_NOT_ALLOWED),
        ({"allow": [friend]}, PEER_NOT_ALLOWED),
        ({"allow": ()}, PEER_NOT_ALLOWED),
        ({"guard": guard()}, NOT_PAIRED),
        ({"guard": guard("deny both * *")}, NOT_PAIRED),
        ({"guard": guard("allow in * *"), "allow": [friend]}, PEER_NOT_ALLOWED),
        ({"psk": TOKEN}, TOKEN_REQUIRED),
        ({"psk": TOKEN, "allow": ANYONE}, TOKEN_REQUIRED),
    )


async def strike(port: int, attack, farewell: int = 0):
    """The attacker's session, once all of its bytes were sent in one write, and the link is
    closed."""
    sock = raw_peer(HOST, port)
    session = attack.session
    sock.send(attack.drain())
    while session.half_open:
        data = received(sock)
        if data:
            attack.take(data)
        elif data == b"":
            session.link_lost()
        await sleep_ms(1)
    if not session.closed:
        sock.send(attack.strike(farewell))
    attack.take(await drained(sock))
    sock.close()
    return session


async def strike_with_datagrams(port: int, attack):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(socket.getaddrinfo(HOST, port)[0][-1])
    sock.setblocking(False)
    session = attack.session
    struck = False
    while not (session.closed or session.peer_code):
        for packet in attack.drain() if session.half_open else ():
            sock.send(packet)
        await sleep_ms(1)
        try:
            attack.take(sock.recv(1300))
        except OSError:
            continue  # nothing yet
        if not session.half_open and not struck:
            struck = True
            for packet in attack.strike():
                sock.send(packet)
    sock.close()
    return session


class Served:
    """A node with handlers for all that the attacker may want; `started` names those that ran."""

    def __init__(self, **options):
        self.bus = BareBus(A, "server", Quick, **options)
        self.started = []
        for name in ("light", "echo", "keep", "*"):
            self.bus.on_stream(name, self._on_stream)

    async def _on_stream(self, connection, stream):
        self.started.append((stream.name, await stream.read()))

    async def __aenter__(self):
        self.port = await self.bus.listen(HOST)
        self.udp = await self.bus.listen(HOST, 0, "udp")
        return self

    async def __aexit__(self, *_):
        await self.bus.close()


def test_no_handler_runs_for_a_stranger_that_sends_all_at_once():
    async def test():
        for options, code in closed_doors():
            async with Served(**options) as served:
                session = await strike(served.port, OverStream(served.bus.public))
                assert session.peer_code == code, options
                await until(lambda served=served: not served.bus.node.sessions)
                assert served.started == []

    run(test())


def test_no_handler_runs_for_a_stranger_that_sends_datagrams_back_to_back():
    async def test():
        for options, code in closed_doors():
            async with Served(**options) as served:
                attack = OverDatagrams(served.bus.public)
                session = await strike_with_datagrams(served.udp, attack)
                assert session.peer_code == code, options
                await sleep_ms(5)
                assert served.started == []

    run(test())


def test_the_same_bytes_are_served_to_whom_the_node_lets_in():
    async def test():
        for options in ({"allow": ANYONE}, {"allow": [STRANGER.public]}, {"psk": TOKEN}):
            psk = options.get("psk")
            async with Served(**options) as served:
                attack = OverStream(served.bus.public, psk)
                task = asyncio.create_task(strike(served.port, attack))
                await until(lambda served=served: len(served.started) == 3)
                names = [name for name, data in served.started if data == PAYLOAD]
                assert sorted(names) == ["echo", "keep", "light"]  # and none of the bus's own
                await served.bus.close()
                await task

    run(test())


def test_accept_gives_no_session_of_a_stranger():
    async def test():
        async with bus(A, "", Quick, [bus(B).public]) as server, bus(B) as friend:
            port = await server.listen(HOST)
            udp = await server.listen(HOST, 0, "udp")
            waiting = asyncio.create_task(server.accept())
            for seed in (70, 80):
                await strike(port, OverStream(server.public, None, seed))
                await strike_with_datagrams(udp, OverDatagrams(server.public, None, seed + 5))
            await friend.connect(HOST, port, server.public)
            assert (await waiting).peer_id == friend.id
            assert server._incoming == []

    run(test())


def test_whom_a_node_dials_it_lets_in():
    async def test():
        async with BareBus(B, "client", SMALL) as client, bus(A) as server:
            port = await server.listen(HOST)
            connection = await client.connect(HOST, port, server.public)
            theirs = await server.accept()
            await (await theirs.open("back")).finish()
            assert (await connection.accept()).name == "back"

    run(test())


# Sessions that end meanwhile


def test_a_session_that_ends_with_its_streams_starts_no_handler():
    async def test():
        async with Served(allow=ANYONE) as served:
            await strike(served.port, OverStream(served.bus.public), END_LOCAL)
            await until(lambda: not served.bus.node.sessions)
            assert served.started == []

    run(test())


def test_accept_gives_no_session_that_has_ended():
    async def test():
        async with bus(A, "", Quick) as server, bus(B) as client:
            port = await server.listen(HOST)
            await strike(port, OverStream(server.public), END_LOCAL)
            await client.connect(HOST, port, server.public)
            await until(lambda: len(server._incoming) == 1)
            server._incoming[0].session.refuse(END_LOCAL)  # its link is still there
            accepting = asyncio.create_task(server.accept())
            await sleep_ms(5)
            kept = await client.connect(HOST, port, server.public)
            await (await kept.open("live")).finish()
            assert (await (await accepting).accept()).name == "live"
            waiting = asyncio.create_task(refused(BAD_STATE, server.accept()))
            await sleep_ms(1)
            await server.close()
            await waiting

    run(test())


def test_a_handler_does_not_start_once_its_session_has_ended():
    """Between the peer's OPEN and the handler's first step, for whatever reason."""

    def closed(server, connection):
        connection.session.close(0)

    def refused_here(server, connection):
        connection.session.refuse(END_LOCAL)

    def lost(server, connection):
        connection.session.link_lost()

    def revoked(server, connection):
        server.node.unpair(connection.peer_id)
        assert connection.session.cause == TRUST_REVOKED

    async def test(end):
        trusting = guard()
        trusting.store.add(Entry(bus(B).public, "", [grant("allow both *")]))
        async with Served(guard=trusting) as served, bus(B) as client:
            server = served.bus
            serve = server.serve
            began = []

            def serve_and_end(handler, connection, stream):
                serve(handler, connection, stream)
                began.append(connection)
                end(server, connection)
                assert connection.session.closed

            server.serve = serve_and_end
            connection = await client.connect(HOST, served.port, server.public)
            stream = await connection.open("keep")
            await stream.write(b"data")
            await stream.finish()
            await connection.ended()
            await until(lambda: began and not began[0].serving)
            assert served.started == []

    for end in (closed, refused_here, lost, revoked):
        run(test(end))


def test_accept_gives_no_stream_of_a_session_that_has_ended():
    async def test():
        async with bus(A, "", Quick) as server, bus(B) as client:
            port = await server.listen(HOST)
            connection = await client.connect(HOST, port, server.public)
            theirs = await server.accept()
            for name in ("one", "two"):
                await (await connection.open(name)).write(b"data")
            await until(lambda: len(theirs._incoming) == 2)
            theirs.session.refuse(END_LOCAL)
            await refused(END_LOCAL, theirs.accept())

    run(test())
