"""Randomness that is the same on every interpreter: never for anything but a simulation."""


class Chance:
    """`Chance(seed)(n)` gives n bytes, as the core's `random` does. A 16-bit xorshift pair (period
    2**32 - 1): every step fits a small int of a board.
    """

    def __init__(self, seed: int) -> None:
        self._x = seed & 0xFFFF
        self._y = (seed >> 16 & 0xFFFF) ^ 0x9E37
        if not self._x and not self._y:
            self._x = 1  # the fixed point
        self(16)  # neighbouring seeds begin alike; they have parted by now

    def __call__(self, n: int) -> bytes:
        x, y = self._x, self._y
        out = bytearray(n)
        for i in range(n):  # `bits16`, without a call for each byte
            t = x ^ (x << 5 & 0xFFFF)
            x = y
            y ^= y >> 1 ^ t ^ t >> 3
            out[i] = y & 0xFF
        self._x, self._y = x, y
        return bytes(out)

    def bits16(self) -> int:
        t = self._x ^ (self._x << 5 & 0xFFFF)
        self._x = self._y
        self._y ^= self._y >> 1 ^ t ^ t >> 3
        return self._y

    def below(self, limit: int) -> int:
        """An int in range(limit)."""
        if limit > 0x10000:
            return (self.bits16() << 16 | self.bits16()) % limit
        return self.bits16() % limit

    def happens(self, permille: int) -> bool:
        """True in so many of a thousand cases."""
        return permille > 0 and self.bits16() % 1000 < permille
