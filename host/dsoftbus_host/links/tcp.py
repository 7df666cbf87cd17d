"""TCP links on non-blocking sockets: the contract of `dsoftbus.pump`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

BACKLOG = 128


class TcpLink:
    """A connected stream socket as a link. Owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        # A socket pair in a test has no such option; where the peer has reset the connection,
        # some systems refuse it, and the first read will say so.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.waits_for = sock.fileno()
        self._recv_into = sock.recv_into
        self._send = sock.send

    def readinto(self, view: memoryview) -> int | None:
        try:
            return self._recv_into(view)
        except BlockingIOError:
            return None

    def write(self, buffer: bytearray, at: int, stop: int) -> int | None:
        try:
            return self._send(memoryview(buffer)[at:stop])
        except BlockingIOError:
            return None

    def close(self) -> None:
        self.socket.close()


class Listener:
    """A listening socket, which it owns."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.waits_for = sock.fileno()

    def accept(self) -> tuple[TcpLink, Any] | None:
        """(link, address) of a connection that waits, None when there is none."""
        try:
            sock, address = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):  # the latter: gone already
            return None
        return TcpLink(sock), address

    def close(self) -> None:
        self.socket.close()


async def connected(family: int, address: Any) -> TcpLink:
    """A link to `address`. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return TcpLink(sock)
