"""Subscriptions to a peer and to all: over sessions that come and go, and of peers to come."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import END_PEER
from dsoftbus.service import topic_status
from dsoftbus.service.topic_messages import CREDIT
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from node_pair import HOST, A, B, C, Hasty, Pair, bus, refused, until
from support import Random
from updates import next_of, over


class World:
    """`hub` trusts `kitchen`, and hears of it when `announce` is called."""

    def __init__(self):
        self.kitchen = self.make_kitchen()
        self.public = self.kitchen.public
        self.hub = bus(B, "hub", Hasty)
        self.store = TrustStore(Hasty)
        self.hub.node.guard = Guard(self.store, Random(5))
        self.hub.on_error = lambda error: None
        self.peers = self.hub.node.discover()
        self.sequence = 0

    def make_kitchen(self):
        kitchen = bus(A, "kitchen", Hasty)
        kitchen.on_error = lambda error: None
        kitchen.topic("door", True)
        return kitchen

    def pair(self, public=None, name="the kitchen") -> None:
        self.store.add(Entry(public or self.public, name, [grant("allow both *")]))

    async def __aenter__(self):
        self.port = await self.kitchen.listen(HOST)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.hub.close()
        await self.kitchen.close()

    async def restart(self) -> None:
        await self.kitchen.close()
        self.kitchen = self.make_kitchen()
        self.port = await self.kitchen.listen(HOST)

    def cut(self) -> None:
        for connection in self.kitchen.connections():
            connection.abort(END_PEER)

    def announce(self) -> None:
        self.sequence += 1
        node = self.kitchen
        said = Announcement(node.id, node.public, [(LINK_STREAM, self.port)], (), "kitchen")
        said.sequence = self.sequence
        self.peers.receive_datagram(said.encode(), (HOST, 37020), self.hub.now())


def test_subscription_survives_reconnect_and_tells_the_gap():
    async def test():
        async with World() as world:
            world.pair()
            updates = world.hub.peer("the kitchen").subscribe("#")
            world.kitchen.publish("temp", 1)
            world.announce()  # it was absent until now
            assert await next_of(updates) == ("temp", 1, 0)
            world.kitchen.publish("door", "a")
            assert await next_of(updates) == ("door", "a", 0)
            world.cut()
            for value in ("b", "c"):
                world.kitchen.publish("door", value)
            world.announce()
            await until(lambda: world.kitchen.connections())
            await sleep_ms(100)
            world.kitchen.publish("door", "d")
            assert await next_of(updates) == ("door", "d", 2)
            await world.restart()
            world.kitchen.publish("temp", 2)
            world.announce()
            assert await next_of(updates) == ("temp", 2, None)  # since nobody knows
            await world.hub.close()
            await over(updates)

    run(test())


def test_a_lack_of_memory_ends_no_subscription_to_a_peer():
    async def test():
        async with World() as world:
            world.pair()
            world.kitchen.publish("temp", 0)
            lacking = Lacking(world.kitchen.publishing, "serve")  # when the peer subscribes
            updates = world.hub.peer("the kitchen").subscribe("#")
            world.announce()
            assert await next_of(updates) == ("temp", 0, 0)
            assert lacking.over
            lacking = Lacking(world.kitchen.publishing.topics.publishers[0], "receive")
            for i in range(1, CREDIT):  # until it grants more, of which the publisher loses one
                world.kitchen.publish("temp", i)
                if not lacking.over:
                    assert await next_of(updates) == ("temp", i, 0)
            assert lacking.over
            await sleep_ms(2500)
            world.kitchen.publish("temp", "last")
            seen = await next_of(updates)
            while seen[1] != "last":
                seen = await next_of(updates)

    run(test())


class Lacking:
    """In the place of a method: the first call finds no memory."""

    def __init__(self, owner, name):
        self.over = False
        self.method = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args):
        if not self.over:
            self.over = True
            raise MemoryError
        return self.method(*args)


def test_closing_a_peer_ends_its_updates():
    async def test():
        async with World() as world:
            world.pair()
            peer = world.hub.peer("the kitchen")
            updates = peer.subscribe("#")
            world.kitchen.publish("temp", 1)
            world.announce()
            assert await next_of(updates) == ("temp", 1, 0)
            waiting = asyncio.create_task(over(updates))
            await sleep_ms(1)
            await peer.close()
            await waiting
            assert world.hub.lasting == []

    run(test())


def test_a_refusal_ends_the_subscription_to_a_peer():
    async def test():
        async with World() as world:
            world.pair()
            rules = world.kitchen.node.guard = Guard(TrustStore(Hasty), Random(6))
            grants = [grant("allow in topic/temp")]
            rules.store.add(Entry(world.hub.public, "hub", grants))
            world.kitchen.publish("temp", 1)
            peer = world.hub.peer("the kitchen")
            allowed, denied = peer.subscribe("temp"), peer.subscribe("door")
            world.announce()
            await refused(topic_status.DENIED, denied.__anext__())
            await over(denied)
            assert await next_of(allowed) == ("temp", 1, 0)

    run(test())


def test_nobody_is_shown_under_another_name_than_it_was_paired_under():
    async def test():
        async with World() as world:
            world.pair(name="cellar")  # it calls itself kitchen
            world.kitchen.publish("temp", 1)
            updates = world.hub.subscribe("#")
            world.announce()
            assert (await updates.__anext__()).peer.name == "cellar"
            assert (await world.hub.presence().__anext__()).name == "cellar"

    run(test())


def test_updates_of_all_who_are_trusted_and_those_to_come():
    async def test():
        async with World() as world:
            updates = world.hub.subscribe("#")
            world.kitchen.publish("temp", 1)
            world.announce()
            port = await world.hub.listen(HOST)
            desk = bus(C, "desk", Hasty)
            desk.on_error = lambda error: None
            desk.publish("light", True)
            world.hub.node.guard = None  # a stranger may come in, to be paired there
            await desk.connect(HOST, port, world.hub.public)
            await until(lambda: world.hub.connections(desk.id))
            world.hub.node.guard = Guard(world.store, Random(5))
            await sleep_ms(3000)
            assert world.hub.connections(world.kitchen.id) == []
            world.pair(desk.public, "desk")  # which has begun its session by itself
            update = await updates.__anext__()
            assert (update.topic, update.peer.name, update.peer.id) == ("light", "desk", desk.id)
            world.pair()
            world.announce()
            update = await updates.__anext__()
            assert (update.topic, update.peer.name) == ("temp", "the kitchen")
            world.cut()
            world.kitchen.publish("temp", 2)
            world.announce()
            assert await next_of(updates) == ("temp", 2, 0)
            await desk.close()
            assert desk.id in world.hub.named
            world.hub.node.unpair(desk.id)
            await until(lambda: desk.id not in world.hub.named)  # nobody is sought in vain
            updates.close()
            await over(updates)

    run(test())


def test_a_refusal_is_asked_about_again():
    async def test():
        async with World() as world:
            world.pair()
            rules = world.kitchen.node.guard = Guard(TrustStore(Hasty), Random(6))
            entry = Entry(world.hub.public, "hub", [grant("allow in other")])
            rules.store.add(entry)
            world.kitchen.publish("temp", 1)
            errors = []
            world.hub.on_error = errors.append
            updates = world.hub.subscribe("temp")
            world.announce()
            await until(lambda: errors)
            assert errors[-1].code == topic_status.DENIED
            entry.grants.append(grant("allow in topic/temp"))
            assert await next_of(updates) == ("temp", 1, 0)

    run(test())


def test_without_a_trust_store_all_sessions_count():
    async def test():
        async with Pair() as pair:
            updates = pair.server_bus.subscribe("#")
            pair.client_bus.publish("a", 1)
            update = await updates.__anext__()
            assert (update.topic, update.value, update.peer.name) == ("a", 1, "client")
            other = bus(C, "other")
            other.publish("b", 2)
            await other.connect(HOST, pair.port, pair.server_bus.public)
            assert await next_of(updates) == ("b", 2, 0)
            await other.close()
            pair.client_bus.publish("a", 2)
            assert await next_of(updates) == ("a", 2, 0)

    run(test())
