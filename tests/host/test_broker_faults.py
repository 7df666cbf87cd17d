"""Bad brokers, and strangers at good ones: what a session, a node and the others there bear."""

import asyncio
import os
import random

import pytest

from dsoftbus.broker.cards import Cards
from dsoftbus.broker.group import EPOCH_S, Group
from dsoftbus.broker.letters import LETTER_MAX, Letters
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import BROKER_GONE, BROKER_REFUSED, BusError
from dsoftbus.identity import device_id
from dsoftbus_host import BareBus, crypto
from dsoftbus_host.broker import meeting, port
from fake_broker import FakeBroker
from meeting_nodes import SECRET, Nodes, cards_of, drops_of, link_of, run, until
from node_pair import A, B

SUITE = crypto.suite()
THIRD = bytes([9]) * 32


async def called(desk, attic, times: int = 5) -> None:
    """The session between them works."""
    for value in range(times):
        assert await desk.peer(attic.id).call("double", value, 30000) == 2 * value


def on_letters(fault):
    """`fault(topic, payload)` for letters alone; cards go their way."""
    return lambda topic, payload: (
        fault(topic, payload) if payload[:1] == b"\x01" else [(topic, payload)]
    )


def lost(chance):
    return lambda topic, payload: [] if chance.random() < 0.2 else [(topic, payload)]


def doubled(_chance):
    return lambda topic, payload: [(topic, payload)] * 3


def reordered(_chance):
    held = []

    def fault(topic, payload):
        held.append((topic, payload))
        if len(held) < 2:
            return []
        found = held[::-1]
        held.clear()
        return found

    return fault


def changed(chance):
    def fault(topic, payload):
        wrong = bytearray(payload)
        if chance.random() < 0.2:
            wrong[chance.randrange(len(wrong))] ^= 1 << chance.randrange(8)
        return [(topic, bytes(wrong))]

    return fault


def mixed_up(_chance):
    """Each letter also goes to every other inbox that it has seen."""
    topics = {}

    def fault(topic, payload):
        topics[topic] = None
        return [(each, payload) for each in topics]

    return fault


@pytest.mark.parametrize("kind", [lost, doubled, reordered, changed, mixed_up])
def test_a_session_bears_what_a_bad_network_does(kind, tmp_path):
    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic, 1)
                broker.fault = on_letters(kind(random.Random(7)))
                await called(desk, attic)
                if kind in (changed, mixed_up):
                    both = {**drops_of(attic), **drops_of(desk)}
                    assert both.get("broker.drop.not_from_group")

    run(test())


def test_it_is_gone_at_the_start_and_comes(tmp_path):
    async def test():
        broker = FakeBroker()
        await broker.start()
        await broker.stop()
        nodes = Nodes(tmp_path, broker.url)
        async with nodes.attic() as attic, nodes.desk() as desk:
            with pytest.raises(BusError) as gone:
                await desk.connect("home", 0, attic.public, 300, link="mqtt")
            assert gone.value.code == BROKER_GONE
            await broker.start()
            await called(desk, attic)
            await broker.stop()

    run(test())


def test_one_that_greets_nobody_holds_nothing_up(tmp_path):
    async def test():
        async with FakeBroker() as broker:
            broker.silent = True
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, BareBus(B) as friend:
                session = await friend.connect("127.0.0.1", attic.port, attic.public)
                assert await session.call("double", 4) == 8  # another link
                with pytest.raises(BusError) as gone:
                    await attic.connect("home", 0, friend.public, 300, link="mqtt")
                assert gone.value.code == BROKER_GONE

    run(test())


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 77])
def test_a_refusal_is_in_words(code, tmp_path):
    async def test():
        async with FakeBroker() as broker:
            broker.connack = code
            async with Nodes(tmp_path, broker.url).attic() as attic:
                await until(lambda: link_of(attic).connection.why)
                assert link_of(attic).connection.why
                with pytest.raises(BusError) as refused:
                    await attic.connect("home", 0, bytes(31) + b"\1", 200, link="mqtt")
                assert refused.value.code == (BROKER_REFUSED if code in (2, 4, 5) else BROKER_GONE)

    run(test())


def test_user_and_password_go_to_the_broker_and_nowhere_else(tmp_path, caplog):
    caplog.set_level("DEBUG")

    async def test():
        async with FakeBroker() as broker:
            url = f"mqtt://me:%C3%A4%20secret@127.0.0.1:{broker.port}"
            async with Nodes(tmp_path, url).attic() as attic:
                await until(lambda: link_of(attic).connection.is_open)
                await broker.stop()
                await until(lambda: link_of(attic).connection.why)
            assert broker.logins == ["me ä secret".encode()]

    run(test())
    assert "me:...@" in caplog.text
    assert "secret" not in caplog.text


def test_a_broker_that_ends_connections_for_size(tmp_path):
    """The longest letter ends the sender's connection: it is back, and the session goes on."""

    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic, 1)
                session = desk.connections(attic.id)[0]
                broker.most = 600
                with pytest.raises((BusError, asyncio.TimeoutError)):
                    await session.call("double", "x" * 3000, 1500)
                broker.most = 1 << 20
                await until(lambda: link_of(desk).connection.is_open)
                await called(desk, attic, 2)
                assert link_of(desk).connection.opened > 1

    run(test())


