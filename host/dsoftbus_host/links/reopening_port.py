"""Serial ports on asyncio's loop, by pyserial; a cable may be pulled, and put back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import serial

from dsoftbus.errors import Unsupported
from dsoftbus.line.line_link import LineLink
from dsoftbus_host import display
from dsoftbus_host.contained import Contained
from dsoftbus_host.event_loop import running_loop

if TYPE_CHECKING:
    from dsoftbus.contracts import Profile

BAUD = 115200
REOPEN_SECONDS = 0.5  # between two looks for a port that was unplugged
log = display.log()


class BytePort:
    """A serial port that never waits: the byte port of `LineLink`. Owns the port."""

    def __init__(self, path: str, baud: int) -> None:
        if os.name != "posix":
            raise Unsupported("serial ports on this system: they cannot be waited for")
        import termios  # only there

        try:
            self.serial = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
        except termios.error as error:  # the port has gone again; that class is no OSError
            raise OSError(*error.args) from error
        try:
            os.set_blocking(self.fileno(), False)
            mode = termios.tcgetattr(self.fileno())
            # pyserial's 0 makes "nothing now" look like "nothing any more".
            mode[6][termios.VMIN] = 1
            termios.tcsetattr(self.fileno(), termios.TCSANOW, mode)
        except termios.error as error:  # as above
            self.close()
            raise OSError(*error.args) from error

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


class ReopeningPort:
    """`link` is a LineLink on the port at `path`. A port that is unplugged is looked for again.

    `on_readable()` is called when there is something to read, `on_plug(there)` when the port has
    gone (False), its descriptor still open, and when it is back (True). Raises OSError.
    """

    def __init__(
        self,
        path: str,
        baud: int,
        profile: Profile,
        on_readable: Callable[[], object],
        on_plug: Callable[[bool], None],
    ) -> None:
        self.path = path
        self._baud = baud
        self._on_readable = on_readable
        self._on_plug = on_plug
        self._loop = running_loop()
        self._reopening: asyncio.TimerHandle | None = None
        self._port: BytePort | None = BytePort(path, baud)
        self._fd = self._port.fileno()
        self.link = LineLink(self._port, int.from_bytes(os.urandom(2), "big"), profile)
        self._loop.add_reader(self._fd, on_readable)

    @property
    def there(self) -> bool:
        return self._port is not None

    def fileno(self) -> int:
        """The port's file descriptor, or -1 while it has none."""
        return -1 if self._port is None else self._fd

    def want_write(self, on: bool, on_writable: Callable[[], None]) -> None:
        """Has `on_writable()` called when the port takes something, or no longer."""
        if on and self._port is not None:
            self._loop.add_writer(self._fd, on_writable)
        else:
            self._loop.remove_writer(self._fd)

    def check(self) -> None:
        """After a turn of the link: it may have found that the port is gone."""
        if not self.link.ended or self._port is None:
            return
        log.warning("%s is gone", self.path)
        self._loop.remove_reader(self._fd)
        self._reopening = self._loop.call_later(REOPEN_SECONDS, self._reopen)
        with Contained(self.path):
            self._on_plug(False)
        self._port.close()
        self._port = None
        self.link.plug(None)

    def close(self) -> None:
        """Closes the port, and looks for none any more."""
        if self._reopening is not None:
            self._reopening.cancel()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self.link.close()

    def _reopen(self) -> None:
        try:
            self._port = BytePort(self.path, self._baud)
        except Exception as error:
            if not isinstance(error, OSError):  # what pyserial raises where there is no port
                log.error("%s", self.path, exc_info=error)
            self._reopening = self._loop.call_later(REOPEN_SECONDS, self._reopen)
            return
        log.warning("%s is back", self.path)
        self._reopening = None
        self._fd = self._port.fileno()
        self.link.plug(self._port)
        self._loop.add_reader(self._fd, self._on_readable)
        with Contained(self.path):
            self._on_plug(True)
