"""The bus, on the backend of this interpreter: topics, and who subscribes to them."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import KIND_MESSAGES, SMALL, TOPICS_STREAM
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_PEER,
    MALFORMED,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    STREAM_LIMIT,
    BusError,
)
from dsoftbus.service import topic_status
from dsoftbus.trust.acl import grant
from node_pair import HOST, A, B, Pair, Ruled, bus, refused, until
from updates import next_of, over

# One session


def test_a_state_and_what_becomes_of_it():
    async def test():
        async with Pair() as pair:
            pair.server_bus.publish("kitchen/temperature", 20.5)
            updates = pair.client.subscribe("+/temperature")
            assert await next_of(updates) == ("kitchen/temperature", 20.5, 0)
            pair.server_bus.publish("kitchen/temperature", [21, "warm"])
            update = await updates.__anext__()
            assert (update.value, update.event) == ([21, "warm"], False)
            assert (update.peer.name, update.peer.id) == ("server", pair.server_bus.id)
            assert update.peer.connection is pair.client

    run(test())


def test_who_subscribes_before_anything_is_published():
    async def test():
        async with Pair() as pair:
            updates = pair.client.subscribe("#")
            await sleep_ms(50)
            pair.server_bus.publish("late", 1)
            assert await next_of(updates) == ("late", 1, 0)

    run(test())


def test_slow_subscriber_gets_latest_state():
    async def test():
        async with Pair() as pair:
            updates = pair.client.subscribe("#")
            for i in range(200):
                pair.server_bus.publish("n", i)
                if i % 10 == 0:
                    await sleep_ms(1)
            await sleep_ms(50)
            seen = []
            while not seen or seen[-1][1] < 199:
                seen.append(await next_of(updates))
            assert len(seen) < 20
            assert sum(lost + 1 for _, _, lost in seen[1:]) == 199 - seen[0][1]

    run(test())


def test_lost_events_are_counted():
    async def test():
        async with Pair() as pair:
            server = pair.server_bus
            server.topic("door", event=True, about="front door")
            updates = pair.client.subscribe("door")
            await sleep_ms(20)  # events are for those who have subscribed
            server.publish("door", 0)
            assert await next_of(updates) == ("door", 0, 0)
            total = 50 * SMALL.events
            for i in range(1, total + 1):
                server.publish("door", i)
                if i % 5 == 0:
                    await sleep_ms(1)
            got = lost = 0
            while got + lost < total:
                _, value, missed = await next_of(updates)
                got += 1
                lost += missed
                assert value == got + lost
            assert lost > 0

    run(test())


def test_a_burst_goes_together_and_none_of_it_is_lost():
    async def test():
        async with Pair() as pair:
            server = pair.server_bus
            server.topic("door", event=True)
            updates = pair.client.subscribe("door")
            await sleep_ms(20)  # events are for those who have subscribed
            server.publish("door", 0)
            await next_of(updates)
            for i in range(2 * SMALL.events):  # more than wait: they leave before the loop turns
                server.publish("door", i)
            for i in range(2 * SMALL.events):
                assert await next_of(updates) == ("door", i, 0)

    run(test())


def test_events_over_udp():
    async def test():
        server, client = bus(A, "server"), bus(B, "client")
        server.topic("door", event=True)
        port = await server.listen(HOST, link="udp")
        connection = await client.connect(HOST, port, server.public, link="udp")
        updates = connection.subscribe("door")
        await sleep_ms(50)
        for i in range(3 * SMALL.events):
            server.publish("door", i)
            if i % 4 == 3:
                for n in range(i - 3, i + 1):
                    assert await next_of(updates) == ("door", n, 0)
        await client.close()
        await server.close()

    run(test())


def test_closing_leaves_a_place():
    async def test():
        async with Pair() as pair:
            pair.server_bus.publish("a", 1)
            for _ in range(3 * SMALL.subscriptions):
                async with pair.client.subscribe("#") as updates:
                    assert await next_of(updates) == ("a", 1, 0)
                await sleep_ms(1)
            async with updates:
                await over(updates)
            made = [pair.client.subscribe("#") for _ in range(SMALL.subscriptions)]
            try:
                pair.client.subscribe("#")
                raise AssertionError("it was taken")
            except BusError as error:
                assert error.code == topic_status.BUSY
            made[0].close()
            assert await next_of(made[1]) == ("a", 1, 0)

    run(test())


def test_a_wait_that_is_cancelled_loses_nothing():
    async def test():
        async with Pair() as pair:
            updates = pair.client.subscribe("#")
            task = asyncio.create_task(next_of(updates))
            await sleep_ms(5)
            task.cancel()
            pair.server_bus.publish("a", 1)
            assert await next_of(updates) == ("a", 1, 0)

    run(test())


def test_updates_of_a_session_end_with_it():
    async def test():
        async with Pair() as pair:
            pair.server_bus.publish("a", 1)
            updates = pair.client.subscribe("#")
            assert await next_of(updates) == ("a", 1, 0)
            pair.server_bus.publish("a", 2)
            await sleep_ms(20)
            pair.server.abort(END_PEER)
            assert await next_of(updates) == ("a", 2, 0)  # it had come
            await over(updates)
            pair.server_bus.publish("a", 3)
            await refused(pair.client.cause.code, _subscribed(pair.client))

    run(test())


async def _subscribed(connection, text="#"):
    return connection.subscribe(text)


def test_what_is_wrong_is_said_at_once():
    async def test():
        async with Pair() as pair:
            await refused(topic_status.BAD_FILTER, _subscribed(pair.client, "a+"))
            for name in ("", "a+", "dsoftbus/offers"):
                await refused(BAD_ARGUMENT, _published(pair.server_bus, name, 1))
            await refused(BAD_ARGUMENT, _published(pair.server_bus, "a", object()))
            assert not pair.server_bus.withdraw("a")
            pair.server_bus.publish("a", 1)
            assert pair.server_bus.withdraw("a")

    run(test())


async def _published(node, name, value):
    node.publish(name, value)


def test_a_second_stream_is_refused_and_no_message_ends_the_first():
    async def test():
        async with Pair() as pair:
            for published in (False, True):
                if published:
                    pair.server_bus.publish("a", 1)
                updates = pair.client.subscribe("#")
                await sleep_ms(10)
                stream = await pair.client.open(TOPICS_STREAM, kind=KIND_MESSAGES)
                await refused(STREAM_LIMIT, stream.receive())
                bytes_ = await pair.client.open(TOPICS_STREAM)
                await refused(STREAM_KIND_MISMATCH, bytes_.read())
            assert await next_of(updates) == ("a", 1, 0)

    run(test())


def test_what_is_no_message_of_topics_ends_that_stream_alone():
    async def test():
        async with Pair() as pair:
            pair.server_bus.publish("a", 1)
            stream = await pair.client.open(TOPICS_STREAM, kind=KIND_MESSAGES)
            await stream.send(b"?")
            await refused(MALFORMED, stream.receive())
            assert await next_of(pair.client.subscribe("#")) == ("a", 1, 0)

    run(test())


def test_a_publisher_that_breaks_the_rules_is_told_and_nothing_else_ends():
    async def test():
        async with Pair() as pair:
            pair.server_bus.answers = False  # this test does
            updates = pair.client.subscribe("#")
            stream = pair.server.subscribed
            while stream is None:
                await sleep_ms(1)
                stream = pair.server.subscribed
            stream.accept()
            for said in (b"\4\0\0\0\1\0\0\0\7", b"\5\0\0\0\1\0\0\0\0\1\1a\0\0\0\1\xff"):
                while not stream.send_message(said):
                    pair.server.turn()
                    await sleep_ms(1)
                pair.server.turn()
            await refused(MALFORMED, updates.__anext__())
            await over(updates)
            await until(lambda: stream.over)
            assert stream.code == MALFORMED and pair.client.cause is None

    run(test())


# Access


class Publishing(Ruled):
    """A server with two topics, and with rules for its one peer."""

    def __init__(self, *grants):
        super().__init__(*grants)
        for name in ("temp", "door"):
            self.server.publish(name, name)


def test_reject_topic_outside_acl():
    async def test():
        async with Publishing("allow in topic/temp") as ruled:
            for name in ("door", "other"):  # nobody learns by this what is here
                await refused(topic_status.DENIED, ruled.client.subscribe(name).__anext__())
            denied = [ruled.server.node.next_event() for _ in range(3)]
            assert [event.name for event in denied if event] == ["topic/door", "topic/other"]
            updates = ruled.client.subscribe("#")
            assert await next_of(updates) == ("temp", "temp", 0)
            ruled.server.publish("door", 2)
            ruled.server.publish("temp", 2)
            assert await next_of(updates) == ("temp", 2, 0)

    run(test())


def test_a_peer_without_rights_subscribes_to_nothing():
    async def test():
        async with Publishing("deny both *") as ruled:
            updates = ruled.client.subscribe("#")
            ruled.server.publish("temp", 2)
            await sleep_ms(50)
            updates.close()
            await over(updates)

    run(test())


def test_rules_that_change_hold_for_live_subscriptions():
    async def test():
        async with Publishing("allow in topic/*") as ruled:
            door, wide = ruled.client.subscribe("door"), ruled.client.subscribe("#")
            assert await next_of(door) == ("door", "door", 0)
            assert sorted([await next_of(wide), await next_of(wide)])[0][0] == "door"
            ruled.entry.grants.append(grant("deny in topic/door"))
            ruled.store.touch()
            ruled.turn()
            await refused(topic_status.DENIED, door.__anext__())
            ruled.server.publish("door", 3)
            ruled.server.publish("temp", 4)
            assert await next_of(wide) == ("temp", 4, 0)
            ruled.entry.grants.pop()
            ruled.store.touch()
            ruled.turn()
            assert await next_of(wide) == ("door", 3, 0)

    run(test())


def test_a_topic_that_the_rules_here_do_not_allow_is_not_asked_for():
    async def test():
        async with Publishing("allow in *") as ruled:
            (back,) = ruled.server.connections(ruled.client_bus.id)
            await refused(OUTSIDE_ACL, _subscribed(back, "temp"))

    run(test())