def test_old_retained_messages_are_passed_over(tmp_path):
    """Cards that have expired, of another day, and what is none."""

    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            cards = Cards(nodes.group, SUITE.cipher, os.urandom)
            public = SUITE.keypair(THIRD).public
            said = Announcement(device_id(public), public, (), (), "third")
            now_s = port.unix_s()
            for at_s in (now_s - 3000, now_s - EPOCH_S):
                topic, payload = cards.card(said.id, said.encode(), 600, at_s)
                broker.retained[topic] = payload
            for n, payload in enumerate((b"", b"x", b"\x02" * 285, b"\x01" * 400)):
                broker.retained[nodes.group.at(now_s).card_topic(bytes([n]) * 10)] = payload
            broker.retained[nodes.group.clock_topic] = b"no clock"
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic, 1)
                assert attic.peers.get(said.id) is None
                dropped = cards_of(attic)
                assert dropped["broker.drop.expired"] >= 1
                assert dropped["broker.drop.malformed"] == 2
                assert dropped["broker.drop.not_from_group"] == 1

    run(test())


def test_a_stranger_who_publishes_into_inboxes_and_replays(tmp_path):
    """He reads all, says it again, and says other things: the session and its peers go on."""

    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic)
                for topic, payload in broker.seen[-20:]:
                    for wrong in (payload, payload[:-1], payload + b"x", os.urandom(200)):
                        broker.publish(topic, wrong)
                await called(desk, attic)
                assert len(desk.connections(attic.id)) == 1
                assert "broker.drop.not_from_group" in {**drops_of(attic), **drops_of(desk)}

    run(test())


def test_yesterday_s_letters_of_the_group_are_too_old(tmp_path):
    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic:
                await until(lambda: link_of(attic).connection.is_open)
                letters = Letters(nodes.group, "z" * 26)
                then = port.unix_s() - EPOCH_S
                out = bytearray(LETTER_MAX)
                path = letters.path_to(attic.id, then)
                stop = letters.seal(out, 0, bytes(100), 100, path, then)
                await until(lambda: broker.seen)  # it has subscribed before it says who it is
                broker.publish(letters.topic_to(path, then), bytes(out[:stop]))
                await until(lambda: drops_of(attic))
                assert drops_of(attic) == {"broker.drop.too_old": 1}

    run(test())


def test_a_flood_into_one_inbox_leaves_the_others_alone(tmp_path):
    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with (
                nodes.attic() as attic,
                nodes.desk() as desk,
                nodes.bus("third", THIRD, A, B) as third,
            ):
                await called(desk, attic)
                topic = link_of(attic).letters.topics(port.unix_s())[1]
                for i in range(2000):
                    broker.publish(topic, b"\x01" + os.urandom(60))
                    if not i % 100:
                        await asyncio.sleep(0)
                await called(desk, attic)  # who is in a session is heard in the flood
                drops = drops_of(attic)
                assert drops["broker.drop.over_budget"] > drops["broker.drop.not_from_group"]
                assert drops_of(desk) == drops_of(third) == {}

    run(test())


def test_a_node_that_claims_another_s_will(tmp_path):
    """A goodbye in another's slot is nothing, and one in another's name a hint: the session goes
    on, and the next card says that its node is there."""

    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic)
                cards = Cards(nodes.group, SUITE.cipher, os.urandom)
                now_s = port.unix_s()
                public = SUITE.keypair(THIRD).public
                mine = Announcement(device_id(public), public)
                mine.lifetime_s, mine.sequence = 0, 1 << 29
                topic, payload = cards.card(attic.id, mine.encode(), 0, now_s)
                broker.publish(topic, payload, True)
                await until(lambda: cards_of(desk).get("broker.drop.wrong_slot"))
                peer = desk.peers.get(attic.id)
                assert peer.online and peer.broker
                theirs = Announcement(attic.id, attic.public)
                theirs.lifetime_s, theirs.sequence = 0, peer.sequence + 1
                broker.publish(*cards.card(attic.id, theirs.encode(), 0, now_s), True)
                await until(lambda: peer.broker is None)
                await called(desk, attic)
                link_of(attic).meeting.announce_soon()
                link_of(attic).meeting.announce_soon()
                await until(lambda: len(broker.seen) and peer.broker is not None)

    run(test())


def test_a_connection_that_breaks_is_told_by_the_will(tmp_path):
    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.desk() as desk, nodes.attic() as attic:
                await until(lambda: (p := desk.peers.get(attic.id)) is not None and p.online)
                peer = desk.peers.get(attic.id)
                connection = link_of(attic).connection
                connection._socket.shutdown(2)
                await until(lambda: peer.broker is None)
                await until(lambda: peer.broker is not None)  # it is back
                await called(desk, attic, 1)

    run(test())


def test_a_session_goes_on_over_midnight(tmp_path, monkeypatch):
    """The inboxes of a new day are listened to, and the session moves there."""
    ahead = [0]
    real = port.unix_s
    base = real() // EPOCH_S * EPOCH_S + EPOCH_S - 30  # shortly before midnight

    def unix_s() -> int:
        return base + ahead[0]

    monkeypatch.setattr(port, "unix_s", unix_s)
    monkeypatch.setattr(meeting, "unix_s", unix_s)

    async def test():
        async with FakeBroker() as broker:
            nodes = Nodes(tmp_path, broker.url)
            async with nodes.attic() as attic, nodes.desk() as desk:
                await called(desk, attic)
                session = desk.connections(attic.id)[0].session
                before = session.path
                for day in range(3):
                    ahead[0] = 60 + day * EPOCH_S
                    for bus in (attic, desk):
                        link_of(bus).meeting._on_timer()
                    await called(desk, attic)
                    await until(lambda path=before: session.path != path)
                    before = session.path
                    await called(desk, attic)
                assert desk.connections(attic.id)[0].session is session
                group = Group(SECRET)
                cards = [group.at(unix_s()).cards, group.at(unix_s() - EPOCH_S).cards]
                assert cards[0] in "".join(broker.retained)
                assert cards[1] not in "".join(broker.retained)  # the day before is cleared

    run(test())
