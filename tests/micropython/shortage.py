"""A heap with a chosen number of free blocks, on MicroPython's unix port.

Nothing is collected meanwhile, so that what is taken never comes back: with `n` from 0 up to what
an exchange takes in all, every allocation of it is once the first one that fails. Memory that is
free afterwards may still be given away in smaller pieces, as on a board.
"""

import asyncio
import gc
import io
import time

BLOCK = 32  # bytes: the smallest piece of the heap of a 64-bit port
_LARGEST = 1 << 20
_SMALLEST = 1 << 12  # what is left in smaller pieces is filled block by block
_LOW_BYTES = 2048  # less than most need who need anything


class Shortage:
    """`begin(n)` leaves `n` free blocks, about; `end()` gives all back. While asyncio runs, it
    ends by itself when there has been next to nothing for `lasting_ms`."""

    def __init__(self):
        self.on = False
        self.lasting_ms = 0
        self.felt = False  # somebody has run out of memory since it began, or nearly so
        self._low_since = None
        self._ballast = [None] * 256
        self._chain = None  # of the smallest pieces
        queue = asyncio.core._io_queue
        self._wait = queue.wait_io_event
        queue.wait_io_event = self._look

    def begin(self, blocks: int) -> None:
        gc.collect()
        gc.disable()
        reserve = io.BytesIO(max(blocks, 1) * BLOCK)
        self._fill()
        self.felt = False
        self._low_since = None
        self.on = True
        reserve.close()  # frees its buffer at once

    def end(self) -> None:
        if self.on:
            self.on = False
            for at in range(len(self._ballast)):
                self._ballast[at] = None
            self._chain = None
            gc.enable()
            gc.collect()

    def _fill(self) -> None:
        size = _LARGEST
        at = 0
        while size >= _SMALLEST:
            try:
                self._ballast[at] = bytearray(size)
                at += 1
            except MemoryError:
                size //= 2
        chain = None
        try:
            while True:
                self._chain = chain = (chain,)
        except MemoryError:
            pass

    def _look(self, wait_ms: int) -> None:
        """In every turn of asyncio's loop; allocates nothing."""
        if self.on and gc.mem_free() < _LOW_BYTES:
            now = time.ticks_ms()
            if self._low_since is None:
                self._low_since = now
                self.felt = True
            if time.ticks_diff(now, self._low_since) >= self.lasting_ms:
                self.end()
            elif wait_ms < 0 or wait_ms > 10:
                wait_ms = 10
        self._wait(wait_ms)
