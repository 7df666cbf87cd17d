"""Peers whose every byte is the attacker's to choose: the core's own sessions, on bare sockets.

A peer counts what it sent and what came back. It never waits for longer than `WAIT_S`.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time

from dsoftbus.const import (
    BODY_MESSAGE,
    BODY_SEGMENT,
    DATAGRAM_MAX,
    HOST,
    PACKET_HEADER,
    REC_FINISH,
    REC_INIT,
    RECORD_HEADER,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.errors import BusError
from dsoftbus.mux.stream_states import RESET as STREAM_RESET
from dsoftbus.node import Node
from dsoftbus.packet.packets import PACKET_OVERHEAD
from dsoftbus.session.stream_session import StreamSession
from dsoftbus_host import crypto
from pairs import TAG

SUITE = crypto.suite(SUITE_CHACHA_SHA256)
ATTACKER = "127.0.0.5"  # an address of its own: honest peers come from another
WAIT_S = 6  # ends what hangs; nothing is held to a time
_BUFFER = 2048
LINGER_RESET = struct.pack("ii", 1, 0)


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Hasty(HOST):
    """A stranger's limits: it does not wait for long for what will not come."""

    handshake_ms = 3000


def node_of(secret: bytes | None, psk: bytes | None, name: str) -> Node:
    """With a `secret` that the victim knows it has a host's patience."""
    static = SUITE.keypair(secret or os.urandom(32))
    profile = HOST if secret else Hasty
    return Node({SUITE.code: SUITE}, static, os.urandom, profile, name, psk)


def public_of(secret: bytes) -> bytes:
    return SUITE.keypair(secret).public


class Name(str):
    """A stream's name that is these bytes on the wire, whatever rules names have."""

    raw: bytes

    def __new__(cls, raw: bytes) -> Name:
        made = super().__new__(cls, raw.decode(errors="replace"))
        made.raw = raw
        return made

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        return self.raw


class Peer:
    """The common part of peers; a subclass has a link."""

    def __init__(self, secret: bytes | None, psk: bytes | None, name: str) -> None:
        self.sent = 0
        self.received = 0
        self.node = node_of(secret, psk, name)
        self.local = self.node.local
        self._opened = 0

    def exchange(self, until) -> bool:
        """Sends and reads until `until()`; False where it does not come to that."""
        raise NotImplementedError

    @property
    def greeted(self) -> bool:
        return self.session.mux is not None

    def open(self, name: str | bytes):
        """A stream with this name, be it none that a well-behaved peer may open."""
        raw = name if isinstance(name, bytes) else name.encode()
        self._opened += 1
        stream = self.session.open(f"x{self._opened}")
        stream.name = Name(raw)  # OPEN is written when it leaves
        return stream

    def service(self, name: str | bytes, data: bytes = b"") -> bytes | None:
        """Returns the answer of a stream of this name to `data`; None if it is refused."""
        try:
            stream = self.open(name)
            if data:
                assert stream.send(data) == len(data)  # one loan takes what a window takes
            stream.finish()
        except BusError:
            return None
        got = bytearray()

        def over() -> bool:
            while stream.readable:
                got.extend(stream.recv(4096))
            return stream.at_end or stream.state >= STREAM_RESET

        self.exchange(over)
        return bytes(got) if stream.at_end and stream.state < STREAM_RESET else None

    def echo(self, name: str = "echo") -> bool:
        """Returns whether the victim serves an echo to this peer."""
        return self.service(name, b"mine") == b"mine"


class TcpPeer(Peer):
    """A session over TCP, step by step: `greet`, then `finish`, then `sealed` frames."""

    def __init__(
        self, at: tuple, public: bytes, secret: bytes | None = None, psk: bytes | None = None,
        name: str = "mallory", source: str = ATTACKER,
    ) -> None:  # fmt: skip
        super().__init__(secret, psk, name)
        self.session = StreamSession(self.local, now_ms(), public)
        self.socket = socket.create_connection(at, WAIT_S, (source, 0))

    def __enter__(self) -> TcpPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def taken(self) -> bytes:
        """Returns the bytes that the session has to send now."""
        out = bytearray(HOST.receive_bytes)
        while self.session.next_event():
            pass
        return bytes(out[: self.session.poll_transmit(out, now_ms())])

    def send(self, data: bytes) -> bool:
        """False when the other side is gone."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def receive(self) -> bytes:
        """Some bytes; b"" at the end, or when nothing comes for long."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            return b""
        self.received += len(data)
        self.session.receive_data(data, now_ms())
        return data

    def greet(self) -> TcpPeer:
        """INIT and REPLY: the keys are there, and FINISH is not sent yet."""
        self.send(self.taken())
        while self.session.half_open and self.receive():
            pass
        self._finish = self.taken()
        return self

    @property
    def finish(self) -> bytes:
        """FINISH, once greeted."""
        return self._finish

    def sealed(self, *frames: bytes) -> bytes:
        """A record of these frames, whatever they are."""
        text = b"".join(frames)
        out = bytearray(RECORD_HEADER + len(text) + TAG)
        out[RECORD_HEADER : RECORD_HEADER + len(text)] = text
        self.session.protection.seal(out, 0, RECORD_HEADER + len(text))
        return bytes(out)

    def connect(self) -> TcpPeer:
        """The whole handshake; `alive` says how it ended, once something was heard."""
        self.greet()
        self.send(self.finish)
        return self

    def finish_with(self, *frames: bytes) -> None:
        """FINISH and, in the same write, a record of these frames."""
        self.send(self.finish + self.sealed(*frames))

    def heard_until_closed(self) -> None:
        """Reads until the other side has closed the link, or nothing comes for long."""
        while self.receive():
            pass

    def exchange(self, until) -> bool:
        """Sends and reads until `until()`; False where the other side ends it before."""
        while not until():
            self.send(self.taken())
            if not self.receive():
                return until()
        return True

    def is_heard(self) -> bool:
        """Waits until the other side has read all that was sent, as its answer to a ping shows."""
        self.session.ping(now_ms())
        return self.exchange(lambda: self.session.keepalive.rtt_ms >= 0)

    def reset(self) -> None:
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.socket.close()


