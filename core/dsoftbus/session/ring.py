"""The receive buffer of a stream: a ring, whose memory it holds only while it holds bytes."""


class Spares:
    """Buffers that empty rings gave back, for the next ring that fills.

    Many streams of which a few hold bytes then need the memory of a few, and on a host those few
    stay in the processor's cache. At most `most` are kept. One that is larger than was asked for
    will do.
    """

    def __init__(self, most: int):
        self._most = most
        self._kept: list = []  # a board's few fit in a list that has never grown

    def take(self, size: int) -> bytearray:
        if self._kept:
            buffer = self._kept.pop()
            if len(buffer) >= size:
                return buffer
        return bytearray(size)

    def give(self, buffer: bytearray) -> None:
        if len(self._kept) < self._most:
            self._kept.append(buffer)


class Ring:
    """Bytes in arrival order, at most `capacity`. The caller checks the room (credit does).

    Its memory grows to the most that it ever held at once.
    """

    def __init__(self, capacity: int, copy, spares: Spares):
        self.capacity = capacity
        self._copy = copy
        self._spares = spares
        self._buffer: bytearray = None
        self._size = 0  # of the buffer, or of the next one
        self._head = 0
        self.used = 0

    def put(self, src, start: int, n: int) -> None:
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
        buffer = self._spares.take(size)
        held = self.used
        if held:
            self.take_into(buffer, 0, held)
            self.used = held
        self._buffer = buffer
        self._size = len(buffer)

    def byte(self, index: int) -> int:
        """The byte `index` places from the front (index < used), without taking it."""
        at = self._head + index
        size = self._size
        return self._buffer[at - size if at >= size else at]

    def take_into(self, dst, at: int, n: int) -> None:
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

    def view(self):
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
            self._buffer = None
            self._head = 0

    def grow(self, capacity: int) -> None:
        """More room; only while nothing is held."""
        self.capacity = capacity
