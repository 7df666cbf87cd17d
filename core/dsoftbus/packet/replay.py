"""The replay window: which packet numbers were here, in a bitmap of fixed size (RFC 6479)."""


class ReplayWindow:
    """Remembers the newest `size` numbers (a power of two, at least 16), less up to seven.

    The bitmap is a ring of bytes; the byte that the largest number stands in is shared with the
    oldest ones, so these are given up early.
    """

    def __init__(self, size: int) -> None:
        self._bits = bytearray(size >> 3)
        self._mask = (size >> 3) - 1
        self._depth = size - 8
        self.largest = -1

    def stale(self, number: int) -> bool:
        """Beneath the window: whether it was here is not known any more."""
        return number <= self.largest - self._depth

    def seen(self, number: int) -> bool:
        """Returns whether `number`, which is not stale, was marked."""
        if number > self.largest:
            return False
        return self._bits[number >> 3 & self._mask] >> (number & 7) & 1 != 0

    def mark(self, number: int) -> None:
        """`number` has been authenticated."""
        if number > self.largest:
            self._advance(number)
        self._bits[number >> 3 & self._mask] |= 1 << (number & 7)

    def _advance(self, number: int) -> None:
        """Clears what the window moves over, at most all of it."""
        index = self.largest >> 3
        self.largest = number
        left = (number >> 3) - index
        if left > self._mask:
            left = self._mask + 1
        while left > 0:
            index += 1
            self._bits[index & self._mask] = 0
            left -= 1
