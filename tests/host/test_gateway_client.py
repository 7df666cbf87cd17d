"""The client of a gateway at brokers that are gone, silent or slow, refuse, or talk junk."""

import asyncio
import contextlib
import sys

import pytest

from dsoftbus.errors import Unsupported
from dsoftbus_host.broker.url import BrokerUrl
from dsoftbus_host.gateway import client
from dsoftbus_host.gateway.client import Client
from dsoftbus_host.gateway.outbox import Publish
from free_ports import free_port

pytest.importorskip("paho.mqtt.client")
CONNACK = bytes.fromhex("20020000")
LARGE = 100_000
LIMIT_S = 30


class Listener:
    """A gateway, as its client has it; `left` messages wait to be taken."""

    def __init__(self, left=0):
        self.left = left
        self.said = []
        self.got = []
        self.news = asyncio.Event()

    def on_up(self):
        self._note("up")

    def on_down(self, why):
        self._note(why)

    def on_message(self, topic, payload, retained):
        self.got.append((topic, payload, retained))
        self.news.set()

    def next_message(self):
        if not self.left:
            return None
        self.left -= 1
        return Publish("topic", bytes(LARGE), False)

    def subscriptions(self):
        return ["filter/#"]

    def _note(self, what):
        self.said.append(what)
        self.news.set()

    async def until(self, condition):
        while not condition():
            self.news.clear()
            await self.news.wait()


async def read_packet(reader):
    """(first byte, body) of one packet."""
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(size)


@contextlib.asynccontextmanager
async def at(serve, listener, **more):
    """A client at a broker that does as `serve(reader, writer)` says with each connection."""
    tasks = set()

    async def one(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    port = free_port()
    server = await asyncio.start_server(one, "127.0.0.1", port)
    made = Client(
        BrokerUrl("127.0.0.1", port, False, **more), "me", Publish("will", b"x", True), listener
    )
    running = asyncio.ensure_future(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        await server.wait_closed()


def within(test):
    asyncio.run(asyncio.wait_for(test, LIMIT_S))


@pytest.fixture
def hasty(monkeypatch):
    """It waits for less between attempts."""
    monkeypatch.setattr(client, "_FIRST_S", 0.02)
    monkeypatch.setattr(client, "_LONGEST_S", 0.05)


async def welcome(reader, writer):
    connect = await read_packet(reader)
    writer.write(CONNACK)
    _, subscribe = await read_packet(reader)
    writer.write(b"\x90\x03" + subscribe[:2] + b"\x00")
    return connect


async def silent(reader, writer):
    await asyncio.Event().wait()


async def junk(reader, writer):
    writer.write(bytes(range(255)) * 10)
    await asyncio.Event().wait()


async def gone(reader, writer):
    pass


async def refusing(reader, writer):
    await read_packet(reader)
    writer.write(bytes.fromhex("20020005"))
    await reader.read()


async def wrong_login(reader, writer):
    await read_packet(reader)
    writer.write(bytes.fromhex("20020004"))
    await reader.read()


async def no_subscription(reader, writer):
    await read_packet(reader)
    writer.write(CONNACK)
    _, subscribe = await read_packet(reader)
    writer.write(b"\x90\x03" + subscribe[:2] + b"\x80")
    await reader.read()


@pytest.mark.parametrize(
    "serve, words",
    [
        (junk, ""),
        (gone, ""),
        (refusing, "the broker refuses the login: Not authorized"),
        (wrong_login, "the broker refuses the login: Bad user name or password"),
        (no_subscription, "the broker refuses a subscription"),
    ],
)
def test_a_broker_that_is_no_good_is_told_of_and_tried_again(hasty, serve, words):
    async def test():
        listener = Listener()
        async with at(serve, listener):
            await listener.until(lambda: len(listener.said) >= 3)
        assert "up" not in listener.said
        assert all(words in why and why for why in listener.said), listener.said

    within(test())


def test_a_broker_that_is_silent(hasty, monkeypatch):
    monkeypatch.setattr(client, "_CONNECT_S", 0.1)

    async def test():
        listener = Listener()
        async with at(silent, listener):
            await listener.until(lambda: len(listener.said) >= 2)
        assert set(listener.said) == {"the broker does not answer"}

    within(test())


def test_nobody_listens(hasty):
    async def test():
        listener = Listener()
        broker = BrokerUrl("127.0.0.1", free_port(), False)
        made = Client(broker, "me", Publish("will", b"x", True), listener)
        running = asyncio.ensure_future(made.run())
        await listener.until(lambda: len(listener.said) >= 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert all("refused" in why for why in listener.said)

    within(test())


def test_it_comes_back_and_says_its_will_and_login(hasty):
    connects = []

    async def once(reader, writer):
        connects.append((await welcome(reader, writer))[1])
        await asyncio.sleep(0.01)

    async def test():
        listener = Listener()
        async with at(once, listener, user="me", password="secret"):
            await listener.until(lambda: listener.said.count("up") >= 3)
        assert all(
            b"will" in one and one.endswith(b"\x00\x02me\x00\x06secret") for one in connects
        )
        ups = [n for n, what in enumerate(listener.said) if what == "up"]
        assert all("up" not in listener.said[n + 1 : n + 2] for n in ups), listener.said

    within(test())


def test_a_slow_broker_is_not_overrun():
    """The client takes no more than the socket does; the rest waits in the gateway's queue."""
    reads = asyncio.Event()

    async def slow(reader, writer):
        await welcome(reader, writer)
        await reads.wait()
        while await reader.read(1 << 20):
            pass

    async def test():
        listener = Listener(left=1000)  # 100 MB
        async with at(slow, listener) as made:
            await listener.until(lambda: "up" in listener.said)
            for _ in range(50):
                made.wake()
                await asyncio.sleep(0)
            taken = 1000 - listener.left
            assert 0 < taken < 200
            for _ in range(50):
                made.wake()
                await asyncio.sleep(0)
            assert 1000 - listener.left == taken
            reads.set()
            while listener.left:
                await asyncio.sleep(0.01)

    within(test())


def test_messages_come_with_whether_they_were_retained():
    async def serve(reader, writer):
        await welcome(reader, writer)
        writer.write(b"\x30\x08\x00\x03a/bone" + b"\x31\x05\x00\x03a/b")
        writer.write(b"\x30\x05\x00\x03\xff\xff\xff" + b"\x30\x05\x00\x03end")
        await asyncio.Event().wait()

    async def test():
        listener = Listener()
        async with at(serve, listener):
            await listener.until(lambda: len(listener.got) >= 3)
        assert listener.got == [("a/b", b"one", False), ("a/b", b"", True), ("end", b"", False)]

    within(test())


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(Unsupported, match=r"pip install 'dsoftbus\[mqtt\]'"):
        client.paho()
