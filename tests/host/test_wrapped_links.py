"""Sessions over QUIC and WebSockets: the same ones as over TCP, in the wrapping of others."""

import asyncio
import hashlib
import ipaddress
import random
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from backend import raw_listener, run, sleep_ms
from dsoftbus.const import HOST as LIMITS
from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    LocalError,
    Unsupported,
)
from dsoftbus_aio.bus import BaseBus
from dsoftbus_host.address import LINK_QUIC, LINK_WS, LINK_WSS
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.bus import Bus
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.links import certificate as certificates
from dsoftbus_host.links import quic, websocket
from dsoftbus_host.links.library_link import HELD_BYTES, Links
from dsoftbus_host.links.listening import listening
from dsoftbus_host.links.wrapped import Dial, listeners
from free_ports import free_port
from node_pair import HOST, A, B, refused, until

LINKS = {"quic": LINK_QUIC, "ws": LINK_WS, "wss": LINK_WSS}
BULK_BYTES = 300_000


class Files(NamedTuple):
    path: Path
    key_path: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One for 127.0.0.1, which is its own authority."""
    _, key = certificates.self_signed()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made, _ = certificates.self_signed()
    address = x509.IPAddress(ipaddress.ip_address(HOST))
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 7, made.not_valid_before_utc, made.not_valid_after_utc
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    folder = tmp_path_factory.mktemp("tls")
    found = Files(folder / "cert.pem", folder / "key.pem")
    pem = serialization.Encoding.PEM
    found.path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    found.key_path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found


class Wrapped:
    """Two nodes, and a session between them over `link`."""

    def __init__(self, link, certificate, profile=LIMITS):
        self.link = link
        self.server_bus = BareBus(A, "server", profile, ANYONE)
        self.client_bus = BareBus(B, "client", profile, ANYONE)
        self.client_bus.ca = certificate.path
        self._certificate = certificate if link == "wss" else None

    async def __aenter__(self):
        self.port = await self.server_bus.listen(HOST, 0, self.link, self._certificate)
        self.client = await self.connected()
        self.server = await self.server_bus.accept()
        return self

    async def connected(self):
        return await self.client_bus.connect(
            HOST, self.port, self.server_bus.public, link=self.link
        )

    async def __aexit__(self, *_):
        await self.client_bus.close()
        await self.server_bus.close()


def with_wrapped(link, certificate, test) -> None:
    async def main():
        async with Wrapped(link, certificate) as pair:
            await test(pair)

    run(main())


async def moved(sender, receiver, data: bytes) -> bytes:
    """Returns the hash of what has come."""
    stream = await sender.open("bulk")
    theirs = await receiver.accept()

    async def write():
        await stream.write(data)
        await stream.finish()

    writing = asyncio.ensure_future(write())
    whole = hashlib.sha256()
    while part := await theirs.read(65536):
        whole.update(part)
    await writing
    return whole.digest()


@pytest.mark.parametrize("link", LINKS)
def test_a_session_over_each_link(link, certificate):
    """Calls, bulk both ways, an end in order on both sides, and another session after it."""

    async def test(pair):
        pair.server_bus.call("double")(lambda _peer, value: value * 2)
        assert pair.client.session.route == (LINKS[link], HOST, pair.port)
        assert await pair.client.call("double", 21) == 42
        data = random.Random(5).randbytes(BULK_BYTES)
        both = [(pair.client, pair.server), (pair.server, pair.client)]
        for sender, receiver in both:
            assert await moved(sender, receiver, data) == hashlib.sha256(data).digest()
        await pair.client.close()
        assert pair.client.cause.code == END_LOCAL
        await pair.server.ended()
        assert pair.server.cause.code == END_PEER
        again = await pair.connected()
        assert await again.call("double", 4) == 8

    with_wrapped(link, certificate, test)


@pytest.mark.parametrize("link", LINKS)
def test_the_server_may_end_it_and_sessions_outlive_their_listener_until_then(link, certificate):
    async def test(pair):
        await pair.server_bus.close()
        await pair.client.ended()
        assert pair.client.cause.code == END_PEER
        assert pair.server.cause.code == END_LOCAL

    with_wrapped(link, certificate, test)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_is_not_read_keeps_a_bounded_part_of_it(link, certificate, monkeypatch):
    """It takes no more from its writer, and all that it took arrives once the peer reads."""
    monkeypatch.setattr(quic, "CREDIT_BYTES", 1 << 17)  # a megabyte of QUIC takes a second

    async def main():
        links = Links()
        sock = listening(HOST, 0, link)[0]
        port = sock.getsockname()[1]
        listener = listeners(link, certificate if link == "wss" else None, links)(sock)
        dial = Dial(link, HOST, port, certificate.path, links)
        dialling = asyncio.ensure_future(dial(socket.AF_INET, (HOST, port)))
        accepted = []
        await until(lambda: (got := listener.accept()) and accepted.append(got) is None)
        there, _ = accepted[0]
        there.attach(lambda: None)
        here = await dialling
        wrote = await fill(here)
        assert waiting(here) <= 2 * HELD_BYTES + websocket.SENT_BYTES
        assert len(there._held) <= max(quic.CREDIT_BYTES, 2 * HELD_BYTES)
        got = bytearray()
        view = memoryview(bytearray(65536))
        while len(got) < wrote:
            n = there.readinto(view)
            got += view[: n or 0]
            if not n:
                await sleep_ms(1)
        assert got == (PATTERN * (wrote // 251 + 1))[:wrote]
        await until(lambda: here.writable)
        for each in (listener, here, there):
            each.close()
        await links.gone()

    run(main())


PATTERN = bytes(range(251))


async def fill(link) -> int:
    """Writes until the link takes nothing for a while; returns how much it took."""
    data = bytearray(PATTERN * 300)
    wrote = quiet = 0
    while quiet < 100:
        n = link.write(data, wrote % 251, len(data))
        wrote += n or 0
        quiet = 0 if n else quiet + 1
        if not n:
            await sleep_ms(1)
    return wrote


def waiting(link) -> int:
    if isinstance(link, quic.QuicLink):
        return link.connection.unsent
    return link._transport.get_write_buffer_size()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_is_gone_ends_its_session(link, certificate):
    async def test(pair):
        pair.server._pump.link.abort()
        await pair.client.ended()
        assert pair.client.cause.code == END_LINK_DOWN
        await pair.server.ended()
        assert pair.server.cause.code == END_LINK_DOWN

    with_wrapped(link, certificate, test)


@pytest.mark.parametrize("link", LINKS)
def test_a_strict_link_goes_over_no_other(link, certificate):
    """A node that is there over TCP is not reached: the link that was asked for is not there."""

    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            client.ca = certificate.path
            port = await server.listen(HOST, link="tcp")
            error = await refused(
                END_LINK_DOWN,
                client.connect(HOST, port, server.public, link=link, timeout_ms=9000),
            )
            assert not server.node.sessions or link != "quic", error
            assert not client.connections()

    run(main())


def test_a_link_that_is_silent_is_given_up_in_time():
    """QUIC to a port that takes datagrams and answers none; a web server that says nothing."""

    async def main():
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        deaf.bind((HOST, 0))
        port, listener = raw_listener(HOST)
        async with BareBus(B) as client:
            for link, at in (("quic", deaf.getsockname()[1]), ("ws", port)):
                await refused(
                    END_HANDSHAKE_TIMEOUT,
                    client.connect(HOST, at, bytes(32), link=link, timeout_ms=3000),
                )
        deaf.close()
        listener.close()

    run(main())


# TLS


def test_a_client_of_wss_checks_the_certificate(certificate):
    """One of an authority that it does not know is refused, and so is one for another host."""

    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST, 0, "wss", certificate)

            async def error(host):
                return await refused(
                    END_LINK_DOWN, client.connect(host, port, server.public, link="wss")
                )

            assert "certificate verify failed" in str(await error(HOST))
            client.ca = certificate.path
            assert "certificate verify failed" in str(await error("localhost"))
            await client.connect(HOST, port, server.public, link="wss")

    run(main())


def test_a_peer_with_another_key_is_none_whatever_its_certificate(certificate):
    """TLS proves nothing: the session asks for the key."""

    async def test(pair):
        wrong = BareBus(bytes([9]) * 32).public
        with pytest.raises(Exception) as raised:
            await pair.client_bus.connect(HOST, pair.port, wrong, link="quic")
        assert raised.value.code != END_LINK_DOWN
        assert pair.client_bus.connections() == [pair.client]

    with_wrapped("quic", certificate, test)


def test_certificates_that_cannot_be_read_are_said(tmp_path, certificate):
    async def main():
        wrong = Files(tmp_path / "wrong.pem", certificate.key_path)
        wrong.path.write_text("no certificate")
        async with BareBus(A) as bus:
            for link in ("quic", "wss"):
                with pytest.raises(LocalError) as raised:
                    await bus.listen(HOST, 0, link, wrong)
                assert raised.value.code == BAD_ARGUMENT
                with pytest.raises(FileNotFoundError):
                    await bus.listen(HOST, 0, link, wrong._replace(path=tmp_path / "none.pem"))
            with pytest.raises(LocalError):
                await bus.listen(HOST, 0, "wss")
            bus.ca = wrong.path
            with pytest.raises(LocalError):
                await bus.connect(HOST, 9, bytes(32), link="wss")
            assert not bus.places

    run(main())


@pytest.mark.parametrize("link", ["quic", "ws"])
def test_a_library_that_is_not_installed_is_named(link, monkeypatch):
    library, extra = {"quic": ("aioquic", "quic"), "ws": ("websockets", "web")}[link]
    for name in list(sys.modules):
        if name.split(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    from dsoftbus_host import links

    for name in ("quic", "quic_socket", "websocket"):
        monkeypatch.delitem(sys.modules, f"dsoftbus_host.links.{name}", raising=False)
        monkeypatch.delattr(links, name, raising=False)

    async def main():
        async with BareBus(A) as bus:
            for attempt in (
                bus.listen(HOST, 0, link),
                bus.connect(HOST, 9, bytes(32), link=link),
            ):
                with pytest.raises(Unsupported) as raised:
                    await attempt
                assert f"pip install 'dsoftbus[{extra}]'" in str(raised.value)

    run(main())


# QUIC


def test_the_credit_follows_what_was_taken(certificate, monkeypatch):
    monkeypatch.setattr(quic, "CREDIT_BYTES", 1 << 16)

    async def test(pair):
        data = bytes(3 * quic.CREDIT_BYTES)
        await moved(pair.client, pair.server, data)
        stream = pair.server._pump.link.connection._streams[0]
        assert stream.taken > len(data)
        assert stream.max_stream_data_local <= stream.taken + quic.CREDIT_BYTES

    with_wrapped("quic", certificate, test)


def test_a_peer_that_retires_its_ids_has_no_more_of_them(certificate):
    async def test(pair):
        link = pair.server._pump.link
        for _ in range(30):
            pair.client._pump.link.connection.change_connection_id()
            await pair.client.ping()
            await sleep_ms(30)
        assert len(link.names) <= 10
        assert set(link._owner._links) == link.names

    with_wrapped("quic", certificate, test)


# Announcements


class Old(BareBus):
    """A node of before, or a board: it knows these kinds of links, and no more."""

    LINKS = BaseBus.LINKS


@pytest.mark.parametrize("kind", [BareBus, Old])
def test_links_are_reached_as_they_are_announced_and_unknown_ones_are_ignored(kind, certificate):
    """QUIC is announced here at the port of nothing: it is tried only where it is known."""

    async def main():
        async with BareBus(A, allow=ANYONE) as server, kind(B) as client:
            there = Announcement(server.id, server.public)
            web = await server.listen(HOST, link="ws")
            links = [(LINK_QUIC, 9), (99, 9), (LINK_WS, web)]
            if kind is Old:
                links.append((LINK_STREAM, await server.listen(HOST)))
            there.links = links
            peers = client.node.discover()
            peers.receive_datagram(there.encode(), (HOST, 5), client.now())
            connection = await client.reach(server.id)
            assert connection.session.route[0] == (LINK_STREAM if kind is Old else LINK_WS)

    run(main())


@pytest.mark.parametrize("tls", [False, True])
def test_a_bus_announces_its_ports_and_is_reached_over_them(tls, certificate):
    """A certificate is for a name, so that `wss` is not announced."""

    async def main():
        more = {"certificate": certificate} if tls else {}
        place = {"discovery_port": free_port(), "interfaces": [LOOPBACK], "host": HOST}
        async with (
            Bus("one", key=A, allow=ANYONE, quic=0, ws=0, **more, **place) as one,
            Bus("two", key=B, allow=ANYONE, listen=False, **place) as two,
        ):
            assert list(one.ports) == ["quic", "wss" if tls else "ws"]
            links = [(LINK_STREAM, one.port), (LINK_DATAGRAM, one.port)]
            links.append((LINK_QUIC, one.ports["quic"]))
            links += [] if tls else [(LINK_WS, one.ports["ws"])]
            assert list(one.discovery.said.links) == links
            await two.heard("one")
            peer = two.peers.get(one.id)
            peer.links = [each for each in peer.links if each[0] == LINK_QUIC]
            connection = await two.reach(one.id)
            assert connection.session.route == (LINK_QUIC, HOST, one.ports["quic"])

    run(main())
