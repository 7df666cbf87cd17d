"""QUIC links (RFC 9000), by the state machine of `aioquic`: one bidirectional stream a session.

TLS 1.3 is the wrapping that QUIC cannot do without. The session inside proves who is there, so
that a client checks no certificate.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from dsoftbus.errors import BAD_ARGUMENT, LocalError, Unsupported
from dsoftbus_host import display
from dsoftbus_host.links.certificate import Certificate, self_signed
from dsoftbus_host.links.library_link import HELD_BYTES, QUIET, LibraryLink
from dsoftbus_host.links.resolver import written

try:
    from aioquic.quic import events
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection, QuicConnectionError
    from aioquic.quic.packet import QuicErrorCode
    from aioquic.quic.stream import QuicStream
except ImportError:
    raise Unsupported("aioquic: pip install 'dsoftbus[quic]'") from None

ALPN = "dsoftbus/1"
CREDIT_BYTES = 1 << 20  # that the peer may send beyond what was taken: as much as this side keeps
LINGER_S = 2  # for the last bytes of a link that is closed
_IDLE_S = 86400.0  # sessions have a keepalive of their own, and ends by it
_STREAM = 0  # the client's first bidirectional one
log = display.log()


class _Stream(QuicStream):
    """A stream whose credit follows what was taken from it. The library's own doubles whenever
    half of it has been used, even by bytes that leave a gap before them, and so does what a peer
    may have it keep."""

    taken = 0  # bytes

    @property
    def max_stream_data_local(self) -> int:
        return int(self.__dict__["max_stream_data_local"])

    @max_stream_data_local.setter
    def max_stream_data_local(self, credit: int) -> None:
        bounded = min(credit, self.taken + CREDIT_BYTES)
        self.__dict__["max_stream_data_local"] = max(bounded, self.max_stream_data_local)


class _Connection(QuicConnection):
    """A connection that has one stream."""

    written = 0  # bytes

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._logger = QUIET  # type: ignore[assignment] # it has the same methods

    def _get_or_create_stream(self, frame_type: int, stream_id: int) -> QuicStream:
        if stream_id != _STREAM:
            raise QuicConnectionError(
                error_code=QuicErrorCode.STREAM_LIMIT_ERROR,
                frame_type=frame_type,
                reason_phrase="one stream",
            )
        return self._bounded(super()._get_or_create_stream(frame_type, stream_id))

    def _get_or_create_stream_for_send(self, stream_id: int) -> QuicStream:
        return self._bounded(super()._get_or_create_stream_for_send(stream_id))

    def _bounded(self, stream: QuicStream) -> QuicStream:
        if not isinstance(stream, _Stream):
            stream.__class__ = _Stream
        return stream

    def took(self, n: int) -> None:
        """So many bytes more were taken: the peer may send as many."""
        stream = self._streams.get(_STREAM)
        if isinstance(stream, _Stream):
            stream.taken += n

    @property
    def has_stream(self) -> bool:
        return _STREAM in self._streams

    @property
    def may_write(self) -> bool:
        """A server has the stream once its peer has said something."""
        return self.has_stream or self.configuration.is_client

    @property
    def unsent(self) -> int:
        """Bytes that were written and that wait for the peer's credit, or for the path."""
        stream = self._streams.get(_STREAM)
        return 0 if stream is None else self.written - stream.sender.next_offset

    @property
    def delivered(self) -> bool:
        """The peer has all, and the end of it."""
        stream = self._streams.get(_STREAM)
        return stream is None or stream.sender.is_finished

    def write(self, data: bytes) -> None:
        self.send_stream_data(_STREAM, data)
        self.written += len(data)


class Owner(Protocol):
    """The socket of a link, which gives it its datagrams by the ids of its connection."""

    def send(self, data: bytes, address: Any, /) -> None: ...
    def add(self, link: QuicLink, name: bytes, /) -> None: ...
    def drop(self, name: bytes, /) -> None: ...
    def forget(self, link: QuicLink, /) -> None: ...


