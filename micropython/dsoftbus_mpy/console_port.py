"""The console, which the REPL has otherwise, as the byte port of a serial line.

While a node owns the console, Ctrl-C is a byte of noise: no frame has one. Eight of them in a row,
which noise does not make, interrupt the program, so that tools come back in; while no session is
on the line, two are enough, and other keys are answered with a sentence (`base.console_keys`).
`close()` gives Ctrl-C back its meaning. **Nothing may be printed meanwhile that must not be
lost:** what a program prints goes to the same line, where the host drops it as noise.
"""

import select
import sys
import time

import micropython
from dsoftbus.errors import Unsupported

_CTRL_C = 3
_BREAK = 8
_ENTER = 13  # no key that is looked at is above it
_LONG_MS = 10000  # a silence, where ticks have wrapped meanwhile


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
        self.sessions = ()  # those on the line: while there are some, no key means anything
        self.key = 0  # the last one, where it was one by itself
        self.said = None  # when a key was answered, in ticks
        self._heard = time.ticks_add(time.ticks_ms(), -_LONG_MS)  # in ticks
        # On the unix port a Ctrl-C that the terminal makes a signal ends an interpreter that does
        # not wait for one: so first no signals, and in `close` they come last.
        self._terminal = _make_raw()
        micropython.kbd_intr(-1)

    def readinto(self, view):
        """Byte by byte, because the console has no way to read what is there and no more: so all
        that a byte needs is at hand, and nothing else is done for it."""
        ipoll = self._poll.ipoll
        read = self._in.readinto
        byte = self._byte
        breaks = self._breaks
        n = value = 0
        room = len(view)
        while n < room:
            for _ in ipoll(0):
                break
            else:
                break
            if not read(byte):
                return n
            view[n] = value = byte[0]
            n += 1
            if value == _CTRL_C:
                breaks += 1
                break  # what follows may be for the REPL
            breaks = 0
        self._breaks = breaks
        if not self.sessions and n and self._asked_back(view[0], value, n):
            breaks = _BREAK
        if breaks == _BREAK:
            self.close()
            raise KeyboardInterrupt
        return n or None

    def _asked_back(self, first: int, last: int, n: int) -> bool:
        """Returns whether keys have come that give the console back."""
        now = time.ticks_ms()
        silent_ms = time.ticks_diff(now, self._heard)
        self._heard = now
        if not (first and 0 < last <= _ENTER):
            self.key = 0
            return False
        try:
            from dsoftbus_mpy.base.console_keys import pressed

            return pressed(self, first, last, n, silent_ms if silent_ms >= 0 else _LONG_MS)
        except (ImportError, MemoryError):  # it is an offer, and the line goes on without
            return False

    def write(self, buffer, at: int, stop: int):
        """Writes `buffer[at:stop]`; returns how many bytes the console took, None for none."""
        return self._out.write(memoryview(buffer)[at:stop])

    def close(self) -> None:
        """Gives the console back to the REPL."""
        self._poll.unregister(sys.stdin)
        micropython.kbd_intr(_CTRL_C)
        if self._terminal is not None:
            import termios

            termios.tcsetattr(0, termios.TCSANOW, self._terminal)


def _make_raw():
    """On the unix port the terminal has a mode of its own: what it was before, or None."""
    try:
        import termios
    except ImportError:
        return None
    before = termios.tcgetattr(0)
    termios.setraw(0)
    return before
