"""A node's listening addresses, and those that it announces: on loopback only."""

import asyncio
import contextlib
import socket
import sys

import pytest

from dsoftbus.errors import END_LINK_DOWN, PeerError
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.discovery import interfaces
from dsoftbus_host.discovery.interfaces import LOOPBACK, Interface, listened, reachable, sources
from dsoftbus_host.discovery.multicast import Multicast
from dsoftbus_host.links.listening import EVERYWHERE
from dsoftbus_host.links.refusals import Refusals
from free_ports import free_port
from portable import TIMEOUT_S

A, B = bytes([1]) * 32, bytes([2]) * 32
LAN = Interface("192.0.2.5", "192.0.2.255")
LINKS = ("tcp", "udp")


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))


async def reaches(client, host, port, server, link):
    """Returns whether `client` has a session with `server` there."""
    try:
        connection = await client.connect(host, port, server.public, 2000, link=link)
    except PeerError as error:
        assert error.code == END_LINK_DOWN
        return False
    await connection.close()
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a closed UDP port is silent")
@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1", "127.0.0.2"]),
        ("::1", ["::1"]),
        ("::", ["::1"]),
        (EVERYWHERE, ["127.0.0.1", "127.0.0.2", "::1"]),
    ],
)
def test_each_family_has_its_own_sockets_over_tcp_as_over_udp(host, found):
    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(host, 0, "auto")
            for link in LINKS:
                for there in ("127.0.0.1", "127.0.0.2", "::1"):
                    reached = await reaches(client, there, port, server, link)
                    assert reached == (there in found), (link, there)

    run(main())


def test_a_name_is_listened_on_at_all_its_addresses(monkeypatch):
    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:

            def both(_host, port, *_hints, **_options):
                six = (socket.AF_INET6, 0, 0, "", ("::1", port, 0, 0))
                absent = (socket.AF_INET, 0, 0, "", ("192.0.2.250", port))
                return [absent, six, (socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]

            monkeypatch.setattr(socket, "getaddrinfo", both)
            port = await server.listen("both", 0, "auto")
            assert sorted(reachable(server.places)) == ["127.0.0.1", "::1"]
            for link in LINKS:
                assert await reaches(client, "127.0.0.1", port, server, link)
                assert await reaches(client, "::1", port, server, link)

            def none(_host, port, *_hints, **_options):
                return [(socket.AF_INET, 0, 0, "", ("192.0.2.250", port))]

            monkeypatch.setattr(socket, "getaddrinfo", none)
            with pytest.raises(OSError, match="assign"):
                await server.listen("absent")

    run(main())


@pytest.mark.parametrize("link", LINKS)
def test_every_address_of_a_name_is_tried_over_every_link(monkeypatch, link):
    """The peer has the last one; at the first nobody takes anything, and says so."""

    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen("127.0.0.1", 0, link)

            def several(_host, port, *_hints, **_options):
                six = (socket.AF_INET6, 0, 0, "", ("::1", port, 0, 0))
                second = (socket.AF_INET, 0, 0, "", ("127.0.0.2", port))
                return [six, second, (socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]

            monkeypatch.setattr(socket, "getaddrinfo", several)
            assert await reaches(client, "several", port, server, link)
            await server.close()
            with pytest.raises(PeerError) as caught:
                await client.connect("several", port, server.public, 2000, link=link)
            for where in (f"[::1]:{port}", f"127.0.0.1:{port}", f"127.0.0.2:{port}"):
                assert where in str(caught.value)

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a closed UDP port is silent")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_nobody_has_is_known_at_once_and_harms_no_other_session(host):
    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(host, 0, "udp")
            lives = await client.connect(host, port, server.public, link="udp")
            dead = await server.listen(host, 0, "tcp")
            for _ in range(3):
                with pytest.raises(PeerError) as caught:
                    await client.connect(host, dead, server.public, 600_000, link="udp")
                assert caught.value.code == END_LINK_DOWN
                assert "refused" in str(caught.value)
            assert lives.cause is None
            calling = lives.port
            assert (calling._refusals.watched, calling.refused) == (False, {})
            assert client.node.sessions == [lives.session]

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="no such answers elsewhere")
def test_an_answer_about_one_port_is_not_taken_for_another():
    with contextlib.ExitStack() as stack:
        sender, taken, closed = (
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)
        )
        for sock in (taken, closed):
            sock.bind(("127.0.0.1", 0))
        there, nobody = taken.getsockname(), closed.getsockname()
        closed.close()
        sender.setblocking(False)
        refusals = Refusals(sender)
        sender.sendto(b"?", nobody)
        assert refusals.take() == []  # not asked for
        refusals.watch(True)
        sender.sendto(b"?", there)
        sender.sendto(b"?", nobody)
        assert [address for address, _ in refusals.take()] == [nobody]
        assert refusals.take() == []


def test_what_is_reached_is_said(monkeypatch):
    """Real addresses, loopback only where it is all there is; IPv6 with its zone."""
    number = socket.if_nametoindex("lo")
    monkeypatch.setattr(interfaces, "all_interfaces", lambda: [LOOPBACK, LAN])
    six = ["2001:db8::5", f"fe80::5%{interfaces.zone_name(number)}", "::1"]
    monkeypatch.setattr(interfaces, "_ipv6_addresses", lambda: six)
    any4, any6 = ("0.0.0.0", 80), ("::", 80, 0, 0)
    assert reachable([any6, any4, any6]) == ["192.0.2.5", "2001:db8::5", "fe80::5%lo"]
    assert reachable([any4]) == ["192.0.2.5"]
    assert reachable([("127.0.0.1", 80)]) == ["127.0.0.1"]
    assert reachable([("fe80::5", 80, 0, number)]) == ["fe80::5%lo"]


def test_announcements_leave_where_the_node_listens():
    both = [LOOPBACK, LAN]
    for places, spoken in (
        ([("127.0.0.1", 80)], [LOOPBACK]),
        ([("192.0.2.5", 80)], [LAN]),
        ([("0.0.0.0", 80)], both),
        ([("::", 80, 0, 0)], []),
        ([], []),
    ):
        assert listened(both, places) == spoken
    assert sources([("127.0.0.1", 80)]) == {"127.0.0.1"}
    assert sources([("0.0.0.0", 80), ("::", 80, 0, 0)]) is None


def test_nothing_is_said_from_an_address_that_is_not_listened_on():
    async def main():
        heard = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.setblocking(False)
            port = other.getsockname()[1]
            for own in ({"127.0.0.2"}, {"127.0.0.1"}):
                multicast = Multicast([LOOPBACK], 0, heard.append, lambda: None, own)
                multicast.send(b"an answer", "127.0.0.1", port)
                multicast.close()
                if "127.0.0.2" in own:
                    with pytest.raises(BlockingIOError):
                        other.recv(64)
            assert other.recv(64) == b"an answer"

    run(main())


def test_interfaces_are_those_that_there_are_when_something_is_said():
    async def main():
        heard, done, there = [], asyncio.Event(), []

        def hear(data, source):
            heard.append(data)
            done.set()

        port = free_port()
        listener = Multicast([LOOPBACK], port, hear)
        speaker = Multicast([], port, lambda *_: None, around=lambda: list(there))
        speaker.say(b"to nobody")
        there.append(LOOPBACK)
        speaker.say(b"to everybody")
        await done.wait()
        assert set(heard) == {b"to everybody"}
        for each in (listener, speaker):
            each.close()

    run(main())
