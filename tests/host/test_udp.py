"""Sessions over UDP between buses of this host, on real sockets."""

import asyncio
import hashlib
import random
import socket
import sys

import pytest

from bad_path import Copier, Proxy
from dsoftbus.const import DATAGRAM_MAX, HOST
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LINK_DOWN, BusError, PeerError
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.clock import now_ms
from dsoftbus_host.links import udp
from portable import TIMEOUT_S

BULK = bytes(range(256)) * (8 << 12)  # 8 MB
KEYS = [bytes((n,)) * 32 for n in range(1, 8)]


async def echo(_connection, stream):
    async for chunk in stream:
        await stream.write(chunk)


async def swallow(_connection, stream):
    digest = hashlib.sha256()
    async for chunk in stream:
        digest.update(chunk)
    await stream.write(digest.digest())


async def give(_connection, stream):
    await stream.write(BULK)


async def server(key=KEYS[0], link="udp", **options):
    bus = BareBus(key, allow=ANYONE, **options)
    for name, handler in (("echo", echo), ("swallow", swallow), ("give", give)):
        bus.on_stream(name, handler)
    return bus, await bus.listen(link=link)


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))


async def check_echo(connection, data=b"x" * 5000):
    async with await connection.open("echo") as stream:
        await stream.write(data)
        await stream.finish()
        assert await stream.read() == data


async def check_bulk(connection):
    """8 MB each way, one after the other, with equal hashes."""
    stream = await connection.open("swallow")
    await stream.write(BULK)
    await stream.finish()
    assert await stream.read() == hashlib.sha256(BULK).digest()
    stream = await connection.open("give")
    assert hashlib.sha256(await stream.read()).digest() == hashlib.sha256(BULK).digest()


def test_8_mb_each_way():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            assert connection.peer_id == bus.id
            await check_bulk(connection)
            await connection.close()

    run(main())


def test_8_mb_through_a_bad_proxy():
    async def main():
        bus, port = await server()
        proxy = Proxy(port)
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", proxy.port, bus.public, link="udp")
            await check_bulk(connection)
        proxy.close()

    run(main())


def test_several_sessions_share_one_socket():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            connect = [
                client.connect("127.0.0.1", port, bus.public, link="udp") for _ in range(10)
            ]
            connections = await asyncio.gather(*connect)
            await asyncio.gather(*(check_echo(c) for c in connections))
            assert len(bus.node.sessions) == 10
            await asyncio.gather(*(c.close() for c in connections))
            assert not client.node.sessions

    run(main())


def test_a_session_survives_a_change_of_port_and_address():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            await check_echo(connection)
            here = bus.node.sessions[0]
            for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind((address, 0))
                place = sock.getsockname()
                connection.port.rebind(sock)
                await check_echo(connection)
                assert here.path == place and bus.node.sessions == [here]
            assert here.moves == 3

    run(main())


def test_both_ways_of_a_bulk_transfer_survive_a_change_of_address():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            up, down = await connection.open("swallow"), await connection.open("give")
            digest = hashlib.sha256()

            async def push():
                for at in range(0, len(BULK), 1 << 18):
                    await up.write(BULK[at : at + (1 << 18)])
                    if at == len(BULK) // 2:
                        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        sock.bind(("127.0.0.2", 0))
                        connection.port.rebind(sock)
                await up.finish()
                return await up.read()

            async def pull():
                async for chunk in down:
                    digest.update(chunk)

            answer, _ = await asyncio.gather(push(), pull())
            assert answer == digest.digest() == hashlib.sha256(BULK).digest()
            session = bus.node.sessions[0]
            assert session.moves == 1 and session.path[0] == "127.0.0.2"

    run(main())


def test_copies_from_elsewhere_bring_nothing_there():
    """They are at the server first, each of them; the session stays where its peer is."""

    async def main():
        bus, port = await server()
        copier = Copier(port)
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", copier.port, bus.public, link="udp")
            stream = await connection.open("give")
            assert hashlib.sha256(await stream.read()).digest() == hashlib.sha256(BULK).digest()
            here = bus.node.sessions[0]
            assert here.path == copier.inner.getsockname() and here.moves == 0
        assert copier.sent_bytes > 10000
        assert 0 < copier.got_bytes <= min(copier.sent_bytes, 5000)
        copier.close()

    run(main())