class UdpPeer(Peer):
    """A session over UDP from an address of the attacker's choice (all of 127/8 is its own)."""

    def __init__(
        self, at: tuple, public: bytes, secret: bytes | None = None, psk: bytes | None = None,
        name: str = "mallory", source: str = ATTACKER,
    ) -> None:  # fmt: skip
        super().__init__(secret, psk, name)
        self.at = at
        self.endpoint = self.node.endpoint(DATAGRAM_MAX)
        self.socket = bound(source)
        self.session = self.endpoint.connect(at, public, now_ms())
        self._finish: list = []

    def __enter__(self) -> UdpPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def taken(self) -> list:
        """The datagrams that the session has to send now."""
        out = bytearray(1200)
        found = []
        while n := self.endpoint.poll_transmit(out, now_ms()):
            found.append(bytes(out[:n]))
        while self.endpoint.next_event():
            pass
        return found

    def send(self, *datagrams: bytes, socket: socket.socket | None = None) -> None:
        for datagram in datagrams:
            self.sent += len(datagram)
            with contextlib.suppress(OSError):  # nobody listens there any more
                (socket or self.socket).sendto(datagram, self.at)

    def receive(self, wait_s: float = 0.05) -> bytes:
        """A datagram, or b"" when none comes within `wait_s`."""
        if not select.select([self.socket], [], [], wait_s)[0]:
            return b""
        try:
            data, source = self.socket.recvfrom(_BUFFER)
        except OSError:
            return b""
        self.received += len(data)
        self.endpoint.receive_datagram(bytearray(data), source, now_ms())
        return data

    def step(self, wait_s: float = 0.05) -> bytes:
        """Timers, what is to be sent, and a datagram if one comes."""
        self.endpoint.handle_timer(now_ms())
        self.send(*self.taken())
        return self.receive(wait_s)

    def greet(self) -> UdpPeer:
        """INIT and REPLY; FINISH is not sent yet. It gives up at the handshake's own deadline."""
        while self.session.half_open:
            self.step()
        self._finish = self.taken()
        return self

    @property
    def finish(self) -> bytes:
        return next(data for data in self._finish if data[0] == REC_FINISH)

    def sealed(self, text: bytes) -> bytes:
        """A packet with this plaintext: kinds, body, acknowledgement."""
        out = bytearray(PACKET_OVERHEAD + len(text))
        out[PACKET_HEADER : PACKET_HEADER + len(text)] = text
        self.session.protection.seal(out, PACKET_HEADER, PACKET_HEADER + len(text), out)
        return bytes(out)

    def segment(self, number: int, *frames: bytes) -> bytes:
        """A packet with a segment of these frames."""
        return self.sealed(bytes((BODY_SEGMENT,)) + number.to_bytes(4, "big") + b"".join(frames))

    def message(self, data: bytes) -> bytes:
        """A packet with an unreliable message."""
        return self.sealed(bytes((BODY_MESSAGE,)) + data)

    def acknowledgement(self, largest: int) -> bytes:
        """A packet that says all up to `largest` has arrived."""
        count = min(largest + 1, 0xFFFF)
        return self.sealed(
            bytes((1 << 3,))
            + largest.to_bytes(4, "big")
            + bytes(2)
            + bytes(2)
            + count.to_bytes(2, "big")
        )

    def finish_with(self, *frames: bytes) -> None:
        """FINISH and, at once, a segment of these frames."""
        self.send(self.finish, self.segment(0, *frames))

    def connect(self) -> UdpPeer:
        self.greet()
        self.send(*self._finish)
        return self

    def exchange(self, until, quiet_s: float = 2.0) -> bool:
        """Sends and reads until `until()`; False where the session ends, or nothing more comes."""
        end = time.monotonic() + quiet_s
        while not until():
            if self.step():
                end = time.monotonic() + quiet_s
            if self.session.closed or time.monotonic() > end:
                return until()
        return True


def bound(source: str) -> socket.socket:
    """A UDP socket at this address; a port of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((source, 0))
    sock.setblocking(False)
    return sock


def opening_of(data: bytes) -> bytes:
    """Connection id and ephemeral key of an INIT over UDP."""
    return data[1:5] + data[8:40]


def fresh_init(connection: int) -> bytes:
    """An opening as anyone can make it: a fresh key, and a tag that nobody checks for free."""
    head = bytes((REC_INIT,)) + connection.to_bytes(4, "big")
    return head + bytes((1, SUITE.code, 0)) + os.urandom(48)


def pending(sock: socket.socket, quiet_s: float = 0.05) -> list:
    """All datagrams that have come, until none comes for `quiet_s`."""
    found = []
    while select.select([sock], [], [], quiet_s)[0]:
        try:
            found.append(sock.recv(_BUFFER))
        except OSError:
            continue
    return found
