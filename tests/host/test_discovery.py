"""Discovery and trust of hosts on real sockets, all on loopback."""

import asyncio
import os
import socket
from contextlib import asynccontextmanager

import pytest

from dsoftbus.const import (
    ANNOUNCE_MAX,
    EV_OFFLINE,
    EV_ONLINE,
    EV_PAIR_DIGITS,
    EV_PAIRED,
    EV_UNPAIRED,
    LINK_STREAM,
)
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import NOT_PAIRED, TRUST_REVOKED, BusError
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.clock import now_ms, sequence_start
from dsoftbus_host.discovery.discovery import Discovery
from dsoftbus_host.discovery.interfaces import LOOPBACK, all_interfaces, of
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep.file_watch import FileWatch
from free_ports import free_port
from portable import TIMEOUT_S


class Found:
    """A node that listens, looks around, and notes what it is told."""

    def __init__(self, folder, name: str, discovery_port: int, grants=("both *",), key=None):
        self.key = key or os.urandom(32)
        self.file = StoreFile(folder / f"{name}.json")
        rules = [grant("allow " + text) for text in grants]
        self.guard = Guard(self.file.store, os.urandom, lambda: 1, rules)
        self.bus = BareBus(self.key, name, guard=self.guard)
        self.events = []
        self.watch = FileWatch(self.bus, self.events.append, self.file)
        self.discovery_port = discovery_port

    async def __aenter__(self):
        self.port = await self.bus.listen(link="auto")
        self.watch.start()
        self.discovery = Discovery(
            self.bus,
            self.watch,
            self.port,
            ("echo",),
            [LOOPBACK],
            self.discovery_port,
        )
        self.discovery.start()
        self.bus.on_stream("echo", _echo)
        return self

    async def __aexit__(self, *_):
        self.discovery.stop()
        await self.bus.close()
        self.watch.stop()

    def kinds(self, peer) -> list:
        return [event.kind for event in self.events if event.peer == peer.bus.id]

    async def until(self, kind: int, peer):
        """Waits for an event of this kind about `peer`."""
        return await until(
            lambda: next((e for e in self.events if (e.kind, e.peer) == (kind, peer.bus.id)), None)
        )

    def peer(self, other):
        return self.bus.node.peers.get(other.bus.id)


async def _echo(connection, stream):
    await stream.write(await stream.read())


async def until(condition):
    async def look():
        while not (found := condition()):
            await asyncio.sleep(0.01)
        return found

    return await asyncio.wait_for(look(), TIMEOUT_S)


async def echoed(connection) -> bytes:
    async with await connection.open("echo") as stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


@pytest.fixture
def port() -> int:
    return free_port()


@asynccontextmanager
async def two(folder, port):
    async with Found(folder, "a", port) as a, Found(folder, "b", port) as b:
        yield a, b


async def pair(a, b, link="tcp") -> None:
    b.guard.desk.open(now_ms())
    connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public, link=link)
    a.guard.pair(connection.session, now_ms())
    shown = [(await at.until(EV_PAIR_DIGITS, other)).about for at, other in ((a, b), (b, a))]
    assert shown[0].pairing.digits == shown[1].pairing.digits
    for at, control in zip((a, b), shown, strict=True):
        at.guard.confirm(control.pairing.digits)
    await a.until(EV_PAIRED, b)
    await b.until(EV_PAIRED, a)
    await connection.close()


def run(test):
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


def test_two_nodes_of_one_machine_find_each_other_and_take_leave(tmp_path, port):
    async def test():
        async with Found(tmp_path, "a", port) as a:
            async with Found(tmp_path, "b", port) as b:
                await a.until(EV_ONLINE, b)
                await b.until(EV_ONLINE, a)
                peer = a.peer(b)
                assert (peer.name, peer.services, peer.public) == ("b", ("echo",), b.bus.public)
                assert peer.routes() == [(LINK_STREAM, "127.0.0.1", b.port)]
            await a.until(EV_OFFLINE, b)

    run(test())


def test_a_probe_finds_who_hears_no_multicast(tmp_path, port):
    async def test():
        other = free_port()  # a network of its own: nothing said to all crosses over
        async with Found(tmp_path, "a", port) as a, Found(tmp_path, "b", other) as b:
            a.discovery.probe("127.0.0.1", other)
            await a.until(EV_ONLINE, b)
            await b.until(EV_ONLINE, a)

    run(test())


def test_a_configured_peer_needs_no_announcement(tmp_path, port):
    async def test():
        async with two(tmp_path, port) as (a, b):
            b.guard.store.add_rule(rule("allow in * echo"))
            stranger = BareBus(os.urandom(32))
            a.discovery.static(stranger.public, LINK_STREAM, "127.0.0.1", 9)
            fixed = a.bus.node.peers.get(stranger.id)
            assert fixed.routes() == [(LINK_STREAM, "127.0.0.1", 9)]

    run(test())


