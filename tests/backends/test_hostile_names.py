"""Names that do not show as they are, from a peer that keeps no rule: over TCP and UDP, by either
side, and nothing of it gets through."""

from backend import run
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, INVALID_NAME, INVALID_STREAM_NAME, BusError
from node_pair import HOST, A, B, Hasty, Pair, bus, refused, until
from support import NO_NAMES

NAMES = (NO_NAMES[0], NO_NAMES[1], NO_NAMES[9], NO_NAMES[-1])


def named(node, name: str):
    """A bus that has checked its own name, and says another."""
    node.node.local.name = name
    return node


async def end_of(connecting):
    """Returns why a session ends that may have begun on this side."""
    try:
        connection = await connecting
    except BusError as error:
        return error
    await until(lambda: connection.cause is not None)
    return connection.cause


def test_a_node_whose_name_does_not_show_is_refused():
    async def test():
        for link in ("tcp", "udp"):
            for name in NAMES:
                async with bus(A, "s", Hasty) as server, named(bus(B, "", Hasty), name) as client:
                    port = await server.listen(HOST, 0, link)
                    cause = await end_of(client.connect(HOST, port, server.public, link=link))
                    if link == "tcp":
                        assert cause.peer_code == INVALID_NAME, cause
                    else:  # the flight is dropped, as any that is not right
                        assert cause.code == END_HANDSHAKE_TIMEOUT, cause

    run(test())


def test_a_server_whose_name_does_not_show_is_left():
    async def test():
        for link in ("tcp", "udp"):
            for name in NAMES:
                async with named(bus(A), name) as server, bus(B, "client") as client:
                    port = await server.listen(HOST, 0, link)
                    await refused(
                        INVALID_NAME, client.connect(HOST, port, server.public, link=link)
                    )

    run(test())


def test_a_stream_whose_name_does_not_show_is_refused():
    async def test():
        async with Pair() as pair:
            for name in NO_NAMES:
                await refused(INVALID_STREAM_NAME, pair.client.open(name))
            await pair.client.open("fine")
            assert (await pair.server.accept()).name == "fine"

    run(test())
