"""Servers that reset: a peer dials, and whoever answers ends the link at the worst moment."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable

from attack.wire import LINGER_RESET

WAIT_S = 6


class Resetting:
    """Listens on a port of its own; `answer(link)` is what each connection gets, then RST.

    A context manager; `met` counts connections.
    """

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.met = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._over = False
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Resetting:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._over:
            link, _ = self._listener.accept()
            self.met += 1
            link.settimeout(WAIT_S)
            with contextlib.suppress(OSError):
                self._answer(link)
            with contextlib.suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            link.close()


def at_once(_link: socket.socket) -> None:
    """RST as soon as it is connected: before the other side has written."""


def after_init(link: socket.socket) -> None:
    """The first message is read, and nothing is said."""
    link.recv(100)


def unread(link: socket.socket) -> None:
    """Closes with the first message unread: a RST of the system's own."""
    link.recv(1)


def garbage(link: socket.socket) -> None:
    link.recv(100)
    link.sendall(os.urandom(300))


def refusal(link: socket.socket) -> None:
    """Returns a refusal that anyone can send: not authenticated, and with a code that nobody
    knows."""
    link.recv(100)
    link.sendall(b"\x00\x02\x05\xee")


def half_a_reply(link: socket.socket) -> None:
    link.recv(100)
    link.sendall(b"\x00\x60\x02" + bytes(20))


ANSWERS = (at_once, after_init, unread, garbage, refusal, half_a_reply)
