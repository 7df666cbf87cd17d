"""Serial lines on MicroPython's asyncio, over a byte port: `uart_port`, `console_port`."""

from dsoftbus.line.line_link import BLOCKED_MS, LineLink
from dsoftbus_aio.line_port import LinePort


class SerialPort(LinePort):
    """A line of `bus` and the sessions on it; `byte_port` is a UartPort or a ConsolePort."""

    def __init__(self, bus, byte_port):
        random = bus.node.local.random(2)
        epoch = random[0] << 8 | random[1]
        link = LineLink(byte_port, epoch, bus.node.profile)
        link.line.pool.room = bus.node.room
        super().__init__(bus, link)
        self._waits_for = byte_port.waits_for
        byte_port.sessions = self.endpoint.sessions
        self._again = bus.runtime.timer(self.turn)

    # Ours

    def watch(self) -> None:
        self._watch = self._bus.runtime.watch(self._waits_for, self._on_readable)

    def close(self) -> None:
        super().close()
        self._again.close()

    def _move(self) -> None:
        """A line cannot be asked whether it takes something: it is tried again and again."""
        super()._move()
        if self.blocked:
            self._again.at(self._now() + BLOCKED_MS)

    def _want_write(self, on: bool) -> None:
        """See `_move`."""

    def _on_readable(self) -> None:
        super()._on_readable()
        if self._link.ended:  # or its end would be read again and again
            self._watch.close()
