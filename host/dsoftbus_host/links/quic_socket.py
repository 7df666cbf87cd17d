"""The sockets of QUIC links: one for all that peers begin at a port, one for each that begins
here.

A peer's address is proved before anything is kept for it (RFC 9000 section 8.1.2): its first
datagram is answered with a Retry, whose token it has to show. That costs it the round trip that
TCP's handshake costs, and a forged address costs this side one hash.
"""

from __future__ import annotations

import hmac
import os
import socket
from collections import deque
from typing import Any

from dsoftbus.errors import Unsupported
from dsoftbus_host.event_loop import running_loop
from dsoftbus_host.link_source import Source
from dsoftbus_host.links.library_link import Links
from dsoftbus_host.links.quic import QuicLink, dialled, served

try:
    from aioquic._buffer import Buffer
    from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
    from aioquic.quic.packet import (
        QuicPacketType,
        encode_quic_retry,
        encode_quic_version_negotiation,
        pull_quic_header,
    )
except ImportError:
    raise Unsupported("aioquic: pip install 'dsoftbus[quic]'") from None

MOST_READS = 64  # in a turn; then others have theirs
PENDING = 128  # connections that nobody has accepted yet: others come again
TOKEN_S = 10  # a client answers a Retry at once
_DATAGRAM_BYTES = 2048
_ID_BYTES = 8
_MAC_BYTES = 16


class QuicSocket:
    """A UDP socket, which it owns, and the links on it. It closes with the last of them."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._links: dict[bytes, QuicLink] = {}  # by connection id
        self._loop = running_loop()
        self._loop.add_reader(sock.fileno(), self._read)
        self.open = True

    def add(self, link: QuicLink, name: bytes) -> None:
        """Datagrams with this connection id are for `link`."""
        link.names.add(name)
        self._links[name] = link

    def drop(self, name: bytes) -> None:
        link = self._links.pop(name, None)
        if link is not None:
            link.names.discard(name)

    def forget(self, link: QuicLink) -> None:
        """`link` is over."""
        for name in link.names:
            self._links.pop(name, None)
        if not self._links:
            self._idle()

    def send(self, data: bytes, address: Any) -> None:
        """A datagram that the system does not take is lost, as on the way."""
        try:
            self.socket.sendto(data, address)
        except OSError:
            return

    def close(self) -> None:
        if self.open:
            self.open = False
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()

    def _read(self) -> None:
        touched: dict[QuicLink, None] = {}  # in order
        for _ in range(MOST_READS):
            try:
                data, address = self.socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                break
            except OSError as error:  # an answer of the network to what was sent
                self._refused(error, touched)
                continue
            link = self._link(data, address)
            if link is not None:
                link.take(data, address)
                touched[link] = None
        for link in touched:
            link.turn()

    def _refused(self, error: OSError, touched: dict[QuicLink, None]) -> None:
        """Nobody knows which link that was about, on a socket of many."""

    def _link(self, data: bytes, address: Any) -> QuicLink | None:
        """Returns the link that a datagram is for, if any."""
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=_ID_BYTES)
        except ValueError:
            return None
        link = self._links.get(header.destination_cid)
        if link is None:
            self._on_stranger(header, data, address)
        return link

    def _on_stranger(self, header: Any, data: bytes, address: Any) -> None:
        """A datagram of no connection: dropped."""

    def _idle(self) -> None:
        """The last link has gone."""
        self.close()


class DialledSocket(QuicSocket):
    """The socket of one link. The network's refusals are about it."""

    def send(self, data: bytes, address: Any) -> None:
        try:
            self.socket.send(data)
        except OSError:
            return

    def _refused(self, error: OSError, touched: dict[QuicLink, None]) -> None:
        for link in set(self._links.values()):
            link.refused(error)
            touched[link] = None


