"""Serial lines on asyncio's loop: a bus's sessions over a port of this machine, by pyserial."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import serial

from dsoftbus.const import LINK_LINE, SUITE_CHACHA_SHA256
from dsoftbus.discovery.on_line import OnLine
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LOCAL, PeerError, Unsupported
from dsoftbus.line_link import LineLink
from dsoftbus.link.line import NEIGHBOUR
from dsoftbus.ticks import earliest
from dsoftbus_host.clock import now_ms
from dsoftbus_host.datagram_port import DatagramPort

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsoftbus.discovery.announce import Announcement
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.connection import Connection

BAUD = 115200
CONNECT_MS = 10000
REOPEN_SECONDS = 0.5  # between two looks for a port that was unplugged
log = logging.getLogger("dsoftbus")


class BytePort:
    """A serial port that never waits: the byte port of `LineLink`. Owns the port."""

    def __init__(self, path: str, baud: int) -> None:
        if os.name != "posix":
            raise Unsupported("serial ports on this system: they cannot be waited for")
        import termios  # only there

        self.serial = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
        os.set_blocking(self.fileno(), False)
        mode = termios.tcgetattr(self.fileno())
        mode[6][termios.VMIN] = 1  # pyserial's 0 makes "nothing now" look like "nothing any more"
        termios.tcsetattr(self.fileno(), termios.TCSANOW, mode)

    def fileno(self) -> int:
        return int(self.serial.fileno())

    def readinto(self, view: memoryview) -> int | None:
        try:
            return os.readv(self.fileno(), [view])
        except BlockingIOError:
            return None

    def write(self, buffer: bytearray, at: int, stop: int) -> int | None:
        try:
            return os.write(self.fileno(), memoryview(buffer)[at:stop])
        except BlockingIOError:
            return None

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may be gone from under us
            self.serial.close()


class SerialPort(DatagramPort):
    """The line at `path`, and the sessions on it. A port that is unplugged is looked for again,
    and its sessions go on when it comes back before the keepalive ends them."""

    _link: LineLink

    def __init__(self, bus: Bus, path: str, baud: int = BAUD) -> None:
        self.path = path
        self._baud = baud
        self._reopening: asyncio.TimerHandle | None = None
        self._announcements: OnLine | None = None
        self._byte_port: BytePort | None = BytePort(path, baud)
        super().__init__(bus, LineLink(self._byte_port, _epoch(), bus.node.profile))
        self._watch_reading(self._byte_port)

    async def connect(
        self,
        public: bytes,
        timeout_ms: int = CONNECT_MS,
        psk: bytes | None = None,
        channel: int = NEIGHBOUR,
    ) -> Connection:
        """A session with the node whose public key is `public`, or BusError: the one at the other
        end, or the one to which a bridge there leads on `channel`.

        `psk` is the token of an invitation.
        """
        # What a bridge calls a node may change, so it is no place to seek it again.
        route = (LINK_LINE, self.path, channel) if channel == NEIGHBOUR else None
        session = self.endpoint.connect(channel, public, now_ms(), SUITE_CHACHA_SHA256, psk, route)
        connection = self.adopt(session)
        self.turn()
        try:
            async with timeout(timeout_ms / 1000):
                await connection.ready.wait()
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            connection.abort(END_LOCAL)
            raise PeerError(END_HANDSHAKE_TIMEOUT, self.path) from None
        except BaseException:
            connection.abort(END_LOCAL)
            raise
        if connection.cause:
            raise connection.cause
        return connection

    def announce(self, said: Announcement, on_heard: Callable[[], None]) -> OnLine:
        """From now on `said` is announced here, and the bus's table of peers hears others;
        `on_heard()` follows each. Whoever drives what is returned calls `turn` after it."""
        peers = self._bus.node.discover()
        self._announcements = OnLine(self._link, said, now_ms(), peers, self.path, on_heard)
        self._pump.link = self._announcements
        return self._announcements

    def close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        super().close()

    # The pump

    def _move(self) -> None:
        link = self._link
        link.now = now_ms()
        super()._move()
        while link.flush() and self._pump.blocked:
            super()._move()
        if link.ended:
            self._unplugged()

    def _handle_timer(self, now: int) -> None:
        self._link.handle_timer(now)
        super()._handle_timer(now)

    def _deadline(self) -> int | None:
        due: int | None = earliest(super()._deadline(), self._link.poll_timer())
        return due

    @property
    def _blocked(self) -> bool:
        return self._link.blocked

    def _fileno(self) -> int:
        return -1 if self._byte_port is None else self._byte_port.fileno()

    # A cable that goes and comes

    def _watch_reading(self, port: BytePort) -> None:
        self._loop.add_reader(port.fileno(), self._on_readable)

    def _unplugged(self) -> None:
        log.warning("%s is gone", self.path)
        self._unwatch()
        if self._byte_port is not None:
            self._byte_port.close()
            self._byte_port = None
        self._link.plug(None)
        if self._announcements is not None:
            self._bus.node.discover().unplugged(self.path)
        self._reopening = self._loop.call_later(REOPEN_SECONDS, self._reopen)

    def _reopen(self) -> None:
        try:
            self._byte_port = BytePort(self.path, self._baud)
        except OSError:  # serial.SerialException is one
            self._reopening = self._loop.call_later(REOPEN_SECONDS, self._reopen)
            return
        log.warning("%s is back", self.path)
        self._reopening = None
        self._link.plug(self._byte_port)
        if self._announcements is not None:
            self._announcements.restart(now_ms())
        self._watch_reading(self._byte_port)
        self.turn()


def _epoch() -> int:
    return int.from_bytes(os.urandom(2), "big")
