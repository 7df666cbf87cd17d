"""Peers by name, on the backend of this interpreter: found, reached, and reached again."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import (
    BAD_STATE,
    END_LINK_DOWN,
    END_PEER,
    INVALID_STREAM_NAME,
    NOT_PAIRED,
    PEER_TABLE_FULL,
    STALE_PEER,
)
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from node_pair import HOST, A, B, C, Hasty, bus, refused, until
from support import Random


async def echo(session, stream) -> None:
    await stream.write(await stream.read())


async def asked(stream) -> bytes:
    async with stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


class World:
    """`desk` trusts `kitchen`, if `paired`, and hears of it when `announce` is called."""

    def __init__(self, paired=True):
        self.kitchen = self.make_kitchen()
        self.public = self.kitchen.public
        self.desk = bus(B, "desk", Hasty)
        self.desk.on_error = lambda error: None
        self.store = TrustStore(Hasty)
        self.desk.node.guard = Guard(self.store, Random(5))
        self.peers = self.desk.node.discover()
        self.sequence = 0
        if paired:
            self.pair()

    def make_kitchen(self):
        kitchen = bus(A, "kitchen", Hasty)
        kitchen.on_error = lambda error: None
        kitchen.on_stream("echo", echo)
        return kitchen

    def pair(self) -> None:
        self.store.add(Entry(self.public, "kitchen", [grant("allow both *")]))

    async def __aenter__(self):
        self.port = await self.kitchen.listen(HOST)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.desk.close()
        await self.kitchen.close()

    async def move(self) -> None:
        """The kitchen starts again, elsewhere."""
        await self.kitchen.close()
        self.kitchen = self.make_kitchen()
        self.port = await self.kitchen.listen(HOST)

    def announce(self, key=None, name="kitchen") -> None:
        self.sequence += 1
        node = self.kitchen if key is None else bus(key)
        said = Announcement(node.id, node.public, [(LINK_STREAM, self.port)], (), name)
        said.sequence = self.sequence
        self.peers.receive_datagram(said.encode(), (HOST, 37020), self.desk.now())


def test_a_call_waits_for_its_peer():
    async def test():
        async with World() as world:
            world.kitchen.call("double")(lambda _connection, value: value * 2)
            kitchen = world.desk.peer("kitchen")
            task = asyncio.create_task(kitchen.call("double", 4, 60000))
            await sleep_ms(10)
            assert not task.done()
            world.announce()
            assert await task == 8
            assert await kitchen.call("double", 5) == 10

    run(test())


def test_a_call_to_a_peer_that_is_not_there_says_so():
    async def test():
        async with World() as world:
            await refused(STALE_PEER, world.desk.peer("kitchen").call("double", 4, 50))

    run(test())


def test_a_peer_need_not_be_there_yet():
    async def test():
        async with World() as world:
            opening = asyncio.create_task(world.desk.peer("kitchen").open("echo"))
            await sleep_ms(3000)
            assert not opening.done()
            world.announce()
            assert await asked(await opening) == b"hello"
            peer = world.desk.peer("kitchen")
            assert (peer.id, peer.why) == (world.kitchen.id, None)
            assert await asked(await peer.open("echo")) == b"hello"
            assert len(world.desk.node.sessions) == 1

    run(test())


def test_it_says_why_it_is_not_there():
    async def test():
        async with World() as world:
            peer = world.desk.peer("kitchen")
            assert peer.why is None
            error = await refused(STALE_PEER, peer.open("echo", timeout_ms=50))
            assert error is not peer.why and peer.why.code == STALE_PEER
            assert "kitchen" in error.detail
            await world.kitchen.close()
            world.announce()
            await until(lambda: peer.why.code == END_LINK_DOWN)
            await refused(END_LINK_DOWN, peer.connected(50))
            await refused(END_LINK_DOWN, peer.connected(0))

    run(test())


def test_a_stranger_of_its_name_is_not_taken_for_it():
    async def test():
        async with World(paired=False) as world:
            world.announce(C)
            peer = world.desk.peer("kitchen")
            await refused(NOT_PAIRED, peer.open("echo", timeout_ms=100))
            assert world.desk.node.sessions == []
            world.announce()
            world.pair()  # as a command does it, while the program waits
            assert await asked(await peer.open("echo")) == b"hello"

    run(test())


def test_a_trusted_peer_is_found_by_the_name_that_it_has_now_if_the_handshake_says_so():
    async def test():
        async with World() as world:
            world.announce(name="stove")  # forged: who forges it has not the key
            peer = world.desk.peer("stove")
            error = await refused(STALE_PEER, peer.connected(100))
            assert "has another name" in error.detail
            world.store.get(world.kitchen.id).name = "as it was paired"
            world.announce()
            assert await asked(await world.desk.peer("kitchen").open("echo")) == b"hello"

    run(test())


def test_a_whole_id_means_whoever_has_its_key():
    async def test():
        async with World(paired=False) as world:
            world.desk.node.guard = None  # it lets others in by a list of keys, say
            world.announce()
            peer = world.desk.peer(world.kitchen.id)
            assert await asked(await peer.open("echo")) == b"hello"
            await refused(NOT_PAIRED, world.desk.peer(peer.id[:9]).connected(100))

    run(test())


def test_it_comes_back_where_it_is_heard_then():
    async def test():
        async with World() as world:
            world.announce()
            answers = []

            async def ask(session, stream):
                await stream.write(b"hello")
                await stream.finish()
                answers.append((session, await stream.read()))
                await session.ended()
                raise session.cause

            async with world.desk.peer("kitchen") as peer:
                peer.keep("echo", ask)
                await until(lambda: answers)
                await world.move()
                await until(lambda: peer.why is not None and peer.why.code == END_LINK_DOWN)
                world.announce()
                await until(lambda: len(answers) == 2)
                assert [answer for _, answer in answers] == [b"hello", b"hello"]
                assert answers[0][0].cause.code == END_PEER
                assert peer.connection is answers[1][0]
            assert peer.connection.released
            await refused(BAD_STATE, peer.open("echo"))
            assert world.desk.peer("kitchen") is not peer

    run(test())


def test_discovery_may_begin_later_than_the_program():
    async def test():
        async with World() as world:
            peers, world.desk.node.peers = world.peers, None
            peer = world.desk.peer("kitchen")
            error = await refused(STALE_PEER, peer.connected(2000))
            assert "no discovery" in error.detail
            world.desk.node.peers = peers
            world.announce()
            assert await asked(await peer.open("echo")) == b"hello"

    run(test())


def test_a_session_that_the_peer_began_is_used_and_outlives_the_peer_here():
    async def test():
        async with World() as world:
            world.desk.node.guard = None
            port = await world.desk.listen(HOST)
            theirs = await world.kitchen.connect(HOST, port, world.desk.public)
            await until(lambda: not any(one.half_open for one in world.desk.node.sessions))
            world.announce()

            async def leave(session, stream):
                await peer.close()

            async with world.desk.peer(world.kitchen.id) as peer:
                assert await asked(await peer.open("echo")) == b"hello"
                assert not peer.connection.session.initiator
                peer.keep("echo", leave)  # a handler may end what runs it
                await until(lambda: not peer._streams)
                await refused(BAD_STATE, peer.connected())
            assert theirs.cause is None
            assert len(world.desk.node.sessions) == 1

    run(test())


def test_a_wrong_name_of_a_stream_is_no_reason_to_wait():
    async def test():
        async with World() as world:
            world.announce()
            await refused(INVALID_STREAM_NAME, world.desk.peer("kitchen").open(""))

    run(test())


def test_there_are_no_more_of_them_than_the_profile_has():
    async def test():
        async with World() as world:
            for n in range(Hasty.peers):
                world.desk.peer("peer %d" % n)
            await refused(PEER_TABLE_FULL, _peer(world.desk))

    run(test())


async def _peer(desk) -> None:
    desk.peer("one more")