def test_addresses_that_nothing_can_be_sent_to_end_nothing():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            await check_echo(connection)
            theirs, ours = connection.session, bus.node.sessions[0]
            here = ours.path
            endpoint = bus._ports[0].endpoint
            for path in (("127.0.0.1", 0), ("255.255.255.255", port), ("224.0.0.1", port)):
                packet = bytearray(100)
                packet[9] = 3  # a PROBE
                n = theirs.protection.seal(packet, 9, 10, packet)
                endpoint.receive_datagram(packet, path, now_ms(), n)
                bus._ports[0].turn()
                await check_echo(connection)
                assert ours.path == here and ours.moves == 0

    run(main())


def test_unreliable_messages():
    async def main():
        bus = BareBus(KEYS[0], allow=ANYONE)
        port = await bus.listen(link="udp")
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            other = await bus.accept()
            assert connection.send_datagram(b"ping")
            assert await other.recv_datagram() == b"ping"
            assert other.send_datagram(b"pong")
            assert await connection.recv_datagram() == b"pong"
            await connection.close()
            with pytest.raises(BusError):
                await other.recv_datagram()

    run(main())


def test_auto_falls_back_once_and_says_so(caplog):
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as client:
            caplog.set_level("INFO", "dsoftbus")
            connection = await client.connect("127.0.0.1", port, bus.public, link="auto")
            await check_echo(connection)
        assert "falling back to udp" in caplog.text

    run(main())


def test_auto_prefers_tcp_and_strict_links_never_fall_back():
    async def main():
        bus, port = await server(link="auto")
        tcp_only, tcp_port = await server(KEYS[2], link="tcp")
        async with bus, tcp_only, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="auto")
            assert not hasattr(connection, "send_datagram")
            with pytest.raises(PeerError) as caught:
                await client.connect(
                    "127.0.0.1", tcp_port, tcp_only.public, timeout_ms=300, link="udp"
                )
            refused = sys.platform == "linux"  # elsewhere nobody hears of a closed port
            assert caught.value.code == (END_LINK_DOWN if refused else END_HANDSHAKE_TIMEOUT)
            with pytest.raises(BusError):
                await client.connect("127.0.0.1", port, bus.public, link="carrier pigeon")

    run(main())


def test_ipv6():
    async def main():
        bus = BareBus(KEYS[0], allow=ANYONE)
        try:
            port = await bus.listen("::1", 0, "udp")
        except OSError:
            pytest.skip("no IPv6 here")
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("::1", port, bus.public, link="udp")
            assert connection.session.moves == 0

    run(main())


def test_garbage_on_the_port():
    async def main():
        bus, port = await server()
        noise = random.Random(2)
        async with bus, BareBus(KEYS[1]) as client:
            connection = await client.connect("127.0.0.1", port, bus.public, link="udp")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for _ in range(300):
                    sock.sendto(noise.randbytes(noise.randrange(1500)), ("127.0.0.1", port))
            await check_echo(connection)
            assert sum(bus._ports[0].endpoint.drops.count) > 250

    run(main())


def test_datagrams_leave_whole_or_else_keep_to_1200_bytes(monkeypatch):
    for family, level, option in (
        (socket.AF_INET, socket.IPPROTO_IP, 10),
        (socket.AF_INET6, socket.IPPROTO_IPV6, 23),
    ):
        link = udp.UdpLink(socket.socket(family, socket.SOCK_DGRAM))
        if sys.platform == "linux":
            assert link.socket.getsockopt(level, option) == 3  # IP_PMTUDISC_PROBE
            assert link.mtu == HOST.datagram_bytes
        link.close()
    monkeypatch.setattr(udp, "_WHOLE", {})
    link = udp.UdpLink(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    assert link.mtu == DATAGRAM_MAX
    link.close()


def test_bulk_goes_in_long_datagrams():
    async def main():
        bus, port = await server()
        async with bus, BareBus(KEYS[1]) as other:
            connection = await other.connect("127.0.0.1", port, bus.public, link="udp")
            await check_bulk(connection)
            assert connection.session.reliable.path_mtu.size == HOST.datagram_bytes

    run(main())
