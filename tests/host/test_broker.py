"""Nodes that share nothing but a broker: real brokers, and this host's link to them."""

import asyncio
import hashlib

import pytest

import real_brokers as brokers
from dsoftbus.broker import group_token
from dsoftbus.broker.group import Group
from dsoftbus.const import LINK_BROKER
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus, Bus
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from node_pair import A, B

MB = 1 << 20
LONG_S = 60  # a busy machine


def broker_of(name: str, folder):
    kind = brokers.KINDS[name]
    if kind.missing():
        pytest.skip(kind.missing())
    return brokers.Broker(kind(folder))


@pytest.fixture(params=list(brokers.KINDS))
def broker(request, tmp_path):
    with broker_of(request.param, tmp_path) as broker:
        yield broker


@pytest.fixture
def mosquitto(tmp_path):
    with broker_of("mosquitto", tmp_path) as broker:
        yield broker


def run(coroutine) -> None:
    """Runs it in real time: brokers are processes of their own."""
    complaints = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(found))
        await coroutine

    asyncio.run(watched())
    assert not complaints, complaints


class Nodes:
    """Two nodes that trust each other and meet at a broker; on networks they do not hear each
    other."""

    def __init__(self, folder, url: str, trusted: bool = True) -> None:
        self.group = Group(bytes(range(32)), "home", url)
        self.token = group_token.encode(self.group)
        self.folder = folder
        self._trusted = trusted

    def bus(self, name: str, key: bytes, *friends: bytes, **more) -> Bus:
        path = self.folder / f"{name}.json"
        if not path.exists() and self._trusted:
            file = StoreFile(path)
            for friend in friends:
                entry = Entry(BareBus(friend).public, "friend", [grant("allow both *")])
                file.store.add(entry)
            file.save()
        more = {"groups": [self.token], **more}
        return Bus(
            name,
            key=key,
            trust=path,
            host="127.0.0.1",
            interfaces=[LOOPBACK],
            discovery_port=free_port(),  # each has its own, so that they do not meet
            **more,
        )

    def attic(self, **more) -> Bus:
        return self.bus("attic", A, B, **more)

    def desk(self, **more) -> Bus:
        return self.bus("desk", B, A, **more)


async def until(true, what: str = "") -> None:
    async def wait() -> None:
        while not true():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), LONG_S)


def test_call_subscribe_share_and_a_broker_that_is_killed(broker, tmp_path):
    """The way through each broker, with a restart in between."""
    nodes = Nodes(tmp_path, broker.url)
    data = bytes(range(256)) * (MB // 256)
    (tmp_path / "served").mkdir()
    (tmp_path / "big").write_bytes(data)

    async def test():
        async with nodes.attic() as attic, nodes.desk() as desk:
            attic.share(tmp_path / "served")

            @attic.call("double")
            async def double(connection, value):
                return 2 * value

            attic.publish("heat", 21)
            peer = desk.peer(attic.id)
            assert await peer.call("double", 21) == 42
            session = desk.connections(attic.id)[0]
            assert session.session.route == (LINK_BROKER, "home", 0)
            updates = desk.subscribe("heat")
            update = await asyncio.wait_for(updates.__anext__(), LONG_S)
            assert update.value == 21
            broker.kill()
            attic.publish("heat", 22)
            broker.start()
            update = await asyncio.wait_for(updates.__anext__(), LONG_S)
            assert update.value == 22
            assert desk.connections(attic.id)[0] is session  # it has lived on
            await peer.send(tmp_path / "big")
            stored = (tmp_path / "served" / "big").read_bytes()
            assert hashlib.sha256(stored).digest() == hashlib.sha256(data).digest()

    run(test())
