"""Serial lines on asyncio's loop: a bus's sessions over a port of this machine, by pyserial."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from dsoftbus.const import LINK_LINE, SUITE_CHACHA_SHA256
from dsoftbus.discovery.on_line import OnLine
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LOCAL, LINE_VERSION, PeerError
from dsoftbus.link.line import NEIGHBOUR
from dsoftbus.ticks import earliest
from dsoftbus_host import display
from dsoftbus_host.cable import BAUD, Cable
from dsoftbus_host.clock import now_ms
from dsoftbus_host.datagram_port import DatagramPort

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsoftbus.discovery.announce import Announcement
    from dsoftbus.line_link import LineLink
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.connection import Connection

CONNECT_MS = 20000
OLD = "the other end has an older version: install the node there anew"
log = display.log()


class SerialPort(DatagramPort):
    """The line at `path`, and the sessions on it. A port that is unplugged is looked for again,
    and its sessions go on when it comes back before the keepalive ends them."""

    LINE = True
    _link: LineLink

    def __init__(self, bus: Bus, path: str, baud: int = BAUD) -> None:
        self.path = path
        self._announcements: OnLine | None = None
        self._cable = Cable(path, baud, bus.node.profile, self._on_readable, self._on_plug)
        super().__init__(bus, self._cable.link)

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
            if connection.cause.code == LINE_VERSION:
                raise PeerError(LINE_VERSION, OLD)
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
        super().close()
        self._cable.close()

    # The pump

    def _read(self, now: int) -> None:
        self._link.now = now
        super()._read(now)

    def _move(self) -> None:
        link = self._link
        link.turn(self._pump, now_ms())
        if link.line.old:
            link.line.old = 0
            self._refuse_old()
        self._cable.check()

    def _refuse_old(self) -> None:
        """The other end speaks the line format before this one, which is not spoken here."""
        log.warning("%s: %s", self.path, OLD)
        for session in self.endpoint.sessions.values():
            if session.half_open and session.path == NEIGHBOUR:
                session.refuse(LINE_VERSION)

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
        return self._cable.fileno()

    def _on_plug(self, there: bool) -> None:
        if not there:
            self._unwatch_writing()
            if self._announcements is not None:
                self._bus.node.discover().unplugged(self.path)
            return
        if self._announcements is not None:
            self._announcements.restart(now_ms())
        self.turn()
