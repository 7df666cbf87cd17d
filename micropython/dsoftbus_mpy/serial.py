"""Serial lines on MicroPython's asyncio, over a byte port: `uart_port`, `console_port`."""

import asyncio

from dsoftbus.line_link import BLOCKED_MS, LineLink
from dsoftbus.ticks import earliest
from dsoftbus_mpy.datagram_port import DatagramPort
from dsoftbus_mpy.waiting import change, readable


class SerialPort(DatagramPort):
    """A line of `bus` and the sessions on it; `byte_port` is a UartPort or a ConsolePort."""

    LINE = True

    def __init__(self, bus, byte_port):
        random = bus.node.local.random(2)
        epoch = random[0] << 8 | random[1]
        self._line = LineLink(byte_port, epoch, bus.node.profile)
        super().__init__(bus, self._line)
        self._waits_for = byte_port.waits_for

    def overhear(self, make):
        """`make(link)` gives a link that stands before the line from now on, and is returned."""
        self._pump.link = before = make(self._line)
        return before

    def _move(self) -> None:
        self._line.turn(self._pump, self._bus.now())
        if self._line.blocked:
            self._blocked.set()

    def poll_timer(self):
        return earliest(super().poll_timer(), self._line.poll_timer())

    def _on_timer(self, now: int) -> None:
        self._line.handle_timer(now)
        super()._on_timer(now)

    async def _read_link(self) -> bool:
        await readable(self._waits_for)
        if self._read():
            await asyncio.sleep_ms(0)
        self.turn()
        return self._line.ended

    def _read(self) -> bool:
        self._line.now = self._bus.now()
        return super()._read()

    async def _write_link(self) -> bool:
        if self._line.blocked:
            await asyncio.sleep_ms(BLOCKED_MS)
            self.turn()
        else:
            await change(self._blocked)
        return self._line.ended
