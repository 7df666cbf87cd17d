"""A stranger that speaks the protocol well and waits for nothing, for tests of who is let in.

It has a key of its own, proves it, and sends all that is worth having together with its proof.
"""

import hashlib

from dsoftbus.const import SHARE_STREAM, SMALL
from dsoftbus.node import Node
from dsoftbus.share.messages import DONE, PUT, Request, put_header
from provided import SUITE
from support import Random

NAMES = (SHARE_STREAM, "light", "echo", "keep", "dsoftbus.pair", "dsoftbus.keys")
_FILE = b"owned"  # its name, and what is in it


def _put() -> bytes:
    """Stores the file in place of another, whatever the answers are."""
    request = Request(PUT, _FILE.decode())
    request.size = len(_FILE)
    request.replace = True
    return request.header() + put_header(0) + _FILE + hashlib.sha256(_FILE).digest()


PAYLOAD = _put()
_STORED = put_header([]) + put_header(DONE)  # no marks, and its end


def attacker(seed: int = 66) -> Node:
    return Node({1: SUITE}, SUITE.keypair(Random(seed)(32)), Random(seed + 1), SMALL, "stranger")


class OverStream:
    """Bytes for a link that carries a stream; `session` is the attacker's own."""

    file = None  # once it has struck: the stream that stores a file

    def __init__(self, public: bytes, psk=None, seed: int = 66):
        self.session = attacker(seed).connect(public, 0, psk=psk)

    @property
    def over(self) -> bool:
        """It was refused, or has what it wanted."""
        stored = self.file is not None and self.file.readable == len(_STORED)
        return stored or self.session.closed

    def take(self, data) -> None:
        self.session.receive_data(data, 0)

    def drain(self) -> bytes:
        out = bytearray(2048)
        data = b""
        n = self.session.poll_transmit(out, 0)
        while n:
            data += bytes(out[:n])
            n = self.session.poll_transmit(out, 0)
        return data

    def strike(self, farewell: int = 0) -> bytes:
        """FINISH, streams with data and their ends, and (`farewell`) the end of the session: what
        is to be sent in one piece."""
        first = self.drain()
        self.file = open_all(self.session)
        data = first + self.drain()
        if farewell:
            self.session.refuse(farewell)
            data += self.drain()
        return data


class OverDatagrams:
    """Packets for a link that carries datagrams."""

    file = None

    def __init__(self, public: bytes, psk=None, seed: int = 66):
        self._endpoint = attacker(seed).endpoint(1200)
        self.session = self._endpoint.connect("there", public, 0, psk=psk)

    over = OverStream.over

    def take(self, packet) -> None:
        self._endpoint.receive_datagram(bytearray(packet), "there", 0)

    def drain(self) -> list:
        out = bytearray(1200)
        packets = []
        n = self._endpoint.poll_transmit(out, 0)
        while n:
            packets.append(bytes(out[:n]))
            n = self._endpoint.poll_transmit(out, 0)
        return packets

    def strike(self) -> list:
        """FINISH, streams and messages: packets to be sent back to back."""
        packets = self.drain()
        self.file = open_all(self.session)
        for _ in range(3):
            self.session.send_datagram(b"owned")
        return packets + self.drain()


def open_all(session):
    """Returns the first, on which two headers come back once the file is stored."""
    streams = [session.mux.open(name, 3) for name in NAMES]
    for stream in streams:
        stream.send(PAYLOAD)
        stream.finish()
    return streams[0]
