"""Tickets on the bus: sessions that come back begin with one, on the backend of this
interpreter."""

import asyncio

from backend import ReconnectingSession, run
from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.errors import END_PEER
from dsoftbus.resume.tickets import SLEEPER_USES, USES, Tickets
from node_pair import HOST, A, B, Open, bus, until


class Twice:
    """A client that connects to a server again and again; both keep tickets."""

    def __init__(self, sleeper: bool = False):
        self.server, self.client = bus(A, "server", Open), bus(B, "client", Open)
        self.renew(self.server, agrees=True)
        self.renew(self.client, wants_sleep=sleeper)
        self.uses = SLEEPER_USES if sleeper else USES

    def renew(self, of, **options) -> None:
        of.node.tickets = Tickets(of.node, of.now, **options)

    async def visit(self, link: str) -> int:
        """A session; returns how many have been resumed since the last full handshake."""
        port = await self.server.listen(HOST, 0, link)
        to = self.server.public
        async with await self.client.connect(HOST, port, to, link=link, suite=SUITE_CHACHA_SHA256):
            await self.server.accept()
            (kept,), (taken,) = self.client.node.tickets.kept, self.server.node.tickets.taken
            assert kept.secret == taken.secret and kept.left == taken.left
            return self.uses - kept.left

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()


def test_sessions_are_resumed_over_each_link():
    async def test():
        for sleeper in (False, True):
            both = Twice(sleeper)
            assert [await both.visit("tcp"), await both.visit("tcp")] == [0, 1]
            assert [await both.visit("udp"), await both.visit("udp")] == [2, 3]
            await both.close()

    run(test())


def test_a_server_that_has_lost_its_tickets_costs_a_full_handshake():
    async def test():
        both = Twice()
        for link in ("tcp", "udp"):
            await both.visit(link)
            both.renew(both.server, agrees=True)
            assert [await both.visit(link), await both.visit(link)] == [0, 1]
        await both.close()

    run(test())


def test_sessions_that_begin_at_the_same_time_all_begin():
    async def test():
        for rounds in range(3):
            both = Twice()
            port = await both.server.listen(HOST)
            for count in (1, 2, 2) if rounds else (2, 1, 2):
                dials = [both.client.connect(HOST, port, both.server.public) for _ in range(count)]
                for connection in await asyncio.gather(*dials):
                    await connection.close()
            await both.close()

    run(test())


def test_a_session_that_comes_back_by_itself_is_resumed():
    async def test():
        both = Twice()
        port = await both.server.listen(HOST)

        async def dial():
            return await both.client.connect(HOST, port, both.server.public)

        async with ReconnectingSession(both.client, dial) as keeper:
            await keeper.connected()
            (await both.server.accept()).abort(END_PEER)
            await until(lambda: keeper.connection is None)
            await keeper.connected()
            (kept,) = both.client.node.tickets.kept
            assert kept.left == both.uses - 1
        await both.close()

    run(test())
