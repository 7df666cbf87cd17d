"""QUIC and WebSockets from strangers, who send what they like."""

import asyncio
import random
import socket
import ssl
import struct
import tracemalloc

import pytest
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from websockets.client import ClientProtocol
from websockets.frames import OP_BINARY, OP_TEXT, Frame
from websockets.uri import parse_uri

from backend import drained, raw_peer, reset, run, sleep_ms
from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import (
    END_LINK_DOWN,
)
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.links import quic, quic_socket, websocket
from node_pair import HOST, A, B, refused, until


class Few(LIMITS):
    half_open = 4
    handshake_ms = 2000
    close_ms = 200


# WebSockets from strangers


class Page:
    """A WebSocket of a peer that does as it likes."""

    def __init__(self, port: int, path: str = "/dsoftbus"):
        self.socket = raw_peer(HOST, port)
        self.protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}{path}"))
        self.protocol.send_request(self.protocol.connect())
        self.flush()

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            self.socket.send(data)

    def say(self, opcode, data: bytes, fin: bool = True) -> None:
        self.socket.send(Frame(opcode, data, fin).serialize(mask=True))

    async def answer(self):
        """Returns the answer of the server to the request."""
        while True:
            try:
                self.protocol.receive_data(self.socket.recv(65536))
            except BlockingIOError:
                await sleep_ms(1)
            for event in self.protocol.events_received():
                return event


def with_server(test, link="ws", profile=LIMITS) -> None:
    async def main():
        async with BareBus(A, "server", profile, ANYONE) as server:
            await test(server, await server.listen(HOST, link=link))

    run(main())


async def gone(server, page) -> bytes:
    """Waits until the server has no session any more; returns what it said last."""
    await until(lambda: not server.node.sessions)
    said = await drained(page.socket)
    page.socket.close()
    return said


def close_code(said: bytes) -> int:
    """Returns the code of the close frame that ends this."""
    at = said.rindex(b"\x88")
    return struct.unpack_from(">H", said, at + 2)[0]


WRONG_MESSAGES = {
    "a text": (OP_TEXT, b"hello", 1003),
    "too long": (OP_BINARY, bytes(websocket.TAKEN_BYTES + 1), 1009),
    "no such opcode": (OP_BINARY, None, 1002),
}


@pytest.mark.parametrize("what", WRONG_MESSAGES)
def test_a_message_that_is_none_of_ours_ends_the_link(what):
    async def test(server, port):
        page = Page(port)
        assert (await page.answer()).status_code == 101
        opcode, data, code = WRONG_MESSAGES[what]
        if data is None:
            page.socket.send(b"\x83\x80abcd")
        else:
            page.socket.setblocking(True)
            page.say(opcode, data)
            page.socket.setblocking(False)
        assert close_code(await gone(server, page)) == code

    with_server(test)


@pytest.mark.parametrize("path", ["/", "/other", "/dsoftbus/x", "/%64softbus", "/" + "x" * 5000])
def test_a_wrong_path_is_not_found(path):
    async def test(server, port):
        page = Page(port, path)
        assert (await page.answer()).status_code == 404
        await gone(server, page)

    with_server(test)


def test_a_client_says_that_its_path_was_not_found():
    async def test(server, port):
        async with BareBus(B) as client:
            error = await refused(
                END_LINK_DOWN,
                client.connect(HOST + "/other", port, server.public, link="ws"),
            )
            assert "404" in str(error)
            await client.connect(HOST + "/dsoftbus?from=here", port, server.public, link="ws")

    with_server(test)


@pytest.mark.parametrize(
    "data",
    [b"\x00" * 40, b"GET / HTTP/1.0\r\n\r\n", b"POST /dsoftbus HTTP/1.1\r\n\r\n", b"x" * 9000],
)
def test_a_peer_that_speaks_no_web_is_gone(data):
    async def test(server, port):
        sock = raw_peer(HOST, port)
        sock.send(data)
        await drained(sock)
        sock.close()
        assert not server.node.sessions

    with_server(test, "ws", Few)


