"""WebSocket links (RFC 6455), `ws://` and `wss://`, by the state machine of `websockets`.

The bytes of a link are the payloads of its binary messages, one after the other: where a message
ends means nothing. The session inside proves who is there, so that pages from anywhere may come;
TLS is the wrapping that some networks ask for.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any, cast

from dsoftbus.errors import BAD_ARGUMENT, LocalError, Unsupported
from dsoftbus_host import display
from dsoftbus_host.address import PATH
from dsoftbus_host.links.library_link import HELD_BYTES, QUIET, LibraryLink, Links
from dsoftbus_host.links.resolver import written

try:
    from websockets.client import ClientProtocol
    from websockets.exceptions import InvalidURI
    from websockets.frames import CloseCode, Frame, Opcode
    from websockets.http11 import Request, Response
    from websockets.server import ServerProtocol
    from websockets.uri import WebSocketURI, parse_uri
except ImportError:
    raise Unsupported("websockets: pip install 'dsoftbus[web]'") from None

SENT_BYTES = 1 << 16  # in a message, at most: more than a record of any profile has
TAKEN_BYTES = 1 << 17  # in one; what is longer ends the link before it is kept
LINGER_S = 2  # for the last bytes of a link that is closed
_TLS_S = 10  # for the handshake of a client; the session that waits for it has less
_DATA = (Opcode.BINARY, Opcode.CONT)
log = display.log()


class WebSocketLink(LibraryLink, asyncio.Protocol):
    """One WebSocket, whose TCP connection is made. A kind says what opens it."""

    _transport: asyncio.Transport | None = None
    _paused = False  # the transport has enough to send
    _stopped = False  # the transport brings nothing more

    def __init__(self, protocol: Any, where: str) -> None:
        super().__init__()
        self._protocol = protocol
        self._where = where
        self._loop = asyncio.get_running_loop()

    # The contract of a link

    @property
    def writable(self) -> bool:  # type: ignore[override] # a constant there
        return self.ended or (self.open and not self._paused)

    def close(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.open and not self.ended:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._finish()
        transport.close()
        self._loop.call_later(LINGER_S, transport.abort)  # the peer may have stopped reading

    def abort(self) -> None:
        self._finish()
        if self._transport is not None:
            self._transport.abort()
        else:
            self._gone()

    # That of a library's link

    def _room(self) -> int:
        return 0 if self._paused else SENT_BYTES

    def _send(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        self._flush()

    def _on_room(self) -> None:
        if self._stopped and not self.full and self._transport is not None:
            self._stopped = False
            self._transport.resume_reading()

    # That of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HELD_BYTES)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.changed()

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            self._on_event(event)
        wrong = protocol.parser_exc or (None if self.open else protocol.handshake_exc)
        if wrong is not None:
            self._refuse(str(wrong))
        self._flush()
        self._bound()
        self.changed()

    def eof_received(self) -> None:
        self._finish(None if self.open else OSError(errno.ECONNRESET, "the peer has gone"))
        self.changed()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error if isinstance(error, OSError) else None)
        self.changed()
        self._gone()

    # Ours

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Frame):
            self._on_frame(event)
        elif isinstance(event, Request):
            self._on_request(event)
        elif isinstance(event, Response):
            self._on_response(event)

    def _on_request(self, request: Request) -> None:
        """Clients get none: their side of the library reads none."""

    def _on_response(self, response: Response) -> None:
        """Servers get none."""

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode in _DATA:
            self._arrived(frame.data)
        elif frame.opcode == Opcode.TEXT:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "binary messages alone")
            self._refuse("a text message")
        elif frame.opcode == Opcode.CLOSE:
            self._finish()

    def _refuse(self, why: str) -> None:
        """Ends the link for what the peer did."""
        if not self.ended:
            log.info("%s: %s", self._where, why)
            self._finish(OSError(errno.EPROTO, why))

    def _bound(self) -> None:
        """Leaves with the system what comes, until the session has taken what came. A peer that
        has this side answer its pings, and does not read the answers, is gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.full and not self._stopped:
            self._stopped = True
            transport.pause_reading()
        if transport.get_write_buffer_size() > 2 * HELD_BYTES:
            self._refuse("it reads nothing")
            transport.abort()

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if data and transport is not None and not transport.is_closing():
                transport.write(data)


