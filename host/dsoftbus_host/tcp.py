"""TCP links on non-blocking sockets: the contract of `dsoftbus.pump`."""

from __future__ import annotations

import contextlib
import socket


class TcpLink:
    """A connected stream socket as a link. Owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        # A socket pair in a test has no such option; where the peer has reset the connection,
        # some systems refuse it, and the first read will say so.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
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

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()