def test_messages_in_pieces_and_pings_between_are_bytes_all_the_same():
    """A first message that comes byte by byte, in fragments, with pings: the handshake is refused
    for its content, not for its form."""

    async def test(server, port):
        page = Page(port)
        await page.answer()
        await until(lambda: server.node.sessions)
        session = server.node.sessions[0]
        page.say(OP_BINARY, b"\x00", fin=False)
        page.say(9, b"ping")
        page.say(0, b"\x02", fin=True)
        page.say(OP_BINARY, b"\xff")
        await until(lambda: session.closed)
        assert session.cause != END_LINK_DOWN
        assert b"\x8a\x04ping" in await gone(server, page)

    with_server(test, "ws", Few)


def test_a_peer_that_resets_in_the_middle_is_gone():
    async def test(server, port):
        page = Page(port)
        await page.answer()
        page.socket.send(b"\x82\xfe\x10")  # half of a header
        await until(lambda: server.node.sessions)
        reset(page.socket)
        await until(lambda: not server.node.sessions)

    with_server(test)


def test_pings_whose_answers_nobody_reads_end_the_link():
    async def test(server, port):
        page = Page(port)
        await page.answer()
        ping = Frame(9, bytes(125)).serialize(mask=True) * 500
        await until(lambda: server.node.sessions)
        while server.node.sessions:
            try:
                page.socket.send(ping)
            except BlockingIOError:
                await sleep_ms(5)
            except OSError:
                break
        await until(lambda: not server.node.sessions)
        page.socket.close()

    with_server(test)


@pytest.mark.parametrize("link", ["ws", "quic"])
def test_peers_that_connect_and_say_nothing_are_few(link):
    """They are bounded as on TCP, and each is gone after the time of a handshake."""

    async def test(server, port):
        if link == "ws":
            strangers = [raw_peer(HOST, port) for _ in range(12)]
        else:
            strangers = [Stranger(port) for _ in range(12)]
            for each in strangers:
                await each.turn(until_event=events.HandshakeCompleted, patience=40)
        most = 0
        for _ in range(10):
            await sleep_ms(1)
            most = max(most, len(server.node.sessions))
        assert 0 < most <= Few.half_open
        await until(lambda: not server.node.sessions)
        for each in strangers:
            each.close()

    with_server(test, link, Few)


# QUIC from strangers


class Stranger:
    """A client of QUIC that does as it likes."""

    def __init__(self, port: int, alpn: str = quic.ALPN, **options):
        configuration = QuicConfiguration(
            alpn_protocols=[alpn], verify_mode=ssl.CERT_NONE, **options
        )
        self.quic = QuicConnection(configuration=configuration)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self._there = (HOST, port)
        self._loop = asyncio.get_running_loop()
        self.seen = []
        self.quic.connect(self._there, now=self._loop.time())
        self.flush()

    def flush(self) -> list:
        sent = self.quic.datagrams_to_send(now=self._loop.time())
        for data, _ in sent:
            self.socket.sendto(data, self._there)
        return [data for data, _ in sent]

    async def turn(self, until_event, patience=2000):
        """Goes on until there was such an event; returns it, or None."""
        for _ in range(patience):
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                await sleep_ms(1)
                if (due := self.quic.get_timer()) is not None and due <= self._loop.time():
                    self.quic.handle_timer(now=self._loop.time())
            else:
                self.quic.receive_datagram(data, self._there, now=self._loop.time())
            while event := self.quic.next_event():
                if isinstance(event, until_event):
                    self.flush()
                    return event
            self.flush()
        return None

    def close(self) -> None:
        self.socket.close()


