"""Frames on a serial line: consistent overhead byte stuffing, and resynchronisation.

Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999. A zero
ends every frame and stands nowhere inside; nor does a 3, which is Ctrl-C to a console, so that no
frame interrupts a board that is starting. A frame is stuffed twice, first for 3 and then for zero:

    code u8 | bytes without the value | code u8 | bytes without the value | ...

A code is the distance to the next one, or to the end, and one more from 3 on; in the frame the
value stands where each code but the first stood. Frames are at most 252 bytes, so that a distance
always fits and no code stands for itself alone: all happens in place, and moves nothing.
"""

if False:  # for types
    pass


HEAD = 2  # bytes that encoding puts before a frame: the first codes
FRAME_MAX = 252  # bytes before encoding
ENCODED_MAX = HEAD + FRAME_MAX + 1  # with the zero
_FRAME_MIN = 6  # the shortest that means anything, encoded
_AHEAD = 16  # bytes that a read may bring beyond a frame: a board reads often
_ZERO = b"\0"
_CTRL_C = b"\3"
_NO_CODE = 3


def encode(buffer: bytearray, at: int, stop: int) -> int:
    """Encodes the frame in `buffer[at + HEAD:stop]` to `buffer[at:stop + 1]`; returns its end.

    `buffer` is a bytearray; the frame has at most FRAME_MAX bytes.
    """
    _stuff(buffer, at + 1, stop, _CTRL_C)
    _stuff(buffer, at, stop, _ZERO)
    return stop + 1


def decode(buffer: bytearray, at: int, stop: int) -> bool:
    """Decodes `buffer[at:stop]`, the zero left out: then the frame is `buffer[at + HEAD:stop]`.

    False, with anything in the buffer, for what `encode` did not make.
    """
    return _unstuff(buffer, at, stop, 0) and _unstuff(buffer, at + 1, stop, _NO_CODE)


def _stuff(buffer: bytearray, at: int, stop: int, value: bytes) -> None:
    buffer[stop] = value[0]
    while at < stop:
        found = buffer.find(value, at + 1, stop + 1)
        distance = found - at
        buffer[at] = distance + (distance >= _NO_CODE)
        at = found


def _unstuff(buffer: bytearray, at: int, stop: int, value: int) -> bool:
    code = at
    while code < stop:
        step = buffer[code]
        if not step or step == _NO_CODE:
            return False
        code += step - (step > _NO_CODE)
    if code != stop:
        return False
    code = at
    while code < stop:
        step = buffer[code]
        buffer[code] = value  # the first one is not looked at again
        code += step - (step > _NO_CODE)
    return True


class Deframer:
    """Finds frames in what a line brings; what is none is dropped up to a zero, and counted.

    Fill `space()`, say how much with `filled(n)`, and take frames with `next()`.
    """

    def __init__(self, capacity: int = ENCODED_MAX + _AHEAD) -> None:
        self.buffer = bytearray(capacity)
        self._view = memoryview(self.buffer)
        self.at = 0  # the frame that next() found is buffer[at:stop]
        self.stop = 0
        self.dropped = 0  # stretches between two zeros that were no frame
        self._start = 0
        self._end = 0
        self._scanned = 0
        self._skipping = False  # the stretch that goes on has been dropped already

    def space(self) -> memoryview:
        """A view of the free room; never empty once next() has returned False."""
        if self._start:
            kept = self._end - self._start
            self._view[:kept] = self._view[self._start : self._end]
            self._scanned -= self._start
            self._start = 0
            self._end = kept
        return self._view[self._end :]

    def filled(self, n: int) -> None:
        """`n` bytes of the view that `space()` gave have been filled."""
        self._end += n

    def next(self) -> bool:
        """Finds the next frame, at `buffer[at:stop]` until the next `space()`; False for none."""
        while True:
            zero = self.buffer.find(_ZERO, self._scanned, self._end)
            if zero < 0:
                self._scanned = self._end
                if self._skipping or self._end - self._start >= ENCODED_MAX:
                    # No frame is as long as what has come without a zero: it is dropped.
                    self.dropped += not self._skipping
                    self._skipping = True
                    self._start = self._end = self._scanned = 0
                return False
            self.at = self._start + HEAD
            self.stop = zero
            at = self._start
            self._start = self._scanned = zero + 1
            skipping = self._skipping
            self._skipping = False
            if skipping or at == zero:  # the end of what was dropped; or nothing between two zeros
                continue
            if _FRAME_MIN <= zero - at < ENCODED_MAX and decode(self.buffer, at, zero):
                return True
            self.dropped += 1
