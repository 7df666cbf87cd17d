"""Serial lines on this host: a bus's sessions over a port of this machine, by pyserial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsoftbus.errors import LINE_VERSION, PeerError
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus_aio.line_port import LinePort
from dsoftbus_host import display
from dsoftbus_host.clock import now_ms
from dsoftbus_host.links.reopening_port import BAUD, ReopeningPort

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsoftbus.discovery.serial_discovery import OnLine
    from dsoftbus.line.line_link import LineLink
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection

CONNECT_MS = 20000
OLD = "the other end has an older version: install the node there anew"
log = display.log()


class SerialPort(LinePort):
    """The line at `path`, and the sessions on it. A port that is unplugged is looked for again,
    and its sessions go on when it comes back before the keepalive ends them."""

    def __init__(self, bus: BaseBus, path: str, baud: int = BAUD) -> None:
        self.path = path
        self._announcements: OnLine | None = None
        self._cable = ReopeningPort(path, baud, bus.node.profile, self._on_readable, self._on_plug)
        super().__init__(bus, self._cable.link)

    async def connect(
        self,
        public: bytes,
        timeout_ms: int = CONNECT_MS,
        psk: bytes | None = None,
        channel: int = NEIGHBOUR,
    ) -> Connection:
        """Connects as on every platform; an end that speaks an older format is told by its
        name."""
        try:
            connection: Connection = await super().connect(public, timeout_ms, psk, channel)
            return connection
        except PeerError as error:
            if error.code == LINE_VERSION:
                raise PeerError(LINE_VERSION, OLD) from None
            raise

    def close(self) -> None:
        """Closes the line; its sessions have lost it."""
        super().close()
        self._cable.close()

    # Ours: the pump

    def wrap_link(self, make: Callable[[LineLink], OnLine]) -> OnLine:
        """Puts announcements before the line; they restart when the port is back."""
        self._announcements = super().wrap_link(make)
        return self._announcements

    def watch(self) -> None:
        """The cable does, because its port comes and goes."""

    def _want_write(self, on: bool) -> None:
        self._cable.want_write(on, self.turn)

    def _move(self) -> None:
        super()._move()
        if self._link.line.old:
            self._link.line.old = 0
            self._refuse_old()
        self._cable.check()

    def _refuse_old(self) -> None:
        """The other end speaks the line format before this one, which is not spoken here."""
        log.warning("%s: %s", self.path, OLD)
        for session in self.endpoint.sessions.values():
            if session.half_open and session.path == NEIGHBOUR:
                session.refuse(LINE_VERSION)

    def _on_plug(self, there: bool) -> None:
        if not there:
            self._want_write(False)
            self._writing = False
            self._bus.moving.plugged(self, False)
            if self._announcements is not None:
                self._bus.node.discover().unplugged(self.path)
            return
        if self._announcements is not None:
            self._announcements.restart(now_ms())
        self.turn()
        self._bus.moving.plugged(self, True)