class Accepted(WebSocketLink):
    """The link of a peer that has connected: it is opened once somebody watches it, who has let
    the peer's address pay for that."""

    _task: asyncio.Task[None] | None = None
    _begun = False

    def __init__(self, sock: socket.socket, address: Any, tls: ssl.SSLContext | None) -> None:
        super().__init__(ServerProtocol(max_size=TAKEN_BYTES, logger=QUIET), written(address))
        self._socket = sock
        self._tls = tls

    def attach(self, changed: Any) -> None:
        super().attach(changed)
        if self._task is None:
            self._task = self._loop.create_task(self._begin())

    def close(self) -> None:
        super().close()
        if self._task is not None and not self._task.done():
            self._finish()
            self._task.cancel()
        if not self._begun:  # else the task has the socket, or the transport
            self._socket.close()
            self._gone()

    async def _begin(self) -> None:
        self._begun = True
        try:
            await self._loop.connect_accepted_socket(
                lambda: self,
                self._socket,
                ssl=self._tls,
                ssl_handshake_timeout=_TLS_S if self._tls else None,
            )
        except (OSError, asyncio.CancelledError) as error:
            self._socket.close()
            self._refuse(f"TLS: {error}")
            self.changed()
            self._gone()

    def _on_request(self, request: Request) -> None:
        protocol = self._protocol
        if request.path.partition("?")[0] == PATH:
            answer = protocol.accept(request)
        else:
            answer = protocol.reject(404, f"nodes are at {PATH}\n")
        protocol.send_response(answer)
        if answer.status_code == 101:
            self._open()
        else:
            self._refuse(f"{answer.status_code} for {display.shown(request.path[:64])}")


class Listener:
    """A listening socket, which it owns."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None, links: Links) -> None:
        self._links = links
        self.socket = sock
        self.waits_for = sock.fileno()
        self._tls = tls

    def accept(self) -> tuple[Accepted, Any] | None:
        """(link, address) of a connection that waits, None when there is none."""
        try:
            sock, address = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):  # as in `tcp`
            return None
        try:
            prepare(sock)
            link = Accepted(sock, address, self._tls)
            self._links.add(link)
            return link, address
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        self.socket.close()


class Dialled(WebSocketLink):
    """The link of a connection that begins here."""

    def _on_response(self, response: Response) -> None:
        if self._protocol.handshake_exc is None:
            self._open()
        else:
            what = display.shown(response.reason_phrase[:64])
            self._refuse(f"the server says {response.status_code} {what}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()


def checked(url: str) -> WebSocketURI:
    """The parts of `url`. Raises LocalError(BAD_ARGUMENT)."""
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise LocalError(BAD_ARGUMENT, str(error)) from None


async def connected(
    family: int,
    address: Any,
    links: Links,
    url: WebSocketURI,
    name: str,
    tls: ssl.SSLContext | None,
) -> Dialled:
    """A link to `address`, asked for as `url`; `name` is the one that its certificate has to
    have, where there is TLS. Raises OSError, which says what the other side did not do."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_STREAM)
    link = Dialled(ClientProtocol(url, max_size=TAKEN_BYTES, logger=QUIET), written(address))
    try:
        prepare(sock)
        await loop.sock_connect(sock, address)
        links.add(link)
        named = name if tls else None
        await loop.create_connection(lambda: link, sock=sock, ssl=tls, server_hostname=named)
        await link.opened()
    except BaseException:
        link.abort()
        sock.close()
        raise
    return link


def prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