def test_forged_packets_change_nothing(tmp_path, port):
    async def test():
        async with two(tmp_path, port) as (a, b):
            await a.until(EV_ONLINE, b)
            forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            lie = Announcement(b.bus.id, os.urandom(32), ((LINK_STREAM, 9),))
            for packet in (b"", b"NXSB", lie.encode(), bytes(ANNOUNCE_MAX + 1)):
                forger.sendto(packet, ("127.0.0.1", a.discovery.multicast.own_port))
            forger.close()
            peers = a.bus.node.peers
            await until(lambda: len(peers.drops) >= 3)
            assert a.peer(b).online
            assert len(peers) == 1

    run(test())


def test_strangers_pair_restart_and_need_no_pairing_again(tmp_path, port):
    async def test():
        async with two(tmp_path, port) as (a, b):
            with pytest.raises(BusError) as refused:
                connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public)
                await echoed(connection)
            assert refused.value.code == NOT_PAIRED
            await pair(a, b)
            keys = a.key, b.key
        a, b = (Found(tmp_path, name, port, key=key) for name, key in zip("ab", keys, strict=True))
        async with a, b:
            connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public)
            assert await echoed(connection) == b"hello"
            assert a.peer(b).known
            assert b.bus.node.unpair(a.bus.id)
            await connection.ended()
            assert connection.session.peer_code == TRUST_REVOKED
            await b.until(EV_UNPAIRED, a)
            assert len(StoreFile(b.file.path).store) == 0
            connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public)
            await connection.ended()
            assert connection.session.peer_code == NOT_PAIRED

    run(test())


def test_strangers_pair_over_datagrams(tmp_path, port):
    async def test():
        async with two(tmp_path, port) as (a, b):
            await pair(a, b, "udp")
            connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public, link="udp")
            assert await echoed(connection) == b"hello"
            assert b.bus.node.unpair(a.bus.id)
            await connection.ended()
            assert connection.session.peer_code == TRUST_REVOKED

    run(test())


def test_what_a_command_writes_to_the_store_takes_effect_on_live_sessions(tmp_path, port):
    async def test():
        async with two(tmp_path, port) as (a, b):
            await pair(a, b)
            connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public)
            assert await echoed(connection) == b"hello"  # it lives on both sides
            other = StoreFile(b.file.path)  # as `dsoftbus unpair` does
            assert other.store.remove(a.bus.id)
            other.save()
            await asyncio.wait_for(connection.ended(), TIMEOUT_S)
            assert connection.session.peer_code == TRUST_REVOKED
            assert b.kinds(a)[-1] == EV_UNPAIRED

    run(test())


def test_a_store_that_cannot_be_used_leaves_a_node_with_what_it_knows(tmp_path, port, caplog):
    async def test():
        async with two(tmp_path, port) as (a, b):
            await pair(a, b)
            b.file.path.unlink()
            b.file.path.mkdir()  # what stands there now cannot be read
            while "stays as it was" not in caplog.text:
                await asyncio.sleep(0.05)
            connection = await a.bus.connect("127.0.0.1", b.port, b.bus.public)
            assert await echoed(connection) == b"hello"
            await connection.close()

    run(test())


def test_interfaces_of_this_host():
    assert LOOPBACK in all_interfaces()
    assert of("192.0.2.9/24") == ("192.0.2.9", "192.0.2.255")


def test_a_command_right_after_another_is_no_replay(monkeypatch):
    """One that finds, asks and says goodbye sends some four announcements in half a second."""
    clock = [1800000000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    first = sequence_start()
    clock[0] += 0.5
    assert 4 < sequence_start() - first < 65536


def test_who_only_asks_finds_others_and_is_no_node_to_them(tmp_path):
    """Not even to those that know its key: a node with that stays what it is."""

    async def test():
        port = free_port()
        key = os.urandom(32)
        async with (
            Found(tmp_path, "hall", port) as hall,
            Found(tmp_path, "own", port, key=key) as own,
        ):
            await hall.until(EV_ONLINE, own)
            known = hall.peer(own).sequence
            bus = BareBus(key)
            watch = FileWatch(bus, print)
            peers = bus.node.discover()
            heard = hall.bus.node.peers
            with watch, Discovery(bus, watch, interfaces=[LOOPBACK], discovery_port=port):
                await until(lambda: peers.get(hall.bus.id))
                assert peers.get(hall.bus.id).routes()
            await bus.close()
            own.discovery.announce_soon()
            await until(lambda: hall.peer(own).sequence > known)  # what was said before is heard
            assert [peer.id for peer in heard] == [own.bus.id]
            assert hall.peer(own).online
            assert hall.kinds(own) == [EV_ONLINE]

    asyncio.run(asyncio.wait_for(test(), TIMEOUT_S))
