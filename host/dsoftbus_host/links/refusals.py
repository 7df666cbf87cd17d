"""The network's answers to datagrams that nobody takes: ICMP's "port unreachable".

A socket that is not connected gets no such answer, unless the system keeps them apart with the
address that each is about. Linux does (ip(7), IP_RECVERR); elsewhere nothing is known, and a
handshake waits for its time. An answer can be forged as a TCP reset can: it ends handshakes that
began here, and nothing that is established.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import Any

# Their numbers: linux/in.h, linux/in6.h. Python names neither.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_BURST = 64  # answers in one turn
_ERRORS = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES)
_ERRNO = struct.Struct("=I")  # the beginning of `struct sock_extended_err`
_CONTROL_BYTES = 512


class Refusals:
    """The answers that `sock` has got. Asked for while `watch(True)`, and then to be taken after
    every read: the socket is readable as long as one waits."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.watched = False  # whether answers are asked for

    def watch(self, on: bool) -> None:
        if on == self.watched or sys.platform != "linux":
            return
        if self._sock.family == socket.AF_INET6:
            self._sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, on)
        else:
            self._sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, on)  # off: what waits is gone
        self.watched = on

    def take(self) -> list[tuple[Any, str]]:
        """(address, why) of each datagram that was refused since."""
        taken: list[tuple[Any, str]] = []
        for _ in range(_BURST if self.watched else 0):
            try:
                _, control, _, address = self._sock.recvmsg(0, _CONTROL_BYTES, socket.MSG_ERRQUEUE)
            except OSError:  # no more
                break
            numbers = [_ERRNO.unpack_from(data)[0] for *_, data in control if len(data) >= 4]
            taken += [(address, os.strerror(number)) for number in numbers if number in _ERRORS]
        return taken
