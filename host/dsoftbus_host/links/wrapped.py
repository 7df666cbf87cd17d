"""Stream links within the protocols of others: QUIC and WebSocket. Each loads its library when it
is first used."""

from __future__ import annotations

import functools
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsoftbus_host.address import WEB, check_host, host_and_path, host_port
from dsoftbus_host.links.certificate import Certificate, client_context, server_context
from dsoftbus_host.links.resolver import is_literal

if TYPE_CHECKING:
    from dsoftbus_aio.contracts import Listener
    from dsoftbus_host.links.library_link import LibraryLink, Links

WRAPPED = ("quic", *WEB)


def listeners(
    link: str, certificate: Certificate | None, links: Links
) -> Callable[[socket.socket], Listener]:
    """Gives a function that makes a listener of `link` out of a bound socket, which it then owns.
    Its links are among `links`.

    Raises Unsupported where the library is not installed, LocalError(BAD_ARGUMENT) and OSError for
    a certificate that cannot be read."""
    if link == "quic":
        from dsoftbus_host.links import quic, quic_socket

        configuration = quic.server_configuration(certificate)
        return lambda sock: quic_socket.Listener(sock, configuration, links)
    from dsoftbus_host.links import websocket

    tls = server_context(certificate) if link == "wss" else None
    return lambda sock: websocket.Listener(sock, tls, links)


class Dial:
    """Makes links to the node at `host` and `port`; over a WebSocket `host` may have a path.

    `ca` is the file with the authorities of servers of `wss`, None for the system's. Raises
    Unsupported and LocalError(BAD_ARGUMENT).
    """

    def __init__(self, link: str, host: str, port: int, ca: Path | None, links: Links) -> None:
        self._links = links
        path = ""
        self.host = host
        if link in WEB:
            self.host, path = host_and_path(host)
        check_host(self.host)
        name = self.host.partition("%")[0]  # an interface is nobody else's business
        self._connect: Callable[[int, Any, Links], Awaitable[LibraryLink]]
        if link == "quic":
            from dsoftbus_host.links import quic_socket

            server = None if is_literal(self.host) else name
            self._connect = functools.partial(quic_socket.connected, name=server)
        else:
            from dsoftbus_host.links import websocket

            url = websocket.checked(f"{link}://{host_port(name, port)}{path}")
            tls = client_context(ca) if link == "wss" else None
            self._connect = functools.partial(websocket.connected, url=url, name=name, tls=tls)

    async def __call__(self, family: int, address: Any) -> LibraryLink:
        """A link to one address of the host. Raises OSError."""
        return await self._connect(family, address, self._links)