class QuicLink(LibraryLink):
    """One connection, as a link. `first` is the datagram with which a peer asked for it: it is
    looked at once somebody watches the link, who has let the peer's address pay for that."""

    _closed = False  # by its session: what it has to say may be on its way still
    _terminated = False  # the connection has ended
    _over = False  # nothing of it is left

    def __init__(
        self, connection: _Connection, owner: Owner, address: Any, first: bytes | None = None
    ) -> None:
        super().__init__()
        self.connection = connection
        self.names: set[bytes] = set()  # ids of the connection: its owner's
        self._owner = owner
        self._address = address
        self._first = first
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._going: asyncio.Handle | None = None  # what was written leaves soon

    # The contract of a link

    @property
    def writable(self) -> bool:  # type: ignore[override] # a constant there
        return self.ended or (self.open and self._room() > 0)

    def attach(self, changed: Callable[[], object]) -> None:
        super().attach(changed)
        if self._first is not None:
            self._loop.call_soon(self._answer)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.ended or not self.connection.has_stream:
            self.abort()
            return
        self.connection.send_stream_data(_STREAM, b"", end_stream=True)
        self._finish()
        self._linger = self._loop.call_later(LINGER_S, self.abort)
        self._go()

    # That of a library's link

    def _room(self) -> int:
        return HELD_BYTES - self.connection.unsent

    def _send(self, data: bytes) -> None:
        if not self.connection.may_write:
            raise OSError(errno.ENOTCONN, "the peer has no stream")
        self.connection.write(data)
        self._go_soon()

    def readinto(self, view: memoryview) -> int | None:
        n = super().readinto(view)
        if n:
            self.connection.took(n)
            self._go_soon()  # with credit for the peer, perhaps
        return n

    # That of its socket

    def begin(self) -> None:
        """A client asks for the connection."""
        self.connection.connect(self._address, now=self._loop.time())
        self._go()

    def take(self, data: bytes, address: Any) -> None:
        """A datagram has come; `turn` follows."""
        if self._first is None:  # else it is early, and comes again
            self.connection.receive_datagram(data, address, now=self._loop.time())

    def turn(self) -> None:
        """Follows what has come: events, what waits for them, and answers."""
        event = self.connection.next_event()
        while event is not None:
            self._on_event(event)
            event = self.connection.next_event()
        self.changed()
        if self._closed and (self._terminated or self.connection.delivered):
            self.abort()
        elif not self._over:
            self._go()

    def refused(self, error: OSError) -> None:
        """The network says that nobody takes what is sent."""
        if not self.open:
            self._finish(error)

    def abort(self) -> None:
        """The connection is over at once, and the peer is told so."""
        if self._over:
            return
        self._over = self._closed = True
        self._finish()
        if self._first is None:  # else nothing was ever sent
            self.connection.close()
            self._go()
        for handle in (self._timer, self._linger, self._going):
            if handle is not None:
                handle.cancel()
        self._owner.forget(self)
        self._gone()

    # Ours

    def _answer(self) -> None:
        first, self._first = self._first, None
        if first is not None and not self._over:
            self.take(first, self._address)
            self.turn()

    def _on_event(self, event: events.QuicEvent) -> None:
        if isinstance(event, events.StreamDataReceived):
            self._arrived(event.data)
            if event.end_stream:
                self._finish()
        elif isinstance(event, events.HandshakeCompleted):
            self._on_handshake(event.alpn_protocol)
        elif isinstance(event, events.ConnectionIdIssued):
            self._owner.add(self, event.connection_id)
        elif isinstance(event, events.ConnectionIdRetired):
            self._owner.drop(event.connection_id)
        elif isinstance(event, events.ConnectionTerminated):
            self._on_end(event)
        elif isinstance(event, events.StreamReset | events.StopSendingReceived):
            self._refuse("the peer has reset its stream")

    def _on_handshake(self, alpn: str | None) -> None:
        if alpn == ALPN:
            self._open()
        else:
            self._refuse(f"the peer does not speak {ALPN}")

    def _on_end(self, event: events.ConnectionTerminated) -> None:
        self._terminated = True
        if event.error_code == QuicErrorCode.NO_ERROR:
            self._finish(None if self.open else OSError(errno.ECONNRESET, "the peer has gone"))
        else:
            why = display.shown(event.reason_phrase[:64])
            self._refuse(f"QUIC error {event.error_code:#x} {why}".rstrip())

    def _refuse(self, why: str) -> None:
        if not self.ended:
            log.info("%s: %s", written(self._address), why)
            self._finish(OSError(errno.EPROTO, why))

    def _go_soon(self) -> None:
        if self._going is None:
            self._going = self._loop.call_soon(self._go)

    def _go(self) -> None:
        """Sends what there is to send, and sets the timer."""
        if self._going is not None:
            self._going.cancel()
            self._going = None
        was_full = self._room() <= 0
        for data, address in self.connection.datagrams_to_send(now=self._loop.time()):
            self._owner.send(data, address)
        self._arm()
        if was_full and self.writable:
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self.changed()

    def _arm(self) -> None:
        """Sets the timer anew only where the deadline comes earlier."""
        due = self.connection.get_timer()
        if due is not None and (self._timer is None or due < self._timer.when()):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        due = self.connection.get_timer()
        if due is not None and due <= now:
            self.connection.handle_timer(now=now)
            self.turn()
        else:
            self._arm()


def served(connection: dict[str, Any], configuration: QuicConfiguration) -> _Connection:
    """The connection of a peer that has asked for one: `connection` has its ids."""
    return _Connection(configuration=configuration, **connection)


def dialled(name: str | None) -> _Connection:
    """A connection that begins here, with a server of this name."""
    configuration = _configuration(True)
    configuration.server_name = name
    configuration.verify_mode = ssl.CERT_NONE  # as the module says
    return _Connection(configuration=configuration)


def server_configuration(certificate: Certificate | None) -> QuicConfiguration:
    """Without a certificate it has one of its own, made now. Raises LocalError(BAD_ARGUMENT),
    OSError."""
    configuration = _configuration(False)
    if certificate is None:
        configuration.certificate, configuration.private_key = self_signed()
        return configuration
    try:
        configuration.load_cert_chain(*certificate)
    except (ValueError, TypeError, IndexError) as error:
        raise LocalError(BAD_ARGUMENT, f"{certificate[0]}: {error}") from None
    return configuration


def _configuration(is_client: bool) -> QuicConfiguration:
    return QuicConfiguration(
        is_client=is_client,
        alpn_protocols=[ALPN],
        max_data=CREDIT_BYTES,
        max_stream_data=CREDIT_BYTES,
        idle_timeout=_IDLE_S,
    )
