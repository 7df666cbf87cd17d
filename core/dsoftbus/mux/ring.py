"""The receive buffer of a stream: a ring, whose memory it holds only while it holds bytes."""

from dsoftbus.base.codec import get_u32

if False:  # for types
    from dsoftbus.base.spares import Spares
    from dsoftbus.contracts import Buffer, Copy, Data


class Ring:
    """Bytes in arrival order, at most `capacity`. The caller checks the room (credit does).

    Its memory grows to the most that it ever held at once.
    """

    def __init__(self, capacity: int, copy: "Copy", spares: "Spares") -> None:
        self.capacity = capacity
        self._copy = copy
        self._spares = spares
        self._buffer: bytearray = None  # type: ignore[assignment] # while it holds nothing
        self._size = 0  # of the buffer, or of the next one
        self._head = 0
        self.used = 0

    def put(self, src: "Data", start: int, n: int) -> None:
        """Takes `src[start:start + n]`. Raises MemoryError, and has taken nothing then."""
        if self._buffer is None or self.used + n > self._size:
            self._make_room(self.used + n)
        size = self._size
        tail = self._head + self.used
        if tail >= size:
            tail -= size
        first = size - tail
        if n <= first:
            self._copy(self._buffer, tail, src, start, n)
        else:
            self._copy(self._buffer, tail, src, start, first)
            self._copy(self._buffer, 0, src, start + first, n - first)
        self.used += n

    def _make_room(self, least: int) -> None:
        """A buffer for `least` bytes, twice as long as the one before where that is too short."""
        size = self._size
        if least > size:
            size = min(max(least, 2 * size), self.capacity)
        try:
            buffer = self._spares.take(size)
        except MemoryError:
            buffer = self._spares.take(least, 0 if self.used else -1)
        held = self.used
        if held:
            self.take_into(buffer, 0, held)
            self.used = held
        self._buffer = buffer
        self._size = len(buffer)

    def u32(self) -> int:
        """The big-endian u32 at the front (4 <= used), which stays; -1 for 2**30 or more."""
        at = self._head
        size = self._size
        buffer = self._buffer
        if at + 4 <= size or buffer[at] > 0x3F:
            return get_u32(buffer, at)
        value = 0
        for i in range(at, at + 4):  # it goes on where the buffer begins
            value = value << 8 | buffer[i % size]
        return value

    def take_into(self, dst: "Buffer", at: int, n: int) -> None:
        """Moves the first `n` bytes (n <= used) to `dst` at `at`."""
        if n == 0:
            return
        first = self._size - self._head
        if n <= first:
            self._copy(dst, at, self._buffer, self._head, n)
        else:
            self._copy(dst, at, self._buffer, self._head, first)
            self._copy(dst, at + first, self._buffer, 0, n - first)
        self.drop(n)

    def view(self) -> memoryview:
        """The first contiguous run, borrowed until the next call that changes the ring."""
        if not self.used:
            return memoryview(b"")
        stop = min(self._head + self.used, self._size)
        return memoryview(self._buffer)[self._head : stop]

    def take(self, n: int) -> bytes:
        """The first `n` bytes, or as many as lie together at the front."""
        head = self._head
        n = min(n, self.used, self._size - head)
        if n <= 0:
            return b""
        data = bytes(memoryview(self._buffer)[head : head + n])
        self.drop(n)
        return data

    def drop(self, n: int) -> None:
        """Forgets the first `n` bytes (n <= used)."""
        self.used -= n
        self._head += n
        if self._head >= self._size:
            self._head -= self._size
        if not self.used and self._buffer is not None:
            self._spares.give(self._buffer)
            self._buffer = None  # type: ignore[assignment] # as above
            self._head = 0
