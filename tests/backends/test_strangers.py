"""Strangers against a node that listens: connections from this machine, over real sockets."""

from backend import drained, raw_peer, run, sleep_ms
from counting import counted
from dsoftbus.const import SMALL
from dsoftbus.session.session import AWAIT_FINISH
from node_pair import HOST, A, B, C, bus, until


class Patient(SMALL):
    """A profile whose places are held for as long as a test may last."""

    handshake_ms = 100000


async def recorded_init(server) -> bytes:
    """Returns the first message of an honest peer, as somebody on the way sees it."""
    client = bus(B)
    session = client.node.connect(server.public, 0)
    out = bytearray(512)
    n = session.poll_transmit(out, 0)
    client.node.forget(session)
    await client.close()
    return bytes(out[:n])


def test_a_replayed_opening_costs_nothing():
    async def test():
        async with bus(A) as server:
            port = await server.listen(HOST)
            counter = counted(server.node)
            init = await recorded_init(server)
            for n in range(60):
                sock = raw_peer(HOST, port)
                sock.send(init)
                if n:
                    answer = await drained(sock)
                    assert answer == b"\x00\x02\x05\x5d", answer
                else:
                    await until(lambda: counter.multiplications)
                sock.close()
            assert counter.multiplications <= 4
            await until(lambda: not server.node.sessions)

    run(test())


def test_silent_connections_do_not_move_a_handshake_that_has_its_reply():
    async def test():
        async with bus(A, "", Patient) as server, bus(C) as client:
            port = await server.listen(HOST)
            sock = raw_peer(HOST, port)
            sock.send(await recorded_init(server))
            await until(lambda: [s for s in server.node.sessions if s.state == AWAIT_FINISH])
            (waiting,) = server.node.sessions
            silent = []
            for _ in range(30):
                silent.append(raw_peer(HOST, port))
                await sleep_ms(1)
            await until(lambda: not server.node.sessions[-1].closed)
            assert waiting.state == AWAIT_FINISH
            connection = await client.connect(HOST, port, server.public)
            assert waiting.state == AWAIT_FINISH
            await connection.close()
            for other in silent + [sock]:
                other.close()

    run(test())


def test_openings_beyond_the_budget_are_answered_one_after_the_other():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            counter = counted(server.node)
            client.node.tickets = None  # each is a full handshake
            for _ in range(5):  # more than a second's
                connection = await client.connect(HOST, port, server.public)
                await connection.close()
                await until(lambda: not server.node.sessions)
            assert counter.multiplications == 5 * 4, counter.multiplications

    run(test())