def test_a_peer_of_another_protocol_is_refused():
    async def test(server, port):
        stranger = Stranger(port, alpn="h3")
        ended = await stranger.turn(events.ConnectionTerminated)
        # no_application_protocol, of which aioquic 1.3 says handshake_failure
        assert ended.error_code in (0x100 + 120, 0x100 + 40)
        await until(lambda: not server.node.sessions)
        stranger.close()

    with_server(test, "quic")


@pytest.mark.parametrize("stream", [4, 2])
def test_a_peer_has_one_stream(stream):
    async def test(server, port):
        stranger = Stranger(port)
        await stranger.turn(events.HandshakeCompleted)
        stranger.quic.send_stream_data(stream, b"more")
        stranger.flush()
        ended = await stranger.turn(events.ConnectionTerminated)
        assert ended.error_code == 4  # STREAM_LIMIT_ERROR
        await until(lambda: not server.node.sessions)
        stranger.close()

    with_server(test, "quic")


def test_bytes_beyond_the_credit_end_the_link_before_they_are_kept():
    """The library's own credit doubles with every byte that is far ahead, and with it what a peer
    that leaves a gap has this side allocate."""

    async def test(server, port):
        stranger = Stranger(port)
        await stranger.turn(events.HandshakeCompleted)
        stranger.quic.send_stream_data(0, bytes(16 << 20))
        stream = stranger.quic._streams[0]
        stranger.quic._remote_max_data = stream.max_stream_data_remote = 1 << 40
        tracemalloc.start()
        for at in (900_000, 1_800_000, 3_500_000, 7_000_000, 14_000_000):
            stream.sender._pending.subtract(0, 16 << 20)
            stream.sender._pending.add(at, at + 100)
            stream.sender.buffer_is_empty = False
            stranger.flush()
            for _ in range(5):
                await sleep_ms(1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        ended = await stranger.turn(events.ConnectionTerminated)
        assert ended.error_code == 3  # FLOW_CONTROL_ERROR
        assert most < 2 * quic.CREDIT_BYTES + (1 << 20)
        await until(lambda: not server.node.sessions)
        stranger.close()

    with_server(test, "quic")


def test_an_address_is_proved_before_anything_is_kept_for_it():
    """A first datagram makes no session, and a token is good for the address that it was given to,
    for a while."""

    async def test(server, port):
        stranger, other = Stranger(port), Stranger(port)
        await sleep_ms(5)
        assert not server.node.sessions
        retry = stranger.socket.recv(2048)
        stranger.quic.receive_datagram(retry, (HOST, port), now=asyncio.get_running_loop().time())
        with_token = [
            data
            for data, _ in stranger.quic.datagrams_to_send(now=asyncio.get_running_loop().time())
        ]
        other.socket.sendto(with_token[0], (HOST, port))
        await sleep_ms(5)
        assert not server.node.sessions
        await sleep_ms(1000 * (quic_socket.TOKEN_S + 1))
        stranger.socket.sendto(with_token[0], (HOST, port))
        await sleep_ms(5)
        assert not server.node.sessions
        late = Stranger(port)
        await late.turn(events.HandshakeCompleted)
        assert len(server.node.sessions) == 1
        for each in (stranger, other, late):
            each.close()

    with_server(test, "quic")


def test_datagrams_that_are_none_are_dropped():
    """Garbage, other versions, what belongs to no connection; an honest peer comes all the
    same."""

    async def test(server, port):
        there = (HOST, port)
        draw = random.Random(3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for size in (0, 1, 5, 20, 1200, 2000):
                for first in (0x00, 0x40, 0xC0, 0xF0, 0xFF):
                    sock.sendto(bytes([first]) + draw.randbytes(size), there)
            sock.setblocking(False)
            sock.sendto(b"\xc0\x1a\x2a\x3a\x4a\x08" + bytes(8) + b"\x00" + bytes(1200), there)
            await sleep_ms(10)
            assert not server.node.sessions
        async with BareBus(B) as client:
            await client.connect(HOST, port, server.public, link="quic")

    with_server(test, "quic")
