"""Links of the host that break, fill up, or come from a system that has nothing left."""

import asyncio
import socket

import pytest

from backend import ReconnectingSession, narrow, read_again, reset, run, stop_reading
from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import END_LINK_DOWN
from dsoftbus_aio.stream_port import StreamConnection
from dsoftbus_host import bare_bus as bus_module
from dsoftbus_host.bare_bus import BareBus
from node_pair import HOST, A, B, Pair, refused, until


@pytest.mark.parametrize("when", ["connected", "written"])
def test_a_peer_that_resets_around_the_first_write(monkeypatch, when):
    """Connected, then reset before this side has written, or before it has read: 400 times each.
    A keeper goes on through that."""
    listener = socket.create_server((HOST, 0))
    connected = bus_module.connected
    start = StreamConnection.start

    async def connect_then_reset(family, address):
        link = await connected(family, address)
        if when == "connected":
            reset(listener.accept()[0])
        return link

    def start_then_reset(connection):
        start(connection)
        if when == "written":
            reset(listener.accept()[0])

    async def test():
        async with BareBus(A) as client:
            port = listener.getsockname()[1]
            for _ in range(400):
                await refused(END_LINK_DOWN, client.connect(HOST, port, B))
            assert (client._connections, client.node.sessions) == ({}, [])
            async with ReconnectingSession(
                client, lambda: client.connect(HOST, port, B)
            ) as keeper:
                await until(lambda: keeper.failure is not None)
                first = keeper.failure
                await until(lambda: keeper.failure is not first)

    monkeypatch.setattr(bus_module, "connected", connect_then_reset)
    monkeypatch.setattr(StreamConnection, "start", start_then_reset)
    run(test())
    listener.close()


def test_a_link_that_has_taken_all_is_not_watched_for_writing():
    """Else the loop would wake all the time: the link can always be written to."""

    async def test():
        async with Pair(LIMITS) as pair:
            client = pair.client
            narrow(pair.server)
            narrow(client, socket.SO_RCVBUF)
            stream = await pair.server.open("much")
            theirs = await client.accept()
            stop_reading(client)
            writing = asyncio.ensure_future(stream.write(bytes(60_000)))
            await until(lambda: pair.server._writing)
            read_again(client)
            assert len(await theirs.readexactly(60_000)) == 60_000
            await writing
            await until(lambda: not (pair.client._pump.blocked or pair.server._pump.blocked))
            for connection in (pair.client, pair.server):
                assert not asyncio.get_running_loop().remove_writer(connection._watch.fd)

    run(test())
