"""Serial lines on MicroPython's asyncio: a UART, or the console that the REPL has otherwise.

While a bus owns the console, Ctrl-C is a byte like any other: `close()` gives it back its meaning.
Eight of them in a row, which no frame has by chance, interrupt the program: so tools come back in.
**Nothing may be printed meanwhile that must not be lost:** what a program prints goes to the same
line, where the host drops it as noise.
"""

import asyncio
import select
import sys

import micropython
from dsoftbus.errors import Unsupported
from dsoftbus.line_link import LineLink
from dsoftbus.ticks import earliest
from dsoftbus_mpy.datagram_port import DatagramPort
from dsoftbus_mpy.waiting import change, readable

_CTRL_C = 3
_BREAK = 8
_BLOCKED_MS = 2  # until a UART whose buffer was full is tried again: 20 bytes at 115200 baud


class UartPort:
    """`machine.UART` as a byte port. Make it with `timeout=0`, and `rxbuf` of 512 or more."""

    def __init__(self, uart):
        self.waits_for = uart
        self._uart = uart

    def readinto(self, view):
        n = self._uart.any()
        return self._uart.readinto(view, min(n, len(view))) if n else None

    def write(self, buffer, at: int, stop: int):
        return self._uart.write(memoryview(buffer)[at:stop])

    def close(self) -> None:
        self._uart.deinit()


class ConsolePort:
    """The console as a byte port: USB on most boards, the terminal on the unix port."""

    def __init__(self):
        self.waits_for = sys.stdin
        self._in = getattr(sys.stdin, "buffer", None)
        self._out = getattr(sys.stdout, "buffer", None)
        if self._in is None or self._out is None or not hasattr(micropython, "kbd_intr"):
            raise Unsupported("a console for bytes: sys.stdin.buffer and micropython.kbd_intr")
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._byte = memoryview(bytearray(1))
        self._breaks = 0  # Ctrl-C in a row
        micropython.kbd_intr(-1)
        self._terminal = _make_raw()

    def readinto(self, view):
        """Byte by byte, because the console has no way to read what is there and no more."""
        n = 0
        while n < len(view) and self._ready():
            if not self._in.readinto(self._byte):
                return n or 0
            view[n] = self._byte[0]
            n += 1
            self._breaks = self._breaks + 1 if self._byte[0] == _CTRL_C else 0
            if self._breaks == _BREAK:
                self.close()
                raise KeyboardInterrupt
        return n or None

    def _ready(self) -> bool:
        for _ in self._poll.ipoll(0):
            return True
        return False

    def write(self, buffer, at: int, stop: int):
        return self._out.write(memoryview(buffer)[at:stop])

    def close(self) -> None:
        self._poll.unregister(sys.stdin)
        if self._terminal is not None:
            import termios

            termios.tcsetattr(0, termios.TCSANOW, self._terminal)
        micropython.kbd_intr(_CTRL_C)


def _make_raw():
    """On the unix port the terminal has a mode of its own: what it was before, or None."""
    try:
        import termios
    except ImportError:
        return None
    before = termios.tcgetattr(0)
    termios.setraw(0)
    return before


class SerialPort(DatagramPort):
    """A line of `bus` and the sessions on it; `byte_port` is a UartPort or a ConsolePort."""

    def __init__(self, bus, byte_port):
        random = bus.node.local.random(2)
        epoch = random[0] << 8 | random[1]
        self._line = LineLink(byte_port, epoch, bus.node.profile)
        super().__init__(bus, self._line)
        self._waits_for = byte_port.waits_for
        self._tasks = (bus.spawn(self._read_line()), bus.spawn(self._write_line()))

    def _move(self) -> None:
        line = self._line
        line.now = self._bus.now()
        self._pump.turn(line.now)
        while line.flush() and self._pump.blocked:
            self._pump.turn(line.now)
        if line.blocked:
            self._blocked.set()

    def poll_timer(self):
        return earliest(super().poll_timer(), self._line.poll_timer())

    def _on_timer(self, now: int) -> None:
        self._line.handle_timer(now)
        super()._on_timer(now)

    async def _read_line(self) -> None:
        while not self._line.ended:
            await readable(self._waits_for)
            self._line.now = self._bus.now()
            if self._read():
                await asyncio.sleep_ms(0)
            self.turn()

    async def _write_line(self) -> None:
        while not self._line.ended:
            if self._line.blocked:
                await asyncio.sleep_ms(_BLOCKED_MS)
                self.turn()
            else:
                await change(self._blocked)