class ListeningSocket(QuicSocket):
    """The socket of a listener: it takes connections while `accepting`."""

    def __init__(
        self, sock: socket.socket, configuration: QuicConfiguration, links: Links
    ) -> None:
        super().__init__(sock)
        self._all = links
        self.accepting = True
        self.arrived: deque[tuple[QuicLink, Any]] = deque()
        self.source = _Arrivals(self)
        self._configuration = configuration
        self._secret = os.urandom(32)

    def _read(self) -> None:
        super()._read()
        if self.arrived:
            self.source.changed()

    def stop(self) -> None:
        """Takes no more connections; those that live go on."""
        self.accepting = False
        while self.arrived:
            self.arrived.popleft()[0].close()
        if not self._links:
            self.close()

    def _idle(self) -> None:
        if not self.accepting:
            self.close()

    def _on_stranger(self, header: Any, data: bytes, address: Any) -> None:
        """Only what may begin a connection is looked at; a token has to prove its address."""
        if not self.accepting or len(data) < SMALLEST_MAX_DATAGRAM_SIZE:
            return
        if header.packet_type == QuicPacketType.VERSION_NEGOTIATION or header.version is None:
            return
        if header.version not in self._configuration.supported_versions:
            answer = encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=self._configuration.supported_versions,
            )
            self.send(answer, address)
        elif header.packet_type == QuicPacketType.INITIAL:
            self._on_initial(header, data, address)

    def _on_initial(self, header: Any, data: bytes, address: Any) -> None:
        if header.token:
            original = self._original(header.token, header.destination_cid, address)
            if original is not None and len(self.arrived) < PENDING:
                self._accept(original, header.destination_cid, data, address)
            return
        source = os.urandom(_ID_BYTES)
        retry = encode_quic_retry(
            version=header.version,
            source_cid=source,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=self._token(header.destination_cid, source, address),
        )
        self.send(retry, address)

    def _accept(self, original: bytes, name: bytes, data: bytes, address: Any) -> None:
        ids = {"original_destination_connection_id": original, "retry_source_connection_id": name}
        connection = served(ids, self._configuration)
        link = QuicLink(connection, self, address, data)
        self._all.add(link)
        self.add(link, name)
        self.add(link, connection.host_cid)
        self.arrived.append((link, address))

    # Tokens: `second u32 | original id | mac`, the mac over these, the new id and the address.

    def _token(self, original: bytes, source: bytes, address: Any) -> bytes:
        second = int(self._loop.time()).to_bytes(4, "big")
        return second + original + self._mac(second + original, source, address)

    def _original(self, token: bytes, source: bytes, address: Any) -> bytes | None:
        """Returns the id to which the client's first datagram went, or None where this address
        was given no such token, or not lately."""
        said, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(said, source, address)):
            return None
        age = int(self._loop.time()) - int.from_bytes(said[:4], "big")
        return said[4:] if 0 <= age <= TOKEN_S else None

    def _mac(self, said: bytes, source: bytes, address: Any) -> bytes:
        text = b"%d|%b|%b|%b" % (len(said), said, source, repr(address).encode())
        return hmac.digest(self._secret, text, "sha256")[:_MAC_BYTES]


class _Arrivals(Source):
    """The connections that wait at a listening socket."""

    def __init__(self, sock: ListeningSocket) -> None:
        self._socket = sock

    @property
    def readable(self) -> bool:  # type: ignore[override] # a constant there
        return bool(self._socket.arrived)


class Listener:
    """A listener of QUIC at a UDP socket, which it owns. Its links go on when it closes."""

    def __init__(
        self, sock: socket.socket, configuration: QuicConfiguration, links: Links
    ) -> None:
        self._socket = ListeningSocket(sock, configuration, links)
        self.waits_for = self._socket.source

    def accept(self) -> tuple[QuicLink, Any] | None:
        """(link, address) of a connection that waits, None when there is none."""
        arrived = self._socket.arrived
        return arrived.popleft() if arrived else None

    def close(self) -> None:
        self._socket.stop()


async def connected(family: int, address: Any, links: Links, name: str | None) -> QuicLink:
    """A link to `address`; `name` is the host's, if it has one. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(address)
        owner = DialledSocket(sock)
    except BaseException:
        sock.close()
        raise
    connection = dialled(name)
    link = QuicLink(connection, owner, address)
    owner.add(link, connection.host_cid)
    links.add(link)
    try:
        link.begin()
        await link.opened()
    except BaseException:
        link.abort()
        raise
    return link
