"""The raw REPL of a board as `mpremote` speaks to it, with less to send and to wait for.

It takes all that has come at once, and sends files deflated, in large pieces: as the texts of
bytes that `mpremote` sends they would be three times as long.
"""

from __future__ import annotations

import binascii
import time
import zlib
from collections.abc import Callable
from typing import Any

from mpremote.transport_serial import SerialTransport

from dsoftbus_host.board.eager_port import EagerPort

READ_SECONDS = 1.0  # what an answer may take
PIECE = 2048  # bytes of a file that a board unpacks at once, in some 8 KB of its heap
_BITS = 9  # of the window that it holds meanwhile: 512 bytes
# MicroPython has all of them since 1.21.
_UNPACK = f"""
try:
    from binascii import a2b_base64
    from deflate import RAW, DeflateIO
    from io import BytesIO
    print(True)
except ImportError:
    print(False)
def _put(text):
    _file.write(DeflateIO(BytesIO(a2b_base64(text)), RAW, {_BITS}).read())
"""


class RawRepl(SerialTransport):  # type: ignore[misc] # it has no types
    """The transport of mpremote for the board at `port`. Raises its TransportError, OSError."""

    serial: Any

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self.serial = EagerPort(self.serial)
        # Without it a read on a pseudo-terminal waits for ever, and no other bound holds.
        self.serial.timeout = READ_SECONDS
        self._unpacks: bool | None = None

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], object] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """Returns what has come until `ending`, or until nothing came for `timeout` seconds; with
        `data_consumer`, which is called with all of it, the last part alone."""
        data = b""
        began = heard = time.monotonic()
        while not data.endswith(ending):
            new, now = self.serial.read_through(ending[-1:]), time.monotonic()
            if new and data_consumer:
                data_consumer(new)
            if new:
                data, heard = new if data_consumer else data + new, now
            elif _is_over(heard, timeout, now) or _is_over(began, timeout_overall, now):
                break
        return data

    def fs_writefile(
        self,
        path: str,
        data: bytes,
        chunk_size: int = PIECE,
        progress_callback: Callable[[int, int], object] = lambda done, total: None,
    ) -> None:
        """Writes a file. Raises TransportError, OSError."""
        if self._unpacks is None:
            self._unpacks = b"True" in self.exec(_UNPACK)
        if not self._unpacks:
            super().fs_writefile(path, data, progress_callback=progress_callback)
            return
        program = f"_file = open({path!r}, 'wb')\n"
        for at in range(0, max(len(data), 1), chunk_size):
            end = min(at + chunk_size, len(data))
            program += f"_put({_packed(data[at:end])!r})\n"
            self.exec(program if end < len(data) else program + "_file.close()\n")
            progress_callback(end, len(data))
            program = ""


def _is_over(since: float, seconds: float | None, now: float) -> bool:
    return seconds is not None and now >= since + seconds


def _packed(data: bytes) -> bytes:
    """Deflated, and in base64."""
    packer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=-_BITS)
    return binascii.b2a_base64(packer.compress(data) + packer.flush(), newline=False)
